#pragma once

#include "tensor/kernel.h"
#include "tensor/tensor.h"

namespace chainline {

/// How the tokens' losses of a batch become its loss. Always over the whole batch, so that its
/// micro-batches agree.
enum class Normalization { sum, per_token, per_sample };

namespace ops {

struct CrossEntropyOptions {
  std::int64_t ignore_index = -100;
  double label_smoothing = 0;
};

/// Sums the losses of a sample's tokens: the negative logarithm of the probability that softmax
/// gives to the target, smoothed by e = label_smoothing towards the mean of all V.
///
///   loss[b] = sum_t (1 - e) * (lse[b, t] - logits[b, t, target]) + e * (lse[b, t] - mean_v logits)
///   lse[b, t] = log sum_v exp(logits[b, t, v])
///
/// A token whose target is ignore_index has no loss and no gradient, and its lse is left at 0; the
/// others are labelled, and counts[b] counts them. The softmax is not stored; the gradient computes
/// it again from lse.
///
/// The batch's loss is sum_b scale[b] * loss[b] over the samples in order, with the factors of
/// cross_entropy_scale; they reach the gradient as grad_loss.
///
/// Shapes   logits (B, T, V), targets (B, T)  ->  loss (B); counts (B), i64; lse (B, T)
///          logits (N, V), targets (N)        ->  loss (N); counts (N); lse (N): T is 1
/// Units    loss and lse are natural logarithms (nats)
/// DTypes   logits f32 or f64, or bf16 with losses and lse in f32; targets i64
/// Errors   ShapeError when V is 0 or the targets do not fit; DTypeError, DeviceError for the
///          targets; ValueError for a target outside of [0, V) that is not ignore_index, naming its
///          position, for a sample (B, T, V) without a labelled token, naming it, for rows (N, V)
///          of which none is labelled, and for a label_smoothing outside of [0, 1)
/// Bits     exact; sums over V and over T by rule 3; bf16: those of f32, dlogits rounded once
/// Source   Szegedy et al.: Rethinking the Inception Architecture (2016), sec. 7, for the smoothing
struct CrossEntropyResult {
  Tensor loss, counts, lse;
};
CrossEntropyResult cross_entropy(const Tensor& logits, const Tensor& targets,
                                 const CrossEntropyOptions& options = {});

/// The gradient of cross_entropy.
///
///   dlogits[b, t, v] = grad_loss[b] * (exp(logits[b, t, v] - lse[b, t]) - e / V - (1 - e) [v is
///   target])
///
/// Shapes   grad_loss (B)  ->  dlogits as logits; zeros for tokens that are not labelled
/// Errors   ShapeError, DTypeError, DeviceError when the operands do not fit; ValueError for a
///          target as in cross_entropy
/// Bits     exact
Tensor cross_entropy_backward(const Tensor& grad_loss, const Tensor& logits, const Tensor& targets,
                              const Tensor& lse, const CrossEntropyOptions& options = {});

/// Both at once, for a gradient of the loss that is known before the loss is (the factors below):
/// each row of logits is read once, while it is in a cache, and the softmax is stored nowhere.
///
/// Shapes, errors, bits   those of the two
struct CrossEntropyWithGradient {
  CrossEntropyResult result;
  Tensor dlogits;
};
CrossEntropyWithGradient cross_entropy_with_gradient(const Tensor& logits, const Tensor& targets,
                                                     const Tensor& grad_loss,
                                                     const CrossEntropyOptions& options = {});

/// The factor of each sample's loss in the loss of the whole batch, of which `counts` may be a
/// part.
///
///   sum          1
///   per_token    1 / batch_tokens
///   per_sample   1 / (counts[b] * batch_samples)
///
/// batch_tokens is the number of labelled tokens and batch_samples the number of samples of the
/// whole batch. The quotient is computed in f64 and then converted.
///
/// Shapes   counts (B), i64  ->  (B) of `dtype`
/// Errors   ValueError when the divisor is not above 0, naming the sample if it is its count
/// Bits     exact
Tensor cross_entropy_scale(Normalization normalization, const Tensor& counts,
                           std::int64_t batch_tokens, std::int64_t batch_samples, DType dtype);

}  // namespace ops

}  // namespace chainline

/// Writes dlogits too, unless it and grad_loss are undefined.
CHAINLINE_KERNEL(cross_entropy,
                 void(const Tensor& logits, const Tensor& targets, const Tensor& grad_loss,
                      const ops::CrossEntropyOptions& options, Tensor& loss, Tensor& counts,
                      Tensor& lse, Tensor& dlogits));
CHAINLINE_KERNEL(cross_entropy_backward,
                 void(const Tensor& grad_loss, const Tensor& logits, const Tensor& targets,
                      const Tensor& lse, const ops::CrossEntropyOptions& options, Tensor& dlogits));
CHAINLINE_KERNEL(cross_entropy_scale,
                 void(Normalization normalization, const Tensor& counts, std::int64_t batch_tokens,
                      std::int64_t batch_samples, Tensor& scale));
