// Strategy. A block of queries against all keys it sees: its scores are one product in a thread's
// own memory, turned into probabilities in place, and a second product makes y of them. Nothing of
// the size T x S outlives a block. The backward makes the same probabilities again.
//
// A hidden key must leave no trace, not even 0 * NaN or the sign of a zero, so the products that
// sum over keys or queries skip hidden pairs (chains_over_seen). Scores of hidden pairs are
// computed with the rest and thrown away.

#include "tensor/ops/attention.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "tensor/gemm.h"
#include "tensor/math.h"
#include "tensor/ops/operand.h"
#include "tensor/parallel.h"
#include "tensor/row_sum.h"
#include "tensor/simd.h"

namespace chainline::cpu::CHAINLINE_ISA {
namespace {

/// Queries in a block: enough to repay the packing of the keys.
constexpr std::int64_t kQueries = 48;
/// Chains that share one product: rows of a register tile.
constexpr std::int64_t kGroup = simd::kTileRows;

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

/// Which of the pairs (row, k) count, as bytes; no data means that all do.
using Seen = Matrix<std::uint8_t>;

/// c_row = fma(a[k], b[k], c_row) over the ascending k of [begin, end) that the row sees.
template <class T>
void chain_over_seen(std::int64_t begin, std::int64_t end, std::int64_t N, Matrix<T> a, Seen seen,
                     Matrix<T> b, T* c) {
  for (std::int64_t k = begin; k < end; ++k) {
    if (*seen.from(0, k).data == 0) continue;
    const T x = *a.from(0, k).data;
    const T* const row = b.data + k * b.row_stride;
    if (b.column_stride == 1) {
      for (std::int64_t n = 0; n < N; ++n) c[n] = std::fma(x, row[n], c[n]);
    } else {
      for (std::int64_t n = 0; n < N; ++n) c[n] = std::fma(x, row[n * b.column_stride], c[n]);
    }
  }
}

/// Continues the chains of C (R, N) by A (R, K) times B (K, N), leaving out what is not seen.
/// The longest run of k that all rows of a group see is a plain product; the ks before and after
/// are taken row by row. For causal and padding masks hardly any are left.
template <class T>
void chains_over_seen(std::int64_t R, std::int64_t N, std::int64_t K, Matrix<T> a, Seen seen,
                      Matrix<T> b, T* c, std::int64_t c_stride) {
  if (seen.data == nullptr) {
    gemm<T>(R, N, K, a, b, c, c_stride, GemmMode::extend);
    return;
  }
  for (std::int64_t r = 0; r < R; r += kGroup) {
    const std::int64_t rows = std::min(kGroup, R - r);
    std::int64_t begin = 0, end = 0, start = 0;
    for (std::int64_t k = 0; k <= K; ++k) {
      bool all = k < K;
      for (std::int64_t i = 0; i < rows && all; ++i) all = *seen.from(r + i, k).data != 0;
      if (all) continue;
      if (k - start > end - begin) {
        begin = start;
        end = k;
      }
      start = k + 1;
    }
    const auto one_by_one = [&](std::int64_t from, std::int64_t to) {
      for (std::int64_t i = r; i < r + rows; ++i) {
        chain_over_seen(from, to, N, a.from(i, 0), seen.from(i, 0), b, c + i * c_stride);
      }
    };
    one_by_one(0, begin);
    if (end > begin) {
      gemm<T>(rows, N, end - begin, a.from(r, begin), b.from(begin, 0), c + r * c_stride, c_stride,
              GemmMode::extend);
    }
    one_by_one(end, K);
  }
}

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

/// A block of queries of one head and the keys [0, keys) that any of them may see. It owns the
/// memory for its probabilities and for what is seen, and is used again and again by a thread.
template <class T>
class Block {
 public:
  /// Scores of queries [begin, end) of head h of sample b, seen by whom, and scaled; those of
  /// hidden pairs are -inf.
  void score(const Sizes& n, std::int64_t b, std::int64_t h, std::int64_t begin, std::int64_t end,
             const Tensor& q, const Tensor& k, T scale, bool causal, const Tensor& mask) {
    queries = end - begin;
    const std::int64_t ahead = n.S - n.T + 1;  // query i sees keys [0, i + ahead)
    keys = causal ? std::clamp<std::int64_t>(end - 1 + ahead, 0, n.S) : n.S;
    values_.resize(static_cast<std::size_t>(queries * keys));
    s = values_.data();
    gemm<T>(queries, keys, n.D, head_of<T>(q, b, h).from(begin, 0),
            head_of<T>(k, b, n.group(h)).transposed(), s, keys);
    for (std::int64_t i = 0; i < queries * keys; ++i) s[i] *= scale;
    seen = {nullptr, 0, 0};
    limits_.assign(static_cast<std::size_t>(queries), keys);
    if (!causal && !mask.defined()) return;

    seen_.assign(static_cast<std::size_t>(queries * keys), 0);
    seen = {seen_.data(), keys, 1};
    bool all = true;
    for (std::int64_t i = 0; i < queries; ++i) {
      constexpr T hidden = -std::numeric_limits<T>::infinity();
      T* const row = s + i * keys;
      std::uint8_t* const sees = seen_.data() + i * keys;
      const std::int64_t limit =
          causal ? std::clamp<std::int64_t>(begin + i + ahead, 0, keys) : keys;
      limits_[static_cast<std::size_t>(i)] = limit;
      std::fill_n(sees, limit, std::uint8_t{1});
      std::fill(row + limit, row + keys, hidden);
      all = all && limit == keys;
      if (!mask.defined()) continue;
      const Seen m = head_of<std::uint8_t>(mask, b, h).from(begin + i, 0);
      for (std::int64_t j = 0; j < limit; ++j) {
        if (*m.from(0, j).data != 0) continue;
        sees[j] = 0;
        row[j] = hidden;
        all = false;
      }
    }
    if (all) seen.data = nullptr;
  }

