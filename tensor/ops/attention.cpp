// Strategy. A block of queries against all keys it sees: its scores are products in a thread's own
// memory, turned into probabilities in place, and further products make y of them. Nothing of the
// size T x S outlives a block. The backward makes the same probabilities again.
//
// A hidden key must leave no trace, not even 0 * NaN or the sign of a zero, so the products that
// sum over keys or queries leave hidden pairs out (attention_block.h). What a causal query sees is
// all keys up to some one: a tile of queries takes the keys that all of them see at full speed, and
// then a corner of those that only some of them see. A mask is obeyed pair by pair, which is slower.

#include "tensor/ops/attention.h"

#include <algorithm>
#include <limits>

#include "tensor/math.h"
#include "tensor/ops/attention_block.h"
#include "tensor/ops/operand.h"
#include "tensor/parallel.h"

namespace chainline::cpu::CHAINLINE_ISA {
namespace {

/// Queries in a block: whole tiles, and enough of them to repay the packing of the keys.
constexpr std::int64_t kQueries = 112 / kTileRows * kTileRows;

/// The matrix of rows that head h of sample b has in a (B, H, rows, columns) tensor.
template <class T>
Matrix<T> head_of(const Tensor& t, std::int64_t b, std::int64_t h) {
  const Strides& s = t.strides();
  return {t.data<T>() + b * s[0] + h * s[1], s[2], s[3]};
}

/// The same for writing; rows are dense. The version is counted once, before the threads start.
template <class T>
struct HeadsOut {
  explicit HeadsOut(Tensor& t) : data(t.mutable_data<T>()), strides(t.strides()) {}
  T* head(std::int64_t b, std::int64_t h) const { return data + b * strides[0] + h * strides[1]; }
  std::int64_t row_stride() const { return strides[2]; }

  T* data;
  Strides strides;
};

struct Sizes {
  std::int64_t B, H, G, T, S, D, V;

  Sizes(const Tensor& q, const Tensor& k, const Tensor& v)
      : B(q.shape()[0]),
        H(q.shape()[1]),
        G(k.shape()[1]),
        T(q.shape()[2]),
        S(k.shape()[2]),
        D(q.shape()[3]),
        V(v.shape()[3]) {}

  std::int64_t group(std::int64_t h) const { return h / (H / G); }
};

/// What the queries see: all keys, or those up to their own, but for those that the mask hides.
struct Visibility {
  bool causal;
  const Tensor& mask;

