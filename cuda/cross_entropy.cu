// A warp for each token: its lanes are the lanes of rule 3. The softmax is stored nowhere. The
// formulas are those of tensor/ops/cross_entropy.cpp.

#include "tensor/ops/cross_entropy.h"

#include "cuda/arithmetic.cuh"
#include "cuda/first.cuh"
#include "cuda/row_sum.cuh"
#include "tensor/device_graph.h"
#include "tensor/math.h"
#include "tensor/ops/target_refusals.h"

namespace chainline::cuda {
namespace {

template <class T>
struct Tokens {
  const T* logits;
  const std::int64_t* targets;
  std::int64_t count, per_sample, V, ignored;
  Arithmetic<T> smoothing;
};

/// The gradient of token r's loss, times g, by all lanes.
template <class T>
__device__ void token_gradient(const Tokens<T>& tokens, std::int64_t r, Arithmetic<T> lse,
                               Arithmetic<T> g, T* dlogits) {
  using A = Arithmetic<T>;
  const std::int64_t V = tokens.V, target = tokens.targets[r];
  const T* const x = tokens.logits + r * V;
  const A everywhere = tokens.smoothing / static_cast<A>(V);
  for (std::int64_t v = lane(); v < V; v += kWarp) {
    const A p = math::exp_at_most_one(widen(x[v]) - lse);
    const A peak = v == target ? A(1) - tokens.smoothing : A(0);
    dlogits[r * V + v] = static_cast<T>(target == tokens.ignored ? A(0)
                                        : v == target            ? g * ((p - everywhere) - peak)
                                                                 : g * (p - everywhere));
  }
}

template <class T>
__global__ void loss_kernel(Tokens<T> tokens, const Arithmetic<T>* grad_loss, Arithmetic<T>* losses,
                            Arithmetic<T>* lse, T* dlogits) {
  using A = Arithmetic<T>;
  const std::int64_t V = tokens.V;
  for (std::int64_t r = first_row(); r < tokens.count; r += rows_at_once()) {
    const T* const x = tokens.logits + r * V;
    const std::int64_t target = tokens.targets[r];
    A loss = 0, log_of_row = 0;
    if (target != tokens.ignored) {
      const A max = row_max<A>(V, [=](std::int64_t v) { return widen(x[v]); });
      const A log_sum = math::log(
          row_sum<A>(V, [=](std::int64_t v) { return math::exp_at_most_one(widen(x[v]) - max); }));
      log_of_row = max + log_sum;
      loss = log_sum + (max - widen(x[target]));
      if (tokens.smoothing != 0) {
        const A mean =
            row_sum<A>(V, [=](std::int64_t v) { return widen(x[v]) - max; }) / static_cast<A>(V);
        loss = (A(1) - tokens.smoothing) * loss + tokens.smoothing * (log_sum - mean);
      }
    }
    if (lane() == 0) {
      losses[r] = loss;
      lse[r] = log_of_row;
    }
    if (dlogits != nullptr) {
      token_gradient(tokens, r, log_of_row, grad_loss[r / tokens.per_sample], dlogits);
    }
  }
}

template <class T>
__global__ void backward_kernel(Tokens<T> tokens, const Arithmetic<T>* grad_loss,
                                const Arithmetic<T>* lse, T* dlogits) {
  for (std::int64_t r = first_row(); r < tokens.count; r += rows_at_once()) {
    token_gradient(tokens, r, lse[r], grad_loss[r / tokens.per_sample], dlogits);
  }
}

template <class T>
__global__ void sum_of_samples_kernel(std::int64_t samples, std::int64_t tokens, const T* losses,
                                      T* loss) {
  for (std::int64_t b = first_row(); b < samples; b += rows_at_once()) {
    const T* const of_sample = losses + b * tokens;
    const T sum = row_sum<T>(tokens, [=](std::int64_t t) { return of_sample[t]; });
    if (lane() == 0) loss[b] = sum;
  }
}

__global__ void count_kernel(std::int64_t samples, std::int64_t tokens, std::int64_t ignored,
                             const std::int64_t* targets, std::int64_t* counts) {
  for (std::int64_t b = first_element(); b < samples; b += elements_at_once()) {
    std::int64_t count = 0;
    for (std::int64_t t = 0; t < tokens; ++t) count += targets[b * tokens + t] != ignored;
    counts[b] = count;
  }
}

template <class T>
__global__ void scale_kernel(Normalization normalization, std::int64_t samples,
                             const std::int64_t* counts, std::int64_t batch_tokens,
                             std::int64_t batch_samples, T* scale) {
  for (std::int64_t b = first_element(); b < samples; b += elements_at_once()) {
    double divisor = 1;
    if (normalization == Normalization::per_token) divisor = static_cast<double>(batch_tokens);
    if (normalization == Normalization::per_sample) {
      divisor = static_cast<double>(counts[b]) * static_cast<double>(batch_samples);
    }
    scale[b] = static_cast<T>(1 / divisor);
  }
}

struct IsNoClass {
  const std::int64_t* targets;
  std::int64_t V, ignored;
  __device__ bool operator()(std::int64_t i) const {
    return (targets[i] < 0 || targets[i] >= V) && targets[i] != ignored;
  }
};
struct IsNone {
  const std::int64_t* counts;
  __device__ bool operator()(std::int64_t b) const { return counts[b] <= 0; }
};
struct IsSome {
  const std::int64_t* counts;
  __device__ bool operator()(std::int64_t b) const { return counts[b] > 0; }
};

/// Refuses a target that is neither a class nor ignored; looked at where it is known.
void check_targets(const Tensor& targets, std::int64_t V, std::int64_t ignored,
                   std::string_view op) {
  const auto check_values = [=, op = std::string(op)](const Tensor& known) {
    cpu::check_targets(known, V, ignored, op);
  };
  if (check_on_host(targets, op, "targets", check_values)) return;
  const std::int64_t n = targets.numel();
  const std::int64_t i =
      first_where(n, IsNoClass{targets.device_data<std::int64_t>(), V, ignored}, targets.device());
  if (i < n) refuse_target(targets.shape(), i, element(targets, i), V, ignored, op);
}

/// Counts the labelled tokens of every sample and refuses samples that nothing is learned from. A
/// sample of (N, V) is a row, so there it takes all of them.
void count_labelled(const Tensor& targets, std::int64_t ignored, Tensor& counts) {
  const std::int64_t samples = counts.numel();
  if (samples == 0) return;
  launch_elements(samples, &count_kernel, samples, targets.numel() / samples, ignored,
                  targets.device_data<std::int64_t>(), counts.mutable_device_data<std::int64_t>());
  const auto check_values = [=](const Tensor& known) {
    cpu::count_labelled(known, samples, ignored, [](std::int64_t, std::int64_t) {});
  };
  if (check_on_host(targets, "cross_entropy", "targets", check_values)) return;
  const std::int64_t* const count = counts.device_data<std::int64_t>();
  if (targets.rank() > 1) {
    const std::int64_t b = first_where(samples, IsNone{count}, counts.device());
    if (b < samples) refuse_unlabelled_sample(b);
  } else if (first_where(samples, IsSome{count}, counts.device()) == samples) {
    refuse_unlabelled_rows(samples);
  }
}

template <class T>
Tokens<T> tokens_of(const Tensor& logits, const Tensor& targets, std::int64_t samples,
                    const ops::CrossEntropyOptions& options) {
  const std::int64_t n = targets.numel();
  return {logits.device_data<T>(),
          targets.device_data<std::int64_t>(),
          n,
          samples == 0 ? 0 : n / samples,
          logits.shape()[-1],
          options.ignore_index,
          static_cast<Arithmetic<T>>(options.label_smoothing)};
}

}  // namespace

void cross_entropy(const Tensor& logits, const Tensor& targets, const Tensor& grad_loss,
                   const ops::CrossEntropyOptions& options, Tensor& loss, Tensor& counts,
                   Tensor& lse, Tensor& dlogits) {
  check_targets(targets, logits.shape()[-1], options.ignore_index, "cross_entropy");
  count_labelled(targets, options.ignore_index, counts);
  visit_activation(logits.dtype(), "cross_entropy", [&]<class T>(Type<T>) {
    using A = Arithmetic<T>;
    const Tokens<T> tokens = tokens_of<T>(logits, targets, counts.numel(), options);
    Tensor losses = Tensor::empty(targets.shape(), dtype_of<A>, logits.device());
    launch_rows(tokens.count, &loss_kernel<T>, tokens,
                grad_loss.defined() ? grad_loss.device_data<A>() : nullptr,
                losses.mutable_device_data<A>(), lse.mutable_device_data<A>(),
                dlogits.defined() ? dlogits.mutable_device_data<T>() : nullptr);
    launch_rows(counts.numel(), &sum_of_samples_kernel<A>, counts.numel(), tokens.per_sample,
                losses.device_data<A>(), loss.mutable_device_data<A>());
  });
}

void cross_entropy_backward(const Tensor& grad_loss, const Tensor& logits, const Tensor& targets,
                            const Tensor& lse, const ops::CrossEntropyOptions& options,
                            Tensor& dlogits) {
  check_targets(targets, logits.shape()[-1], options.ignore_index, "cross_entropy_backward");
  visit_activation(logits.dtype(), "cross_entropy_backward", [&]<class T>(Type<T>) {
    using A = Arithmetic<T>;
    launch_rows(targets.numel(), &backward_kernel<T>,
                tokens_of<T>(logits, targets, grad_loss.numel(), options),
                grad_loss.device_data<A>(), lse.device_data<A>(), dlogits.mutable_device_data<T>());
  });
}

void cross_entropy_scale(Normalization normalization, const Tensor& counts,
                         std::int64_t batch_tokens, std::int64_t batch_samples, Tensor& scale) {
  const std::int64_t samples = counts.numel();
  const std::int64_t* const count = counts.device_data<std::int64_t>();
  if (normalization == Normalization::per_sample) {
    const auto check_values = [=](const Tensor& known) {
      const std::int64_t* const p = known.data<std::int64_t>();
      for (std::int64_t b = 0; b < samples; ++b) {
        if (p[b] <= 0) refuse_count(b);
      }
    };
    if (!check_on_host(counts, "cross_entropy_scale", "counts", check_values)) {
      const std::int64_t b = first_where(samples, IsNone{count}, counts.device());
      if (b < samples) refuse_count(b);
    }
  }
  visit_floating(scale.dtype(), "cross_entropy_scale", [&]<class T>(Type<T>) {
    launch_elements(samples, &scale_kernel<T>, normalization, samples, count, batch_tokens,
                    batch_samples, scale.mutable_device_data<T>());
  });
}

}  // namespace chainline::cuda
