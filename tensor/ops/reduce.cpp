#include "tensor/ops/reduce.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <cmath>
#include <limits>
#include <string_view>

#include "tensor/iterate.h"
#include "tensor/ops/binary.h"
#include "tensor/ops/chains_of_sum.h"
#include "tensor/ops/operand.h"
#include "tensor/ops/unary.h"
#include "tensor/row_sum.h"

namespace chainline::ops {
namespace {

void check_floating(const Tensor& x, std::string_view op) {
  check<DTypeError>(x.dtype() == DType::f32 || x.dtype() == DType::f64, op,
                    ": expected dtype f32 or f64, got ", x.dtype());
}

/// The shape of x with size 1 in the dimensions.
Shape kept_shape(const Shape& x, const std::vector<std::int64_t>& dims, std::string_view op) {
  Shape kept = x;
  std::uint32_t seen = 0;
  for (const std::int64_t dim : dims) {
    const std::int64_t d = x.dim(dim, op);
    check<ShapeError>((seen >> d & 1u) == 0, op, ": dims: dimension ", d, " appears twice");
    seen |= 1u << d;
    kept = kept.with(d, 1);
  }
  return kept;
}

Shape without(const Shape& x, const std::vector<std::int64_t>& dims) {
  std::vector<std::int64_t> gone = dims;
  for (std::int64_t& d : gone) d = x.dim(d, "sum");
  std::vector<std::int64_t> sizes;
  for (std::int64_t d = 0; d < x.rank(); ++d) {
    if (std::find(gone.begin(), gone.end(), d) == gone.end()) sizes.push_back(x[d]);
  }
  return Shape(sizes);
}

std::vector<std::int64_t> all_dims(const Tensor& x) {
  std::vector<std::int64_t> dims;
  for (std::int64_t d = 0; d < x.rank(); ++d) dims.push_back(d);
  return dims;
}

/// Calls the kernel with at least two dimensions, so that the first is never the last: one sample
/// stands before a lone row.
void add_sums(Tensor x, const Shape& kept, Tensor& total) {
  Shape shape = kept;
  while (x.rank() < 2) {
    x = x.unsqueeze(0);
    shape = shape.inserted(0, 1);
  }
  Tensor view = total.reshape(shape);
  kernel::sum(x.device(), x, view);
}

Tensor sum(const Tensor& x, const std::vector<std::int64_t>& dims, bool keepdim,
           std::string_view op) {
  if (is_fast(x)) return sum(x.to(DType::f32), dims, keepdim, op).to(DType::bf16);
  check_floating(x, op);
  const Shape kept = kept_shape(x.shape(), dims, op);
  Tensor total = Tensor::zeros(keepdim ? kept : without(x.shape(), dims), x.dtype(), x.device());
  add_sums(x, kept, total);
  return total;
}

Tensor mean(const Tensor& x, const std::vector<std::int64_t>& dims, bool keepdim,
            std::string_view op) {
  if (is_fast(x)) return mean(x.to(DType::f32), dims, keepdim, op).to(DType::bf16);
  const Tensor total = sum(x, dims, keepdim, op);
  std::int64_t terms = 1;
  for (const std::int64_t d : dims) terms *= x.shape()[d];
  check<ShapeError>(terms > 0, op,
                    ": expected at least one element to take the mean of, got shape ", x.shape());
  return div_scalar(total, static_cast<double>(terms));
}

}  // namespace

Tensor sum(const Tensor& x, const std::vector<std::int64_t>& dims, bool keepdim) {
  return sum(x, dims, keepdim, "sum");
}
Tensor sum_all(const Tensor& x) { return sum(x, all_dims(x), false, "sum_all"); }

Tensor mean(const Tensor& x, const std::vector<std::int64_t>& dims, bool keepdim) {
  return mean(x, dims, keepdim, "mean");
}
Tensor mean_all(const Tensor& x) { return mean(x, all_dims(x), false, "mean_all"); }

Tensor sum_to(const Tensor& x, const Shape& shape, const SampleSum& samples) {
  if (is_fast(x)) return sum_to(x.to(DType::f32), shape, samples).to(DType::bf16);
  check_floating(x, "sum_to");
  const std::int64_t missing = x.rank() - shape.rank();
  bool fits = missing >= 0;
  Shape kept = x.shape();
  for (std::int64_t d = 0; fits && d < x.rank(); ++d) {
    const std::int64_t size = d < missing ? 1 : shape[d - missing];
    fits = size == 1 || size == x.shape()[d];
    kept = kept.with(d, size);
  }
  check<ShapeError>(fits, "sum_to: shape: expected one that broadcasts to ", x.shape(), ", got ",
                    shape);
  const std::int64_t count = sample_count(x.shape());
  if (samples.per_sample && x.rank() >= 2) {
    check<ShapeError>(kept[0] == 1, "sum_to: expected a shape without the samples of ", x.shape(),
                      " for gradients per sample, got ", shape);
    kept = kept.with(0, count);
  }
  Tensor total = samples.start(shape, count, x.dtype(), x.device());
  add_sums(x, kept, total);
  return total;
}

Tensor norm2(const Tensor& x) {
  check_floating(x, "norm2");
  Tensor y = Tensor::empty({}, x.dtype(), x.device());
  kernel::norm2(x.device(), x.contiguous(), y);
  return y;
}

Tensor l2_norm(const Tensor& x) { return sqrt(norm2(x)); }

std::int64_t count_nonfinite(const Tensor& x) {
  if (!is_floating(x.dtype())) return 0;
  const Tensor dense = (x.dtype() == DType::bf16 ? x.to(DType::f32) : x).contiguous();
  Tensor count = Tensor::empty({}, DType::i64, x.device());
  kernel::count_nonfinite(x.device(), dense, count);
  return count.item<std::int64_t>();
}

bool any_nonfinite(const Tensor& x) { return count_nonfinite(x) > 0; }

}  // namespace chainline::ops