  /// The queries from `begin` on of head h of sample b.
  template <class T>
  AttentionBlock<T> block(const Sizes& n, std::int64_t b, std::int64_t h,
                          std::int64_t begin) const {
    const Seen seen =
        mask.defined() ? head_of<std::uint8_t>(mask, b, h).from(begin, 0) : Seen{nullptr, 0, 0};
    return {std::min(kQueries, n.T - begin), n.S, causal ? begin + n.S - n.T + 1 : n.S, seen};
  }
};

/// p = exp(s - max) in a row of n; the p of a hidden key, whose s is -inf, is +0. In a row of
/// nothing but -inf, -inf - -inf would be a NaN that nobody gave.
template <class T>
void exponentiate(std::int64_t n, T max, T* row) {
  const T shift = max == -std::numeric_limits<T>::infinity() ? T(0) : max;
  for (std::int64_t j = 0; j < n; ++j) row[j] = math::exp_at_most_one(row[j] - shift);
}

/// The memory that a thread needs for a head.
template <class T>
struct HeadMemory {
  Scratch<T> s, ds, q, k, k_turned, v, v_turned, grad_y, dk, dv;
};

/// The forward of a block: `y` are its rows of y; max, sum and lse its parts of these.
template <class T>
void forward_of_block(const AttentionBlock<T>& block, Matrix<T> q, Matrix<T> k, Matrix<T> v,
                      std::int64_t D, std::int64_t V, T scale, T* y, std::int64_t y_stride, T* max,
                      T* sum, T* lse, HeadMemory<T>& memory) {
  const Panels<T> keys(D, block.keys(), k.transposed(), memory.k_turned);
  const Panels<T> values(block.keys(), V, v, memory.v);
  T* const s = memory.s.take(block.queries() * block.stride());
  block.pair_products(q, keys, s);
  for (std::int64_t i = 0; i < block.queries(); ++i) {
    T* const row = s + i * block.stride();
    const std::int64_t n = block.row_length(i);
    block.scale_and_hide(i, scale, row);
    max[i] = row_max<T>(n, [=](std::int64_t j) { return row[j]; });
    exponentiate(n, max[i], row);
    // The keys beyond the limit add +0 to lanes that are not negative.
    sum[i] = row_sum<T>(n, [=](std::int64_t j) { return row[j]; });
  }
  for (std::int64_t i = 0; i < block.queries(); ++i) lse[i] = max[i] + math::log(sum[i]);
  block.sum_over_keys(s, values, y, y_stride);
  for (std::int64_t i = 0; i < block.queries(); ++i) {
    const T total = sum[i];
    if (total == 0) continue;  // it sees nothing, and y is 0
    for (std::int64_t c = 0; c < V; ++c) y[i * y_stride + c] /= total;
  }
}

/// What the backward of a head reads, a row for each query.
template <class T>
struct HeadOperands {
  Matrix<T> grad_y, q, y;
  const T *max, *sum;
};

/// The backward of a block whose first query is `begin`: its rows of dq, and its share of the head's
/// dk (S, D) and dv (S, V), which are +0 at first, or anything where the block is the head's only one.
template <class T>
void backward_of_block(const AttentionBlock<T>& block, std::int64_t begin, const Sizes& n,
                       const HeadOperands<T>& in, const Panels<T>& k_turned,
                       const Panels<T>& v_turned, const Panels<T>& keys, T scale, T* dq,
                       std::int64_t dq_stride, T* dk, T* dv, HeadMemory<T>& memory) {
  const Matrix<T> q = in.q.from(begin, 0), grad_y = in.grad_y.from(begin, 0);
  const Panels<T> queries(block.queries(), n.D, q, memory.q);
  const Panels<T> upstream(block.queries(), n.V, grad_y, memory.grad_y);
  T* const w = memory.s.take(block.queries() * block.stride());
  T* const ds = memory.ds.take(block.queries() * block.stride());
  block.pair_products(q, k_turned, w);
  block.pair_products(grad_y, v_turned, ds);
  for (std::int64_t i = 0; i < block.queries(); ++i) {
    T *const w_i = w + i * block.stride(), *const ds_i = ds + i * block.stride();
    const std::int64_t length = block.row_length(i);
    block.scale_and_hide(i, scale, w_i);
    exponentiate(length, in.max[begin + i], w_i);
    const Matrix<T> dy_i = grad_y.from(i, 0), y_i = in.y.from(begin + i, 0);
    const T delta = row_sum<T>(n.V, [=](std::int64_t c) {
      return dy_i.data[c * dy_i.column_stride] * y_i.data[c * y_i.column_stride];
    });
    const T sum = in.sum[begin + i];
    const T total = sum == 0 ? T(1) : sum;  // of a query that sees nothing, every p is 0
    for (std::int64_t j = 0; j < length; ++j) {
      w_i[j] = w_i[j] / total;
      ds_i[j] = w_i[j] * (ds_i[j] - delta) * scale;
    }
  }
  block.sum_over_keys(ds, keys, dq, dq_stride);
  // A lone block sees all keys, so it leaves nothing of dk and dv unwritten.
  const GemmMode mode = block.queries() == n.T ? GemmMode::store : GemmMode::extend;
  block.sum_over_queries(ds, queries, dk, mode);
  block.sum_over_queries(w, upstream, dv, mode);
}

/// Adds the part of one of a group's heads to out, row by row; the first head's, to +0.
template <class T>
void add_rows(bool first, std::int64_t rows, std::int64_t columns, const T* part, T* out,
              std::int64_t out_stride) {
  for (std::int64_t r = 0; r < rows; ++r, part += columns, out += out_stride) {
    for (std::int64_t c = 0; c < columns; ++c) out[c] = (first ? T(0) : out[c]) + part[c];
  }
}

}  // namespace

void attention(const Tensor& q, const Tensor& k, const Tensor& v, double scale, bool causal,
               const Tensor& mask, Tensor& y, Tensor& lse, Tensor& max, Tensor& sum) {
  const Sizes n(q, k, v);
  const Visibility visible{causal, mask};
  visit_floating(q.dtype(), "attention", [&]<class T>(Type<T>) {
    const HeadsOut<T> out(y);
    T *const plse = lse.mutable_data<T>(), *const pmax = max.mutable_data<T>();
    T* const psum = sum.mutable_data<T>();
    const std::int64_t blocks = (n.T + kQueries - 1) / kQueries;
    parallel_for(n.B * n.H * blocks, 1, [&](std::int64_t first, std::int64_t last) {
      thread_local HeadMemory<T> memory;
      for (std::int64_t task = first; task < last; ++task) {
        const std::int64_t b = task / blocks / n.H, h = task / blocks % n.H, g = n.group(h);
        const std::int64_t begin = task % blocks * kQueries, row = (b * n.H + h) * n.T + begin;
        forward_of_block<T>(visible.block<T>(n, b, h, begin), head_of<T>(q, b, h).from(begin, 0),
                            head_of<T>(k, b, g), head_of<T>(v, b, g), n.D, n.V,
                            static_cast<T>(scale), out.head(b, h) + begin * out.row_stride(),
                            out.row_stride(), pmax + row, psum + row, plse + row, memory);
      }
    });
  });
}

void attention_backward(const Tensor& grad_y, const Tensor& q, const Tensor& k, const Tensor& v,
                        const Tensor& y, const Tensor& max, const Tensor& sum, double scale,
                        bool causal, const Tensor& mask, Tensor& dq, Tensor& dk, Tensor& dv) {
  const Sizes n(q, k, v);
  const Visibility visible{causal, mask};
  visit_floating(q.dtype(), "attention_backward", [&]<class T>(Type<T>) {
    const HeadsOut<T> out_q(dq), out_k(dk), out_v(dv);
    const T *const pmax = max.data<T>(), *const psum = sum.data<T>();
    parallel_for(n.B * n.G, 1, [&](std::int64_t first, std::int64_t last) {
      thread_local HeadMemory<T> memory;
      for (std::int64_t task = first; task < last; ++task) {
        const std::int64_t b = task / n.G, g = task % n.G, heads = n.H / n.G;
        const Matrix<T> mk = head_of<T>(k, b, g), mv = head_of<T>(v, b, g);
        const Panels<T> k_turned(n.D, n.S, mk.transposed(), memory.k_turned);
        const Panels<T> v_turned(n.V, n.S, mv.transposed(), memory.v_turned);
        const Panels<T> keys(n.S, n.D, mk, memory.k);
        for (std::int64_t h = g * heads; h < (g + 1) * heads; ++h) {
          const std::int64_t row = (b * n.H + h) * n.T;
          const HeadOperands<T> in{head_of<T>(grad_y, b, h), head_of<T>(q, b, h),
                                   head_of<T>(y, b, h), pmax + row, psum + row};
          T* const head_dk = memory.dk.take(n.S * n.D);
          T* const head_dv = memory.dv.take(n.S * n.V);
          if (n.T == 0 || n.T > kQueries) {
            std::fill_n(head_dk, n.S * n.D, T(0));
            std::fill_n(head_dv, n.S * n.V, T(0));
          }
          for (std::int64_t begin = 0; begin < n.T; begin += kQueries) {
            backward_of_block<T>(visible.block<T>(n, b, h, begin), begin, n, in, k_turned, v_turned,
                                 keys, static_cast<T>(scale),
                                 out_q.head(b, h) + begin * out_q.row_stride(), out_q.row_stride(),
                                 head_dk, head_dv, memory);
          }
          add_rows(h % heads == 0, n.S, n.D, head_dk, out_k.head(b, g), out_k.row_stride());
          add_rows(h % heads == 0, n.S, n.V, head_dv, out_v.head(b, g), out_v.row_stride());
        }
      }
    });
  });
}

}  // namespace chainline::cpu::CHAINLINE_ISA

