#include "tensor/ops/cross_entropy.h"

#include <algorithm>
#include <string_view>
#include <vector>

#include "tensor/math.h"
#include "tensor/ops/operand.h"
#include "tensor/ops/target_refusals.h"
#include "tensor/row_sum.h"
#include "tensor/rows.h"

namespace chainline::cpu::CHAINLINE_ISA {
namespace {

/// The loss of one labelled token. log(sum) + (max - x[target]) keeps the digits that
/// lse - x[target] would lose when the logits are large.
template <class T>
T token_loss(const T* x, std::int64_t target, T smoothing, std::int64_t V, T max, T log_sum) {
  const T loss = log_sum + (max - x[target]);
  if (smoothing == 0) return loss;
  const T mean = row_sum<T>(V, [=](std::int64_t v) { return x[v] - max; }) / static_cast<T>(V);
  return (T(1) - smoothing) * loss + smoothing * (log_sum - mean);
}

/// The gradient of one token's loss, times g.
template <class T>
void token_gradient(const T* x, std::int64_t target, std::int64_t ignored, T smoothing,
                    std::int64_t V, T lse, T g, T* dx) {
  if (target == ignored) {
    std::fill_n(dx, V, T(0));
    return;
  }
  const T everywhere = smoothing / static_cast<T>(V);
  for (std::int64_t v = 0; v < V; ++v) dx[v] = g * (math::exp_at_most_one(x[v] - lse) - everywhere);
  const T p = math::exp_at_most_one(x[target] - lse);
  dx[target] = g * ((p - everywhere) - (T(1) - smoothing));
}

}  // namespace

void cross_entropy(const Tensor& logits, const Tensor& targets, const Tensor& grad_loss,
                   const ops::CrossEntropyOptions& options, Tensor& loss, Tensor& counts,
                   Tensor& lse, Tensor& dlogits) {
  const std::int64_t V = logits.shape()[-1], samples = counts.numel();
  const std::int64_t tokens = samples == 0 ? 0 : targets.numel() / samples;
  const std::int64_t* target = targets.data<std::int64_t>();
  const std::int64_t ignored = options.ignore_index;
  check_targets(targets, V, ignored, "cross_entropy");
  std::int64_t* const count = counts.mutable_data<std::int64_t>();
  count_labelled(targets, samples, ignored,
                 [=](std::int64_t b, std::int64_t labelled) { count[b] = labelled; });
  visit_floating(logits.dtype(), "cross_entropy", [&]<class T>(Type<T>) {
    const auto smoothing = static_cast<T>(options.label_smoothing);
    std::vector<T> token_losses(static_cast<std::size_t>(targets.numel()));
    T *of_token = token_losses.data(), *plse = lse.mutable_data<T>();
    const T* px = logits.data<T>();
    const T* pg = grad_loss.defined() ? grad_loss.data<T>() : nullptr;
    T* pdx = dlogits.defined() ? dlogits.mutable_data<T>() : nullptr;
    const auto token = [=](std::int64_t r) {
      plse[r] = of_token[r] = T(0);
      if (target[r] == ignored) return;
      const T* x = px + r * V;
      const T max = row_max<T>(V, [=](std::int64_t v) { return x[v]; });
      const T log_sum = math::log(
          row_sum<T>(V, [=](std::int64_t v) { return math::exp_at_most_one(x[v] - max); }));
      plse[r] = max + log_sum;
      of_token[r] = token_loss(x, target[r], smoothing, V, max, log_sum);
    };
    // First the losses of a chunk, then its gradients: the rows are still in the cache, and no row
    // waits for its own logarithm.
    constexpr std::int64_t kElementsPerChunk = 16384;
    parallel_for(targets.numel(), std::max<std::int64_t>(1, kElementsPerChunk / V),
                 [=](std::int64_t begin, std::int64_t end) {
                   for (std::int64_t r = begin; r < end; ++r) token(r);
                   if (pdx == nullptr) return;
                   for (std::int64_t r = begin; r < end; ++r) {
                     token_gradient(px + r * V, target[r], ignored, smoothing, V, plse[r],
                                    pg[r / tokens], pdx + r * V);
                   }
                 });
    T* ploss = loss.mutable_data<T>();
    for (std::int64_t b = 0; b < samples; ++b) {
      ploss[b] = row_sum<T>(tokens, [=](std::int64_t t) { return of_token[b * tokens + t]; });
    }
  });
}

void cross_entropy_backward(const Tensor& grad_loss, const Tensor& logits, const Tensor& targets,
                            const Tensor& lse, const ops::CrossEntropyOptions& options,
                            Tensor& dlogits) {
  const std::int64_t V = logits.shape()[-1], samples = grad_loss.numel();
  const std::int64_t tokens = samples == 0 ? 0 : targets.numel() / samples;
  const std::int64_t* target = targets.data<std::int64_t>();
  const std::int64_t ignored = options.ignore_index;
  check_targets(targets, V, ignored, "cross_entropy_backward");
  visit_floating(logits.dtype(), "cross_entropy_backward", [&]<class T>(Type<T>) {
    const auto smoothing = static_cast<T>(options.label_smoothing);
    const T *pg = grad_loss.data<T>(), *px = logits.data<T>(), *plse = lse.data<T>();
    T* pdx = dlogits.mutable_data<T>();
    parallel_rows({targets.numel(), V}, [=](std::int64_t r) {
      token_gradient(px + r * V, target[r], ignored, smoothing, V, plse[r], pg[r / tokens],
                     pdx + r * V);
    });
  });
}

void cross_entropy_scale(Normalization normalization, const Tensor& counts,
                         std::int64_t batch_tokens, std::int64_t batch_samples, Tensor& scale) {
  const std::int64_t* count = counts.data<std::int64_t>();
  visit_floating(scale.dtype(), "cross_entropy_scale", [&]<class T>(Type<T>) {
    T* out = scale.mutable_data<T>();
    for (std::int64_t b = 0; b < counts.numel(); ++b) {
      double divisor = 1;
      if (normalization == Normalization::per_token) divisor = static_cast<double>(batch_tokens);
      if (normalization == Normalization::per_sample) {
        if (count[b] <= 0) refuse_count(b);
        divisor = static_cast<double>(count[b]) * static_cast<double>(batch_samples);
      }
      out[b] = static_cast<T>(1 / divisor);
    }
  });
}

}  // namespace chainline::cpu::CHAINLINE_ISA

