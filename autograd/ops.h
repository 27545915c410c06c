#pragma once

#include <cstdint>
#include <vector>

#include "autograd/variable.h"
#include "tensor/ops/attention.h"
#include "tensor/ops/cross_entropy.h"
#include "tensor/ops/gelu.h"
#include "tensor/random.h"

/// Every differentiable op on one page. Values, shapes and errors are those of the op of the same
/// name in tensor/ops/; here stands what it is to the calculus: g is the gradient that arrives.
/// Each `*_composed` is the same function made of primitive ops: the oracle of the tests, the
/// source of derivatives beyond the first, and the definition to teach from.
namespace chainline {

// --- identity, views, broadcasting (autograd/ops/views.cpp) ---

/// y = x as a new variable; dx = g.
Variable alias(const Variable& x);
/// dx = g in the old shape.
Variable reshape(const Variable& x, const Shape& shape);
Variable transpose(const Variable& x, std::int64_t a, std::int64_t b);
Variable permute(const Variable& x, const std::vector<std::int64_t>& order);
/// dx = g between zeros.
Variable narrow(const Variable& x, std::int64_t dim, std::int64_t start, std::int64_t length);
/// The view that stretches sizes of 1 and adds leading ones; dx = sum_to(g). The only op in which
/// broadcasting has a gradient.
Variable broadcast_to(const Variable& x, const Shape& shape);
/// The sum that undoes broadcast_to; dx = broadcast_to(g).
Variable sum_to(const Variable& x, const Shape& shape);
/// (B, C, H, W) -> (B, H/P * W/P, C*P*P), patches row by row; dx puts the patches back.
Variable patchify(const Variable& images, std::int64_t patch);
Variable unpatchify(const Variable& patches, const Shape& images, std::int64_t patch);
/// The same numbers in another floating dtype; dx = g in x's dtype.
Variable to(const Variable& x, DType dtype);

// --- elementwise (autograd/ops/binary.cpp, unary.cpp); operands broadcast ---

Variable add(const Variable& a, const Variable& b);       ///< da = g, db = g
Variable sub(const Variable& a, const Variable& b);       ///< da = g, db = -g
Variable mul(const Variable& a, const Variable& b);       ///< da = g b, db = g a
Variable div(const Variable& a, const Variable& b);       ///< da = g / b, db = -g a / b / b
Variable maximum(const Variable& a, const Variable& b);   ///< to the larger; ties share evenly
Variable minimum(const Variable& a, const Variable& b);   ///< to the smaller; ties share evenly
Variable add_scalar(const Variable& x, double s);         ///< dx = g
Variable mul_scalar(const Variable& x, double s);         ///< dx = s g
Variable neg(const Variable& x);                          ///< dx = -g
Variable abs(const Variable& x);                          ///< dx = g sign(x); 0 at 0
Variable square(const Variable& x);                       ///< dx = 2 g x
Variable sqrt(const Variable& x);                         ///< dx = g / (2 y)
Variable rsqrt(const Variable& x);                        ///< dx = -g y^3 / 2
Variable reciprocal(const Variable& x);                   ///< dx = -g y^2
Variable exp(const Variable& x);                          ///< dx = g y
Variable log(const Variable& x);                          ///< dx = g / x
Variable tanh(const Variable& x);                         ///< dx = g (1 - y^2)
Variable erf(const Variable& x);                          ///< dx = g 2/sqrt(pi) exp(-x^2)
Variable sigmoid(const Variable& x);                      ///< dx = g y (1 - y)
Variable sin(const Variable& x);                          ///< dx = g cos(x)
Variable cos(const Variable& x);                          ///< dx = -g sin(x)
Variable relu(const Variable& x);                         ///< dx = g where x > 0; 0 at 0
Variable clamp(const Variable& x, double lo, double hi);  ///< dx = g where lo <= x <= hi
Variable pow_int(const Variable& x, int n);               ///< dx = g n x^(n-1)
/// da = g where the condition holds, db = g elsewhere.
Variable where(const Tensor& condition, const Variable& a, const Variable& b);

Variable operator+(const Variable& a, const Variable& b);
Variable operator-(const Variable& a, const Variable& b);
Variable operator*(const Variable& a, const Variable& b);
Variable operator/(const Variable& a, const Variable& b);
Variable operator-(const Variable& x);
Variable operator*(const Variable& x, double s);
Variable operator*(double s, const Variable& x);
Variable operator+(const Variable& x, double s);

// --- reductions (autograd/ops/reduce.cpp) ---

Variable sum(const Variable& x, const std::vector<std::int64_t>& dims, bool keepdim = false);
Variable sum_all(const Variable& x);  ///< dx = g everywhere
Variable mean(const Variable& x, const std::vector<std::int64_t>& dims, bool keepdim = false);
/// dx = g at the extreme entries; ties share evenly.
Variable amax(const Variable& x, std::int64_t dim, bool keepdim = false);
Variable amin(const Variable& x, std::int64_t dim, bool keepdim = false);
/// dx = the cumulative sum of g from the end.
Variable cumsum(const Variable& x, std::int64_t dim);

// --- indexing (autograd/ops/embedding.cpp, gather.cpp, cat.cpp, dropout.cpp) ---

Variable embedding(const Variable& weight, const Tensor& ids);  ///< dweight: rows of g added up
Variable gather(const Variable& x, std::int64_t dim, const Tensor& index);  ///< dx: scatter_add
Variable scatter_add(const Variable& x, std::int64_t dim, const Tensor& index,
                     const Variable& source);  ///< dx = g, dsource = gather(g)
/// Rows of dimension 1: (B, S, C), (B, T) -> (B, T, C); -1 gives a row of zeros.
Variable gather_rows(const Variable& x, const Tensor& index);
Variable scatter_rows_add(const Variable& x, const Tensor& index, std::int64_t rows);
Variable cat(const Variables& parts, std::int64_t dim);  ///< each part gets its piece of g
/// x * mask / (1 - p), the mask recomputed from (epoch, sample, position); dx likewise from g.
Variable dropout(const Variable& x, double p, const Generator& generator, std::uint32_t epoch,
                 const std::vector<std::int64_t>& samples, std::uint64_t position);

// --- products (autograd/ops/matmul.cpp, linear.cpp, linear_gelu.cpp, attention.cpp) ---

Variable matmul(const Variable& a, const Variable& b);  ///< da = g b^T, db = a^T g
/// x W^T + b + residual; dx = g W, dW = sum over samples of g^T x, db = sum over samples of g.
Variable linear(const Variable& x, const Variable& weight, const Variable& bias = {},
                const Variable& residual = {});
Variable linear_composed(const Variable& x, const Variable& weight, const Variable& bias = {},
                         const Variable& residual = {});
/// gelu(x W^T + b); the gradients of linear, given g gelu'(x W^T + b).
Variable linear_gelu(const Variable& x, const Variable& weight, const Variable& bias,
                     GeluForm form);
Variable linear_gelu_composed(const Variable& x, const Variable& weight, const Variable& bias,
                              GeluForm form);
/// softmax(scale q k^T) v per head, with a key's group shared by several query heads.
Variable attention(const Variable& q, const Variable& k, const Variable& v,
                   const ops::AttentionOptions& options);
Variable attention_composed(const Variable& q, const Variable& k, const Variable& v,
                            const ops::AttentionOptions& options);

// --- rows (one file each in autograd/ops/) ---

Variable softmax(const Variable& x);      ///< dx = y (g - sum_c g y)
Variable log_softmax(const Variable& x);  ///< dx = g - exp(y) sum_c g
Variable softmax_composed(const Variable& x);
Variable log_softmax_composed(const Variable& x);
Variable layer_norm(const Variable& x, const Variable& weight, const Variable& bias, double eps);
Variable layer_norm_composed(const Variable& x, const Variable& weight, const Variable& bias,
                             double eps);
Variable rms_norm(const Variable& x, const Variable& weight, double eps);
Variable rms_norm_composed(const Variable& x, const Variable& weight, double eps);
Variable gelu(const Variable& x, GeluForm form);
Variable gelu_composed(const Variable& x, GeluForm form);
Variable silu(const Variable& x);
Variable silu_composed(const Variable& x);
Variable silu_gate(const Variable& gate, const Variable& up);  ///< silu(gate) * up
Variable silu_gate_composed(const Variable& gate, const Variable& up);
Variable rope(const Variable& x, const Tensor& positions, double theta);
Variable rope_composed(const Variable& x, const Tensor& positions, double theta);
/// The loss of each sample, (B): the sum over its labelled tokens of -log softmax(logits)[target].
Variable cross_entropy(const Variable& logits, const Tensor& targets,
                       const ops::CrossEntropyOptions& options);
/// The same for a loss whose gradient is known to be grad_loss, (B), as the factors of
/// ops::cross_entropy_scale are: its gradient is computed in the same pass over the logits. Should
/// another one arrive, it is computed then.
Variable cross_entropy(const Variable& logits, const Tensor& targets,
                       const ops::CrossEntropyOptions& options, const Tensor& grad_loss);
Variable cross_entropy_composed(const Variable& logits, const Tensor& targets,
                                const ops::CrossEntropyOptions& options);

}  // namespace chainline
