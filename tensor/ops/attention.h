#pragma once

#include "tensor/kernel.h"
#include "tensor/tensor.h"

namespace chainline::ops {

/// Which keys a query sees, and how scores are scaled.
struct AttentionOptions {
  /// Factor of the scores, usually 1 / sqrt(D).
  double scale = 1;
  /// Query i sees the keys j <= i + (S - T): the last query sees all of them.
  bool causal = false;
  /// u8, broadcast to (B, H, T, S); 0 hides a key from a query. With `causal`, both must allow it.
  Tensor mask;
};

/// Averages the values, weighted by how well each query fits their keys.
///
///   s[i, j] = scale * sum_d q[i, d] * k[j, d],   p[i, j] = exp(s[i, j] - max[i])
///   sum[i] = sum_j p[i, j],   y[i] = (sum_j p[i, j] * v[j]) / sum[i],   lse[i] = max[i] +
///   log(sum[i])
///
/// over the keys j that query i sees, for each of H heads; head h reads group h / (H / G) of keys
/// and values. A hidden key contributes exactly nothing, whatever its key and value hold. A query
/// that sees no key has y = 0, max = lse = -inf, sum = 0 and no gradient.
///
/// The backward needs the bits of p / sum, which lse alone does not give back: so max and sum are
/// results too. In bf16 there are no such bits: max is lse and sum is 1, which is the same p / sum.
///
/// Shapes   q (B, H, T, D); k (B, G, S, D); v (B, G, S, V), G a divisor of H
///          ->  y (B, H, T, V); lse, max, sum (B, H, T). y lies in memory as (B, T, H, V), so that
///          joining the heads again is a view
/// DTypes   f32, f64; on CUDA also bf16, with lse, max and sum in f32; q, k, v alike; any strides
///          are read in place
/// Errors   ShapeError when an operand is not of rank 4, the sizes differ, G does not divide H or
///          the mask does not broadcast; DTypeError, DeviceError when the operands differ
/// Bits     exact, rule 8: s a chain over d; sum by rule 3 over j; y a chain over ascending j.
///          bf16 is repeatable: f32 sums in any order, p rounded to bf16 for y, and a hidden key
///          must be finite to contribute nothing
/// Source   Vaswani et al.: Attention Is All You Need (2017), eq. 1; Ainslie et al.: GQA (2023)
struct AttentionResult {
  Tensor y, lse, max, sum;
};
AttentionResult attention(const Tensor& q, const Tensor& k, const Tensor& v,
                          const AttentionOptions& options = {});

/// The gradient of attention, given the results of the forward.
///
///   w[i, j] = p[i, j] / sum[i],   dv[j] = sum_i w[i, j] * grad_y[i]
///   ds[i, j] = w[i, j] * (grad_y[i] . v[j] - grad_y[i] . y[i]) * scale
///   dq[i] = sum_j ds[i, j] * k[j],   dk[j] = sum_i ds[i, j] * q[i]
///
/// Shapes   grad_y as y  ->  dq as q; dk as k; dv as v; in memory as (B, T, H, D), like y
/// DTypes   as attention; grad_y and y as q
/// Errors   as attention
/// Bits     exact, rule 8: grad_y . y by rule 3; dq a chain over ascending keys, dk and dv chains
///          over ascending queries for each head, and a group's heads added in order from +0.
///          bf16 is repeatable, as attention, with w and ds rounded to bf16
struct AttentionGradients {
  Tensor dq, dk, dv;
};
AttentionGradients attention_backward(const Tensor& grad_y, const Tensor& q, const Tensor& k,
                                      const Tensor& v, const AttentionResult& forward,
                                      const AttentionOptions& options = {});

}  // namespace chainline::ops

/// mask is undefined or (B, H, T, S) with any strides; the rows of y are dense, lse, max and sum
/// are dense as a whole. For bf16 max is lse, and sum is neither written nor read.
CHAINLINE_KERNEL(attention,
                 void(const Tensor& q, const Tensor& k, const Tensor& v, double scale, bool causal,
                      const Tensor& mask, Tensor& y, Tensor& lse, Tensor& max, Tensor& sum));
/// Overwrites dq, dk and dv, whose rows are dense.
CHAINLINE_KERNEL(attention_backward,
                 void(const Tensor& grad_y, const Tensor& q, const Tensor& k, const Tensor& v,
                      const Tensor& y, const Tensor& max, const Tensor& sum, double scale,
                      bool causal, const Tensor& mask, Tensor& dq, Tensor& dk, Tensor& dv));
