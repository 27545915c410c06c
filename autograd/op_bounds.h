#pragma once

#include <functional>
#include <string>
#include <vector>

#include "autograd/rounding.h"
#include "autograd/variable.h"
#include "tensor/ops/attention.h"
#include "tensor/ops/cross_entropy.h"
#include "tensor/ops/gelu.h"

namespace chainline {

/// How far an op in f32 may be from its formula in exact arithmetic, element by element, and where
/// that is derived.
struct ErrorBound {
  /// One of the words below.
  std::string from;
  /// The bound of each element of an output whose exact value is y, for inputs that are f32
  /// numbers held in f64.
  std::function<std::vector<double>(const std::vector<Tensor>& inputs, const Tensor& y)> of;
};

}  // namespace chainline

// The bounds of the op cases; for their files only.
namespace chainline::cases {

/// "copied": no operation rounds.
ErrorBound copied();
/// "rounded once": half an ulp of the result.
ErrorBound rounded_once();
/// "stated": the worst error of an elementary function, in ulps, over every f32 (tensor/math.h).
ErrorBound stated(double ulps);
/// "gamma": sums of products, in any order, by `roundings` roundings on the longest way:
///
///   |error| <= gamma_n * sum of |terms|,   gamma_n = n u / (1 - n u),   u = 2^-24
///
/// The sum of |terms| is the op itself on |inputs|. Source: Higham (2002), sec. 3.5 and 4.2.
ErrorBound gamma(const Function& run, std::int64_t roundings);

// "running": the formula of the op's header in the order of its kernel, written with Rounded.

ErrorBound elementwise(std::function<Rounded(const std::vector<Rounded>&)> formula);
ErrorBound of_linear(bool biased, bool residual);
ErrorBound of_linear_gelu(bool biased, GeluForm form);
ErrorBound of_softmax();
ErrorBound of_log_softmax();
ErrorBound of_layer_norm(double eps);
ErrorBound of_rms_norm(double eps);
ErrorBound of_gelu(GeluForm form);
ErrorBound of_rope(const Tensor& positions, double theta);
ErrorBound of_attention(const ops::AttentionOptions& options);
ErrorBound of_cross_entropy(const Tensor& targets, const ops::CrossEntropyOptions& options);

/// The bound of a primitive op that has no parameters; `inputs` are those of the case.
ErrorBound of_primitive(const std::string& op, const Function& run,
                        const std::vector<Tensor>& inputs);

}  // namespace chainline::cases