  /// p = exp(s - max) in row i; the p of a hidden key is +0. In a row of nothing but -inf, where
  /// -inf - -inf would be a NaN that nobody gave, all are.
  void exponentiate(std::int64_t i, T max) {
    T* const row = s + i * keys;
    const T shift = max == -std::numeric_limits<T>::infinity() ? T(0) : max;
    const std::int64_t limit = limits_[static_cast<std::size_t>(i)];
    for (std::int64_t j = 0; j < limit; ++j) row[j] = math::exp(row[j] - shift);
    std::fill(row + limit, row + keys, T(0));
  }

  std::int64_t queries = 0, keys = 0;
  T* s = nullptr;  // (queries, keys): scores, then probabilities
  Seen seen{};

 private:
  std::vector<T> values_;
  std::vector<std::uint8_t> seen_;
  std::vector<std::int64_t> limits_;  // query i sees no key from limits_[i] on
};

/// A thread's memory of `size` numbers, set to zero.
template <class T>
T* zeros_in(std::vector<T>& memory, std::int64_t size) {
  memory.assign(static_cast<std::size_t>(size), T(0));
  return memory.data();
}

/// The queries of one head in blocks: body(begin, end).
template <class F>
void for_query_blocks(std::int64_t T, const F& body) {
  for (std::int64_t begin = 0; begin < T; begin += kQueries) {
    body(begin, std::min(begin + kQueries, T));
  }
}

/// One head of the backward: dq, and the head's own dk (S, D) and dv (S, V), which are +0 at first.
template <class T>
void backward_of_head(const Sizes& n, std::int64_t b, std::int64_t h, const Tensor& grad_y,
                      const Tensor& q, const Tensor& k, const Tensor& v, const Tensor& y,
                      const T* max, const T* sum, T scale, bool causal, const Tensor& mask, T* dq,
                      std::int64_t dq_stride, T* dk, T* dv) {
  thread_local Block<T> block;
  thread_local std::vector<T> ds_memory;
  const Matrix<T> mdy = head_of<T>(grad_y, b, h), my = head_of<T>(y, b, h);
  const Matrix<T> mq = head_of<T>(q, b, h), mk = head_of<T>(k, b, n.group(h));
  const Matrix<T> mv = head_of<T>(v, b, n.group(h));
  for_query_blocks(n.T, [&](std::int64_t begin, std::int64_t end) {
    block.score(n, b, h, begin, end, q, k, scale, causal, mask);
    const std::int64_t keys = block.keys;
    T* const ds = zeros_in(ds_memory, block.queries * keys);
    gemm<T>(block.queries, keys, n.V, mdy.from(begin, 0), mv.transposed(), ds, keys);
    for (std::int64_t i = 0; i < block.queries; ++i) {
      const std::int64_t row = (b * n.H + h) * n.T + begin + i;
      block.exponentiate(i, max[row]);
      const Matrix<T> dy_i = mdy.from(begin + i, 0), y_i = my.from(begin + i, 0);
      const T delta = row_sum<T>(n.V, [&](std::int64_t c) {
        return dy_i.data[c * dy_i.column_stride] * y_i.data[c * y_i.column_stride];
      });
      T *const w = block.s + i * keys, *const ds_i = ds + i * keys;
      const T total =
          sum[row] == 0 ? T(1) : sum[row];  // of a query that sees nothing, every p is 0
      for (std::int64_t j = 0; j < keys; ++j) {
        w[j] = w[j] / total;
        ds_i[j] = w[j] * (ds_i[j] - delta) * scale;
      }
    }
    const Matrix<T> mw{block.s, keys, 1}, mds{ds, keys, 1};
    const Seen seen = block.seen, seen_turned = seen.transposed();
    chains_over_seen<T>(block.queries, n.D, keys, mds, seen, mk, dq + begin * dq_stride, dq_stride);
    chains_over_seen<T>(keys, n.D, block.queries, mds.transposed(), seen_turned, mq.from(begin, 0),
                        dk, n.D);
    chains_over_seen<T>(keys, n.V, block.queries, mw.transposed(), seen_turned, mdy.from(begin, 0),
                        dv, n.V);
  });
}

/// out += one head's part, row by row.
template <class T>
void add_rows(std::int64_t rows, std::int64_t columns, const T* part, T* out,
              std::int64_t out_stride) {
  for (std::int64_t r = 0; r < rows; ++r) {
    for (std::int64_t c = 0; c < columns; ++c) out[r * out_stride + c] += part[r * columns + c];
  }
}

template <class T>
void set_rows_to_zero(std::int64_t rows, std::int64_t columns, T* out, std::int64_t out_stride) {
  for (std::int64_t r = 0; r < rows; ++r) std::fill_n(out + r * out_stride, columns, T(0));
}

}  // namespace

void attention(const Tensor& q, const Tensor& k, const Tensor& v, double scale, bool causal,
               const Tensor& mask, Tensor& y, Tensor& lse, Tensor& max, Tensor& sum) {
  const Sizes n(q, k, v);
  visit_floating(q.dtype(), "attention", [&]<class T>(Type<T>) {
    const HeadsOut<T> out(y);
    T *const plse = lse.mutable_data<T>(), *const pmax = max.mutable_data<T>();
    T* const psum = sum.mutable_data<T>();
    const std::int64_t blocks = (n.T + kQueries - 1) / kQueries;
    parallel_for(n.B * n.H * blocks, 1, [&](std::int64_t first, std::int64_t last) {
      thread_local Block<T> block;
      for (std::int64_t task = first; task < last; ++task) {
        const std::int64_t b = task / blocks / n.H, h = task / blocks % n.H;
        const std::int64_t begin = task % blocks * kQueries, end = std::min(begin + kQueries, n.T);
        block.score(n, b, h, begin, end, q, k, static_cast<T>(scale), causal, mask);
        for (std::int64_t i = 0; i < block.queries; ++i) {
          const std::int64_t row = (b * n.H + h) * n.T + begin + i;
          const T* const s = block.s + i * block.keys;
          pmax[row] = row_max<T>(block.keys, [=](std::int64_t j) { return s[j]; });
          block.exponentiate(i, pmax[row]);
          psum[row] = row_sum<T>(block.keys, [=](std::int64_t j) { return s[j]; });
          plse[row] = pmax[row] + math::log(psum[row]);
        }
        T* const rows = out.head(b, h) + begin * out.row_stride();
        set_rows_to_zero(block.queries, n.V, rows, out.row_stride());
        chains_over_seen<T>(block.queries, n.V, block.keys, {block.s, block.keys, 1}, block.seen,
                            head_of<T>(v, b, n.group(h)), rows, out.row_stride());
        for (std::int64_t i = 0; i < block.queries; ++i) {
          const T total = psum[(b * n.H + h) * n.T + begin + i];
          if (total == 0) continue;  // it sees nothing, and y is 0
          for (std::int64_t c = 0; c < n.V; ++c) rows[i * out.row_stride() + c] /= total;
        }
      }
    });
  });
}

void attention_backward(const Tensor& grad_y, const Tensor& q, const Tensor& k, const Tensor& v,
                        const Tensor& y, const Tensor& max, const Tensor& sum, double scale,
                        bool causal, const Tensor& mask, Tensor& dq, Tensor& dk, Tensor& dv) {
  const Sizes n(q, k, v);
  visit_floating(q.dtype(), "attention_backward", [&]<class T>(Type<T>) {
    const HeadsOut<T> out_q(dq), out_k(dk), out_v(dv);
    const T *const pmax = max.data<T>(), *const psum = sum.data<T>();
    parallel_for(n.B * n.G, 1, [&](std::int64_t first, std::int64_t last) {
      thread_local std::vector<T> dk_memory, dv_memory;
      for (std::int64_t task = first; task < last; ++task) {
        const std::int64_t b = task / n.G, g = task % n.G, heads = n.H / n.G;
        set_rows_to_zero(n.S, n.D, out_k.head(b, g), out_k.row_stride());
        set_rows_to_zero(n.S, n.V, out_v.head(b, g), out_v.row_stride());
        for (std::int64_t h = g * heads; h < (g + 1) * heads; ++h) {
          T* const head_dk = zeros_in(dk_memory, n.S * n.D);
          T* const head_dv = zeros_in(dv_memory, n.S * n.V);
          set_rows_to_zero(n.T, n.D, out_q.head(b, h), out_q.row_stride());
          backward_of_head<T>(n, b, h, grad_y, q, k, v, y, pmax, psum, static_cast<T>(scale),
                              causal, mask, out_q.head(b, h), out_q.row_stride(), head_dk, head_dv);
          add_rows(n.S, n.D, head_dk, out_k.head(b, g), out_k.row_stride());
          add_rows(n.S, n.V, head_dv, out_v.head(b, g), out_v.row_stride());
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
  const auto statistic = [&] {
    return Tensor::empty(q.shape().without(-1), q.dtype(), q.device());
  };
  AttentionResult out{rows_then_heads(q, v.shape()[3]), statistic(), statistic(), statistic()};
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
  check_operand(forward.max, row_shape, q, op, "forward.max");
  check_operand(forward.sum, row_shape, q, op, "forward.sum");
  AttentionGradients out{rows_then_heads(q, q.shape()[3]), rows_then_heads(k, k.shape()[3]),
                         rows_then_heads(v, v.shape()[3])};
  kernel::attention_backward(q.device(), grad_y, q, k, v, forward.y, forward.max.contiguous(),
                             forward.sum.contiguous(), options.scale, options.causal, mask, out.dq,
                             out.dk, out.dv);
  return out;
}

}  // namespace chainline::ops
