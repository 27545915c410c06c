#include "tensor/ops/dropout.h"

#include <algorithm>

#include "tensor/ops/operand.h"
#include "tensor/parallel.h"

namespace chainline::cpu::CHAINLINE_ISA {
namespace {

constexpr std::int64_t kElementsPerChunk = 16384;

/// Elements [begin, end) of one sample. Four neighbours share a Philox block.
template <class T>
void drop(const T* x, const DropoutMask& mask, std::uint32_t sample, std::int64_t begin,
          std::int64_t end, T* y) {
  const T scale = static_cast<T>(mask.scale);
  PhiloxCounter words{};
  for (std::int64_t i = begin; i < end; ++i) {
    const std::uint64_t q = mask.position + static_cast<std::uint64_t>(i);
    if (i == begin || q % 4 == 0) {
      words = mask.words(sample, q / 4);
    }
    y[i] = x[i] * (words[q % 4] < mask.threshold ? T(0) : scale);
  }
}

}  // namespace

void dropout(const Tensor& x, const DropoutMask& mask, std::span<const std::int64_t> samples,
             Tensor& y) {
  if (x.numel() == 0) return;
  const std::int64_t per_sample = x.numel() / x.shape()[0];
  visit_floating(x.dtype(), "dropout", [&]<class T>(Type<T>) {
    const T* const from = x.data<T>();
    T* const to = y.mutable_data<T>();
    parallel_for(x.numel(), kElementsPerChunk, [&](std::int64_t begin, std::int64_t end) {
      while (begin < end) {
        const std::int64_t b = begin / per_sample, first = begin % per_sample;
        const std::int64_t last = std::min(per_sample, first + end - begin);
        const auto sample = static_cast<std::uint32_t>(samples[static_cast<std::size_t>(b)]);
        drop(from + b * per_sample, mask, sample, first, last, to + b * per_sample);
        begin += last - first;
      }
    });
  });
}

}  // namespace chainline::cpu::CHAINLINE_ISA

namespace chainline::ops {

Tensor dropout(const Tensor& x, double p, const Generator& generator, std::uint32_t epoch,
               std::span<const std::int64_t> samples, std::uint64_t position) {
  check<ValueError>(p >= 0 && p < 1, "dropout: p: expected a number of [0, 1), got ", p);
  check<DTypeError>(x.dtype() == DType::f32 || x.dtype() == DType::f64 || is_fast(x),
                    "dropout: x: expected dtype f32 or f64, got ", x.dtype());
  check<ShapeError>(x.rank() >= 1, "dropout: x: expected a leading sample dimension, got ",
                    x.shape());
  check<ShapeError>(static_cast<std::int64_t>(samples.size()) == x.shape()[0],
                    "dropout: samples: expected ", x.shape()[0], " numbers for x ", x.shape(),
                    ", got ", samples.size());
  for (const std::int64_t sample : samples) {
    check<ValueError>(sample >= 0 && sample <= std::int64_t{UINT32_MAX},
                      "dropout: samples: expected numbers of [0, 2^32), got ", sample);
  }
  if (p == 0) return x;
  const DropoutMask mask{generator.key(), epoch, position, probability_threshold(p), 1 / (1 - p)};
  Tensor y = Tensor::empty(x.shape(), x.dtype(), x.device());
  kernel::dropout(x.device(), x.contiguous(), mask, samples, y);
  return y;
}

}  // namespace chainline::ops