namespace chainline::ops {
namespace {

/// Checks q, k and v against each other, and returns the mask as a view of shape (B, H, T, S).
Tensor check_heads(const Tensor& q, const Tensor& k, const Tensor& v, const Tensor& mask,
                   std::string_view op) {
  check<ShapeError>(q.rank() == 4, op, ": q: expected (B, H, T, D), got ", q.shape());
  check<ShapeError>(k.rank() == 4, op, ": k: expected (B, G, S, D), got ", k.shape());
  check<ShapeError>(v.rank() == 4, op, ": v: expected (B, G, S, V), got ", v.shape());
  const std::int64_t B = q.shape()[0], H = q.shape()[1], G = k.shape()[1], S = k.shape()[2];
  check_operand(k, {B, G, S, q.shape()[3]}, q, op, "k");
  check_operand(v, {B, G, S, v.shape()[3]}, q, op, "v");
  check<ShapeError>(G > 0 ? H % G == 0 : H == 0, op, ": k: expected a number of groups that ",
                    "divides the ", H, " heads of q, got ", G);
  if (!mask.defined()) return mask;
  const Shape pairs{B, H, q.shape()[2], S};
  check<DTypeError>(mask.dtype() == DType::u8, op, ": mask: expected dtype u8, got ", mask.dtype());
  check<DeviceError>(mask.device() == q.device(), op, ": mask: expected device ", q.device(),
                     ", got ", mask.device());
  bool stretches = mask.rank() <= 4;
  for (std::int64_t d = 1; d <= mask.rank() && stretches; ++d) {
    stretches = mask.shape()[-d] == 1 || mask.shape()[-d] == pairs[-d];
  }
  check<ShapeError>(stretches, op, ": mask: expected a shape that broadcasts to ", pairs, ", got ",
                    mask.shape());
  return mask.broadcast_to(pairs);
}

/// An uninitialized tensor like t (B, H, T, D), in memory as (B, T, H, D).
Tensor rows_then_heads(const Tensor& t, std::int64_t columns) {
  const Shape& s = t.shape();
  return Tensor::empty({s[0], s[2], s[1], columns}, t.dtype(), t.device()).transpose(1, 2);
}

}  // namespace

AttentionResult attention(const Tensor& q, const Tensor& k, const Tensor& v,
                          const AttentionOptions& options) {
  const Tensor mask = check_heads(q, k, v, options.mask, "attention");
  const Shape row_shape = q.shape().without(-1);
  const DType dtype = parameter_dtype(q.dtype());
  const auto statistic = [&] { return Tensor::empty(row_shape, dtype, q.device()); };
  AttentionResult out{rows_then_heads(q, v.shape()[3]), statistic(), {}, {}};
  if (q.dtype() == DType::bf16) {
    out.max = out.lse;
    out.sum = Tensor::full({1, 1, 1}, 1, dtype, q.device()).broadcast_to(row_shape);
  } else {
    out.max = statistic();
    out.sum = statistic();
  }
  kernel::attention(q.device(), q, k, v, options.scale, options.causal, mask, out.y, out.lse,
                    out.max, out.sum);
  return out;
}

AttentionGradients attention_backward(const Tensor& grad_y, const Tensor& q, const Tensor& k,
                                      const Tensor& v, const AttentionResult& forward,
                                      const AttentionOptions& options) {
  constexpr std::string_view op = "attention_backward";
  const Tensor mask = check_heads(q, k, v, options.mask, op);
  const Shape y_shape = q.shape().with(-1, v.shape()[3]), row_shape = q.shape().without(-1);
  check_operand(grad_y, y_shape, q, op, "grad_y");
  check_operand(forward.y, y_shape, q, op, "forward.y");
  check_parameter(forward.max, row_shape, q, op, "forward.max");
  check_parameter(forward.sum, row_shape, q, op, "forward.sum");
  AttentionGradients out{rows_then_heads(q, q.shape()[3]), rows_then_heads(k, k.shape()[3]),
                         rows_then_heads(v, v.shape()[3])};
  const Tensor sum = q.dtype() == DType::bf16 ? forward.sum : forward.sum.contiguous();
  kernel::attention_backward(q.device(), grad_y, q, k, v, forward.y, forward.max.contiguous(), sum,
                             options.scale, options.causal, mask, out.dq, out.dk, out.dv);
  return out;
}

}  // namespace chainline::ops