namespace chainline::ops {
namespace {

void check_cross_entropy(const Tensor& logits, const Tensor& targets,
                         const CrossEntropyOptions& options, std::string_view op) {
  check<ShapeError>((logits.rank() == 2 || logits.rank() == 3) && logits.shape()[-1] >= 1, op,
                    ": logits: expected shape (B, T, V) or (N, V) with V >= 1, got ",
                    logits.shape());
  const Shape tokens = logits.shape().without(-1);
  check<ShapeError>(targets.shape() == tokens, op, ": targets: expected shape ", tokens, ", got ",
                    targets.shape());
  check<DTypeError>(targets.dtype() == DType::i64, op, ": targets: expected dtype i64, got ",
                    targets.dtype());
  check<DeviceError>(targets.device() == logits.device(), op, ": targets: expected device ",
                     logits.device(), ", got ", targets.device());
  check<ValueError>(options.label_smoothing >= 0 && options.label_smoothing < 1, op,
                    ": label_smoothing: expected a number of [0, 1), got ",
                    options.label_smoothing);
}

CrossEntropyResult empty_result(const Tensor& logits, const Tensor& targets) {
  const Shape samples{logits.shape()[0]};
  const DType dtype = parameter_dtype(logits.dtype());
  return {Tensor::empty(samples, dtype, logits.device()),
          Tensor::empty(samples, DType::i64, logits.device()),
          Tensor::empty(targets.shape(), dtype, logits.device())};
}

}  // namespace

CrossEntropyResult cross_entropy(const Tensor& logits, const Tensor& targets,
                                 const CrossEntropyOptions& options) {
  check_cross_entropy(logits, targets, options, "cross_entropy");
  CrossEntropyResult out = empty_result(logits, targets);
  Tensor no_gradient;
  kernel::cross_entropy(logits.device(), logits.contiguous(), targets.contiguous(), {}, options,
                        out.loss, out.counts, out.lse, no_gradient);
  return out;
}

CrossEntropyWithGradient cross_entropy_with_gradient(const Tensor& logits, const Tensor& targets,
                                                     const Tensor& grad_loss,
                                                     const CrossEntropyOptions& options) {
  check_cross_entropy(logits, targets, options, "cross_entropy_with_gradient");
  check_parameter(grad_loss, {logits.shape()[0]}, logits, "cross_entropy_with_gradient",
                  "grad_loss");
  CrossEntropyWithGradient out{empty_result(logits, targets),
                               Tensor::empty(logits.shape(), logits.dtype(), logits.device())};
  kernel::cross_entropy(logits.device(), logits.contiguous(), targets.contiguous(),
                        grad_loss.contiguous(), options, out.result.loss, out.result.counts,
                        out.result.lse, out.dlogits);
  return out;
}

Tensor cross_entropy_backward(const Tensor& grad_loss, const Tensor& logits, const Tensor& targets,
                              const Tensor& lse, const CrossEntropyOptions& options) {
  check_cross_entropy(logits, targets, options, "cross_entropy_backward");
  check_parameter(grad_loss, {logits.shape()[0]}, logits, "cross_entropy_backward", "grad_loss");
  check_parameter(lse, targets.shape(), logits, "cross_entropy_backward", "lse");
  Tensor dlogits = Tensor::empty(logits.shape(), logits.dtype(), logits.device());
  kernel::cross_entropy_backward(logits.device(), grad_loss.contiguous(), logits.contiguous(),
                                 targets.contiguous(), lse.contiguous(), options, dlogits);
  return dlogits;
}

Tensor cross_entropy_scale(Normalization normalization, const Tensor& counts,
                           std::int64_t batch_tokens, std::int64_t batch_samples, DType dtype) {
  check<DTypeError>(counts.dtype() == DType::i64,
                    "cross_entropy_scale: counts: expected dtype i64, got ", counts.dtype());
  check<ShapeError>(counts.rank() == 1, "cross_entropy_scale: counts: expected shape (B), got ",
                    counts.shape());
  check<ValueError>(normalization != Normalization::per_token || batch_tokens > 0,
                    "cross_entropy_scale: batch_tokens: expected a number above 0, got ",
                    batch_tokens);
  check<ValueError>(normalization != Normalization::per_sample || batch_samples > 0,
                    "cross_entropy_scale: batch_samples: expected a number above 0, got ",
                    batch_samples);
  Tensor scale = Tensor::empty(counts.shape(), dtype, counts.device());
  kernel::cross_entropy_scale(counts.device(), normalization, counts.contiguous(), batch_tokens,
                              batch_samples, scale);
  return scale;
}

}  // namespace chainline::ops
