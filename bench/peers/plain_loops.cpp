#include "bench/peers/plain_loops.h"

#include <omp.h>

#include <algorithm>
#include <cmath>
#include <memory>

#include "bench/peers/plain_layers.h"
#include "tensor/error.h"

namespace chainline::bench {
namespace {

using namespace model;

using Numbers = std::vector<float>;

void add(Numbers& to, const Numbers& x) {
#pragma omp parallel for
  for (std::size_t i = 0; i < to.size(); ++i) to[i] += x[i];
}

/// Zeros, in memory that is taken once.
float* zeros(Numbers& numbers, std::size_t n) {
  numbers.assign(n, 0);
  return numbers.data();
}

}  // namespace

PlainLoops::PlainLoops(const StepSizes& s, const std::vector<nn::NamedParameter>& parameters)
    : sizes_(s),
      B_(static_cast<int>(s.batch)),
      P_(static_cast<int>(s.patches())),
      T_(static_cast<int>(s.tokens())),
      C_(static_cast<int>(s.channels)),
      vision_(static_cast<std::size_t>(s.layers)),
      text_(static_cast<std::size_t>(s.layers)) {
  const auto C = static_cast<std::size_t>(C_), V = static_cast<std::size_t>(kVocabulary);
  patch_ = take(C * static_cast<std::size_t>(kPatchNumbers));
  position_ = take(static_cast<std::size_t>(P_) * C);
  pre_norm_ = take(C, C);
  for (Block& block : vision_) take_block(block, false);
  project1_ = take(C * C, C);
  project2_ = take(C * C, C);
  embedding_ = take(V * C);
  for (Block& block : text_) take_block(block, true);
  last_norm_ = take(C);
  head_ = take(V * C);
  for (const nn::NamedParameter& p : parameters) {
    const Tensor value = p.variable.value().contiguous();
    parameters_.insert(parameters_.end(), value.data<float>(), value.data<float>() + value.numel());
  }
  check<ShapeError>(parameters_.size() == taken_, "plain_loops: parameters: expected ", taken_,
                    " numbers, got ", parameters_.size());
  m_.assign(taken_, 0);
  v_.assign(taken_, 0);
}

PlainLoops::Layer PlainLoops::take(std::size_t weights, std::size_t biases) {
  const Layer layer{taken_, taken_ + weights, biases > 0};
  taken_ += weights + biases;
  return layer;
}

void PlainLoops::take_block(Block& b, bool text) {
  const auto C = static_cast<std::size_t>(C_);
  const auto hidden = static_cast<std::size_t>(text ? sizes_.text_hidden : sizes_.vision_hidden);
  const std::size_t bias = text ? 0 : 1;
  b.text = text;
  b.norm1 = take(C, bias * C);
  for (Layer* const layer : {&b.q, &b.k, &b.v, &b.out}) *layer = take(C * C, bias * C);
  b.norm2 = take(C, bias * C);
  b.first = take(hidden * C, bias * hidden);
  if (text) b.up = take(hidden * C);
  b.last = take(C * hidden, bias * C);
}

/// x becomes the block's output.
void PlainLoops::forward(Block& b, int tokens, Numbers& x) {
  const int R = B_ * tokens, C = C_;
  const int hidden = static_cast<int>(b.text ? sizes_.text_hidden : sizes_.vision_hidden);
  const plain::Heads heads{B_, tokens, static_cast<int>(sizes_.heads()),
                           static_cast<int>(kHeadWidth)};
  const auto rows = static_cast<std::size_t>(R), n = x.size(),
             h = rows * static_cast<std::size_t>(hidden);
  b.x = x;
  for (Numbers* const row : {&b.normed1, &b.qs, &b.ks, &b.vs, &b.attended, &b.middle, &b.normed2}) {
    row->resize(n);
  }
  for (Numbers* const row : {&b.hidden, &b.ups, &b.activated}) row->resize(h);
  b.statistics1.resize(2 * rows);
  b.statistics2.resize(2 * rows);
  b.scores.resize(rows * static_cast<std::size_t>(heads.H * tokens));
  plain::norm(R, C, x.data(), weight(b.norm1), bias(b.norm1), b.normed1.data(),
              b.statistics1.data());
  plain::linear(R, C, C, b.normed1.data(), weight(b.q), bias(b.q), b.qs.data());
  plain::linear(R, C, C, b.normed1.data(), weight(b.k), bias(b.k), b.ks.data());
  plain::linear(R, C, C, b.normed1.data(), weight(b.v), bias(b.v), b.vs.data());
  if (b.text) {
    plain::rope(heads, b.qs.data(), 1);
    plain::rope(heads, b.ks.data(), 1);
  }
  plain::attention(heads, b.text, b.qs.data(), b.ks.data(), b.vs.data(), b.scores.data(),
                   b.attended.data());
  plain::linear(R, C, C, b.attended.data(), weight(b.out), bias(b.out), b.middle.data());
  add(b.middle, x);
  plain::norm(R, C, b.middle.data(), weight(b.norm2), bias(b.norm2), b.normed2.data(),
              b.statistics2.data());
  plain::linear(R, C, hidden, b.normed2.data(), weight(b.first), bias(b.first), b.hidden.data());
  if (b.text) {
    plain::linear(R, C, hidden, b.normed2.data(), weight(b.up), nullptr, b.ups.data());
    plain::silu_gate(R * hidden, b.hidden.data(), b.ups.data(), b.activated.data());
  } else {
    plain::gelu(R * hidden, b.hidden.data(), b.activated.data());
  }
  plain::linear(R, hidden, C, b.activated.data(), weight(b.last), bias(b.last), x.data());
  add(x, b.middle);
}

/// dx, the gradient of the block's output, becomes that of its input.
void PlainLoops::backward(Block& b, int tokens, Numbers& dx) {
  const int R = B_ * tokens, C = C_;
  const int hidden = static_cast<int>(b.text ? sizes_.text_hidden : sizes_.vision_hidden);
  const plain::Heads heads{B_, tokens, static_cast<int>(sizes_.heads()),
                           static_cast<int>(kHeadWidth)};
  const std::size_t n = dx.size(), h = b.hidden.size();
  Numbers dactivated, dhidden(h), dups, dnormed, dattended, dq, dk, dv;
  plain::linear_backward(R, hidden, C, dx.data(), b.activated.data(), weight(b.last),
                         zeros(dactivated, h), dweight(b.last), dbias(b.last));
  zeros(dnormed, n);
  if (b.text) {
    dups.resize(h);
    plain::silu_gate_backward(R * hidden, dactivated.data(), b.hidden.data(), b.ups.data(),
                              dhidden.data(), dups.data());
    plain::linear_backward(R, C, hidden, dups.data(), b.normed2.data(), weight(b.up),
                           dnormed.data(), dweight(b.up), nullptr);
  } else {
    plain::gelu_backward(R * hidden, dactivated.data(), b.hidden.data(), dhidden.data());
  }
  plain::linear_backward(R, C, hidden, dhidden.data(), b.normed2.data(), weight(b.first),
                         dnormed.data(), dweight(b.first), dbias(b.first));
  plain::norm_backward(R, C, dnormed.data(), b.middle.data(), weight(b.norm2), b.statistics2.data(),
                       dx.data(), dweight(b.norm2), dbias(b.norm2));
  plain::linear_backward(R, C, C, dx.data(), b.attended.data(), weight(b.out), zeros(dattended, n),
                         dweight(b.out), dbias(b.out));
  plain::attention_backward(heads, b.text, dattended.data(), b.qs.data(), b.ks.data(), b.vs.data(),
                            b.scores.data(), b.attended.data(), zeros(dq, n), zeros(dk, n),
                            zeros(dv, n));
  if (b.text) {
    plain::rope(heads, dq.data(), -1);
    plain::rope(heads, dk.data(), -1);
  }
  zeros(dnormed, n);
  plain::linear_backward(R, C, C, dq.data(), b.normed1.data(), weight(b.q), dnormed.data(),
                         dweight(b.q), dbias(b.q));
  plain::linear_backward(R, C, C, dk.data(), b.normed1.data(), weight(b.k), dnormed.data(),
                         dweight(b.k), dbias(b.k));
  plain::linear_backward(R, C, C, dv.data(), b.normed1.data(), weight(b.v), dnormed.data(),
                         dweight(b.v), dbias(b.v));
  plain::norm_backward(R, C, dnormed.data(), b.x.data(), weight(b.norm1), b.statistics1.data(),
                       dx.data(), dweight(b.norm1), dbias(b.norm1));
}

/// A patch is a row: channel, then line, then column.
void PlainLoops::read_patches(const StepData& data) {
  const int S = static_cast<int>(sizes_.image_size), p = static_cast<int>(kPatchSize),
            across = S / p;
  const float* const images = data.images.data<float>();
  patches_.resize(static_cast<std::size_t>(B_ * P_) * static_cast<std::size_t>(kPatchNumbers));
  float* to = patches_.data();
  for (int b = 0; b < B_; ++b) {
    for (int patch = 0; patch < P_; ++patch) {
      for (int c = 0; c < static_cast<int>(kImageChannels); ++c) {
        for (int i = 0; i < p; ++i) {
          const int line = patch / across * p + i, column = patch % across * p;
          const float* from =
              images + ((b * static_cast<int>(kImageChannels) + c) * S + line) * S + column;
          to = std::copy_n(from, p, to);
        }
      }
    }
  }
}

/// The loss.
double PlainLoops::forward(const StepData& data) {
  const int R = B_ * P_, C = C_, rows = B_ * T_, V = static_cast<int>(kVocabulary);
  const auto n = static_cast<std::size_t>(R * C), all = static_cast<std::size_t>(rows * C);
  read_patches(data);
  embedded_.resize(n);
  statistics_.resize(2 * static_cast<std::size_t>(R));
  plain::linear(R, static_cast<int>(kPatchNumbers), C, patches_.data(), weight(patch_), nullptr,
                embedded_.data());
  for (int r = 0; r < R; ++r) {
    for (int c = 0; c < C; ++c) embedded_[r * C + c] += weight(position_)[r % P_ * C + c];
  }
  seen_.resize(n);
  plain::norm(R, C, embedded_.data(), weight(pre_norm_), bias(pre_norm_), seen_.data(),
              statistics_.data());
  for (Block& block : vision_) forward(block, P_, seen_);
  projected_.resize(n);
  activated_.resize(n);
  plain::linear(R, C, C, seen_.data(), weight(project1_), bias(project1_), projected_.data());
  plain::gelu(R * C, projected_.data(), activated_.data());
  Numbers image(n);
  plain::linear(R, C, C, activated_.data(), weight(project2_), bias(project2_), image.data());
  written_.resize(all);
  const int words = T_ - P_;
  const std::int64_t* const ids = data.ids.data<std::int64_t>();
  for (int b = 0; b < B_; ++b) {
    float* to = std::copy_n(image.data() + b * P_ * C, P_ * C, written_.data() + b * T_ * C);
    for (int t = 0; t < words; ++t) {
      to = std::copy_n(weight(embedding_) + ids[b * (words + 1) + 1 + t] * C, C, to);
    }
  }
  for (Block& block : text_) forward(block, T_, written_);
  normed_.resize(all);
  last_statistics_.resize(2 * static_cast<std::size_t>(rows));
  plain::norm(rows, C, written_.data(), weight(last_norm_), nullptr, normed_.data(),
              last_statistics_.data());
  logits_gradient_.resize(static_cast<std::size_t>(rows * V));
  plain::linear(rows, C, V, normed_.data(), weight(head_), nullptr, logits_gradient_.data());
  // From the logits to their gradient in place; the position before a word predicts it.
  const std::int64_t* const labels = data.labels.data<std::int64_t>();
  const float share = 1 / static_cast<float>(data.learnt);
  double loss = 0;
#pragma omp parallel for reduction(+ : loss)
  for (int r = 0; r < rows; ++r) {
    float* const row = logits_gradient_.data() + r * V;
    const int b = r / T_, word = r % T_ + 1 - P_;
    const std::int64_t target = word < 0 || word >= words ? -1 : labels[b * (words + 1) + 1 + word];
    if (target < 0) {
      std::fill_n(row, V, 0.0F);
      continue;
    }
    const float largest = *std::max_element(row, row + V), wanted = row[target] - largest;
    float sum = 0;
    for (int v = 0; v < V; ++v) sum += row[v] = std::exp(row[v] - largest);
    for (int v = 0; v < V; ++v) row[v] *= share / sum;
    row[target] -= share;
    loss += static_cast<double>((std::log(sum) - wanted) * share);
  }
  return loss;
}

void PlainLoops::backward(const StepData& data) {
  const int R = B_ * P_, C = C_, rows = B_ * T_, V = static_cast<int>(kVocabulary);
  const auto n = static_cast<std::size_t>(R * C), all = static_cast<std::size_t>(rows * C);
  zeros(gradients_, taken_);
  Numbers dnormed, dx;
  plain::linear_backward(rows, C, V, logits_gradient_.data(), normed_.data(), weight(head_),
                         zeros(dnormed, all), dweight(head_), nullptr);
  plain::norm_backward(rows, C, dnormed.data(), written_.data(), weight(last_norm_),
                       last_statistics_.data(), zeros(dx, all), dweight(last_norm_), nullptr);
  for (std::size_t l = text_.size(); l-- > 0;) backward(text_[l], T_, dx);
  const int words = T_ - P_;
  const std::int64_t* const ids = data.ids.data<std::int64_t>();
  Numbers dimage(n), dactivated, dprojected(n), dseen;
  for (int b = 0; b < B_; ++b) {
    std::copy_n(dx.data() + b * T_ * C, P_ * C, dimage.data() + b * P_ * C);
    for (int t = 0; t < words; ++t) {
      float* const to = dweight(embedding_) + ids[b * (words + 1) + 1 + t] * C;
      for (int c = 0; c < C; ++c) to[c] += dx[(b * T_ + P_ + t) * C + c];
    }
  }
  plain::linear_backward(R, C, C, dimage.data(), activated_.data(), weight(project2_),
                         zeros(dactivated, n), dweight(project2_), dbias(project2_));
  plain::gelu_backward(R * C, dactivated.data(), projected_.data(), dprojected.data());
  plain::linear_backward(R, C, C, dprojected.data(), seen_.data(), weight(project1_),
                         zeros(dseen, n), dweight(project1_), dbias(project1_));
  for (std::size_t l = vision_.size(); l-- > 0;) backward(vision_[l], P_, dseen);
  Numbers dembedded;
  plain::norm_backward(R, C, dseen.data(), embedded_.data(), weight(pre_norm_), statistics_.data(),
                       zeros(dembedded, n), dweight(pre_norm_), dbias(pre_norm_));
  for (int r = 0; r < R; ++r) {
    for (int c = 0; c < C; ++c) dweight(position_)[r % P_ * C + c] += dembedded[r * C + c];
  }
  plain::linear_backward(R, static_cast<int>(kPatchNumbers), C, dembedded.data(), patches_.data(),
                         weight(patch_), nullptr, dweight(patch_), nullptr);
}

/// The gradients' norm, clipped to 1, and AdamW without decay.
double PlainLoops::clip_and_step() {
  double squares = 0;
  const auto n = static_cast<std::int64_t>(taken_);
#pragma omp parallel for reduction(+ : squares)
  for (std::int64_t i = 0; i < n; ++i) {
    squares += double{gradients_[i]} * double{gradients_[i]};
  }
  const double norm = std::sqrt(squares);
  const auto factor = static_cast<float>(norm > 1 ? 1 / norm : 1);
  ++steps_;
  const auto power = static_cast<double>(steps_);
  const auto rate = static_cast<float>(1e-3 / (1 - std::pow(0.9, power)));
  const auto root = static_cast<float>(1 / std::sqrt(1 - std::pow(0.999, power)));
#pragma omp parallel for
  for (std::int64_t i = 0; i < n; ++i) {
    const float g = gradients_[i] * factor;
    m_[i] = 0.9F * m_[i] + 0.1F * g;
    v_[i] = 0.999F * v_[i] + 0.001F * g * g;
    parameters_[i] -= rate * m_[i] / (std::sqrt(v_[i]) * root + 1e-8F);
  }
  return norm;
}

Step PlainLoops::step(const StepData& data, int threads) {
  omp_set_num_threads(threads);
  const double loss = forward(data);
  backward(data);
  return {loss, clip_and_step()};
}

namespace {

const StepContender plain_loops("plain_loops", [](const StepSizes& sizes,
                                                  const std::vector<nn::NamedParameter>& parameters,
                                                  int threads) {
  const auto loops = std::make_shared<PlainLoops>(sizes, parameters);
  return std::function<Step(const StepData&)>(
      [loops, threads](const StepData& data) { return loops->step(data, threads); });
});

}  // namespace

}  // namespace chainline::bench