namespace chainline::cpu::CHAINLINE_ISA {
namespace {

// A sum has two stages. The first folds the rows of the last dimension, if that one is summed over,
// and leaves one number a row. The second adds the other dimensions as chains: many neighbouring
// outputs at a time, so that the inner loop runs along memory and its vector lanes are outputs. An
// output belongs to one thread, and its chain to one order.

constexpr std::int64_t kTermsPerChunk = 16384;

/// The sums of x's rows, in the shape of x with a last dimension of 1.
template <class T>
Tensor fold_rows(const Tensor& x) {
  const std::int64_t C = x.shape()[-1], stride = x.strides()[x.rank() - 1];
  Tensor sums = Tensor::empty(x.shape().with(-1, 1), x.dtype());
  const Walk<1> walk(x.shape().without(-1), {x.strides()});
  const T* const from = x.data<T>();
  T* const to = sums.mutable_data<T>();
  const std::int64_t grain =
      std::max<std::int64_t>(1, kTermsPerChunk / std::max<std::int64_t>(C, 1));
  parallel_for(sums.numel(), grain, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t r = begin; r < end; ++r) {
      const T* const row =
          from + walk.row(r / walk.inner())[0] + r % walk.inner() * walk.inner_strides()[0];
      if (stride == 1) {
        to[r] = row_sum<T>(C, [row](std::int64_t c) { return row[c]; });
      } else {
        to[r] = row_sum<T>(C, [row, stride](std::int64_t c) { return row[c * stride]; });
      }
    }
  });
  return sums;
}

/// total[o] = (total[o] + g_1[o]) + g_2[o] + ..., where g_b is the chain over the middle dimensions
/// that are summed over, and b counts the first one if it is.
template <class T>
void add_chains(const Tensor& x, Tensor& total) {
  const ChainsOfSum of(x, total);
  const ChainsOfSum::Part &kept = of.kept, &middle = of.middle;
  const std::int64_t samples = of.samples, sample_stride = of.sample_stride;
  const Walk<1> outputs(kept.shape, {kept.strides}), terms(middle.shape, {middle.strides});
  const std::int64_t columns = outputs.inner(), column_stride = outputs.inner_strides()[0];
  const std::int64_t length = terms.inner(), term_stride = terms.inner_strides()[0];
  const std::int64_t runs = middle.shape.numel() / length;

  // An output's sum over a sample is kept here while its terms arrive. Few outputs with many terms
  // are shared out in smaller chunks, though not in slivers: rows of the input that lie a power of
  // two apart would fall into the same sets of the cache.
  constexpr std::int64_t kMostOutputs = 256;
  const std::int64_t terms_per_output = std::max<std::int64_t>(1, samples * runs * length);
  const std::int64_t grain =
      std::clamp<std::int64_t>(kTermsPerChunk / terms_per_output, 64, kMostOutputs);
  const T* const from = x.data<T>();
  T* const out = total.mutable_data<T>();

  parallel_for(total.numel(), grain, [&](std::int64_t begin, std::int64_t end) {
    std::array<T, kMostOutputs> sums;
    T* const sum = sums.data();
    while (begin < end) {
      const std::int64_t column = begin % columns, n = std::min(columns - column, end - begin);
      const T* const first = from + outputs.row(begin / columns)[0] + column * column_stride;
      for (std::int64_t b = 0; b < samples; ++b) {
        std::fill_n(sum, n, T(0));
        for (std::int64_t run = 0; run < runs; ++run) {
          const T* term = first + b * sample_stride + terms.row(run)[0];
          for (std::int64_t t = 0; t < length; ++t, term += term_stride) {
            if (column_stride == 1) {
              for (std::int64_t c = 0; c < n; ++c) sum[c] += term[c];
            } else {
              for (std::int64_t c = 0; c < n; ++c) sum[c] += term[c * column_stride];
            }
          }
        }
        for (std::int64_t c = 0; c < n; ++c) out[begin + c] += sum[c];
      }
      begin += n;
    }
  });
}

}  // namespace

void sum(const Tensor& x, Tensor& total) {
  if (x.numel() == 0) return;
  visit_floating(x.dtype(), "sum", [&]<class T>(Type<T>) {
    const bool over_rows = total.shape()[-1] != x.shape()[-1];
    add_chains<T>(over_rows ? fold_rows<T>(x) : x, total);
  });
}

void norm2(const Tensor& x, Tensor& y) {
  constexpr std::int64_t kBlock = 4096;
  const std::int64_t n = x.numel(), blocks = (n + kBlock - 1) / kBlock;
  visit_floating(x.dtype(), "norm2", [&]<class T>(Type<T>) {
    Tensor sums = Tensor::empty({blocks}, x.dtype());
    const T* const from = x.data<T>();
    T* const block_sums = sums.mutable_data<T>();
    parallel_for(blocks, 4, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t b = begin; b < end; ++b) {
        const T* const p = from + b * kBlock;
        block_sums[b] = row_sum<T>(std::min(kBlock, n - b * kBlock),
                                   [p](std::int64_t i) { return p[i] * p[i]; });
      }
    });
    T total = 0;
    for (std::int64_t b = 0; b < blocks; ++b) total += block_sums[b];
    *y.mutable_data<T>() = total;
  });
}

void count_nonfinite(const Tensor& x, Tensor& count) {
  visit_floating(x.dtype(), "count_nonfinite", [&]<class T>(Type<T>) {
    const T* const p = x.data<T>();
    std::atomic<std::int64_t> total{0};  // whole numbers: the order of arrival does not show
    parallel_for(x.numel(), kTermsPerChunk, [&](std::int64_t begin, std::int64_t end) {
      std::int64_t here = 0;
      for (std::int64_t i = begin; i < end; ++i) {
        here += !(std::abs(p[i]) <= std::numeric_limits<T>::max());
      }
      total += here;
    });
    *count.mutable_data<std::int64_t>() = total.load();
  });
}

}  // namespace chainline::cpu::CHAINLINE_ISA
