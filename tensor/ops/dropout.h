#pragma once

#include <cstdint>
#include <span>

#include "tensor/host_device.h"
#include "tensor/kernel.h"
#include "tensor/philox.h"
#include "tensor/random.h"
#include "tensor/tensor.h"

namespace chainline::ops {

/// Multiplies each element by 0 with probability p, else by 1 / (1 - p), which keeps the mean.
///
///   y[b, i] = x[b, i] * (word(b, i) < round(2^32 p) ? 0 : 1 / (1 - p))
///   word(b, i) = word q % 4 of generator.block(epoch, samples[b], q / 4),   q = position + i
///
/// i counts the elements of a sample. Nothing is stored: the same arguments give the same mask, so
/// dropout is its own gradient, dx = dropout(grad_y, ...). Two layers that share a generator take
/// disjoint positions; a sample keeps its mask whatever batch stands around it.
///
/// A dropped element is a product with 0: -0 for a negative one, NaN for an infinite one. With
/// p = 0 the result is x itself.
///
/// Shapes   x (B, ...); samples: B numbers  ->  y as x
/// Units    p is a probability, position counts elements
/// DTypes   f32, f64, bf16; the factor 1 / (1 - p) is rounded to the dtype once, or to f32
/// Errors   ValueError for p outside of [0, 1) or a sample outside of [0, 2^32); ShapeError when
///          the samples are not as many as x has
/// Bits     exact; bf16: those of f32, rounded once
/// Source   Srivastava et al., "Dropout", JMLR 15 (2014)
Tensor dropout(const Tensor& x, double p, const Generator& generator, std::uint32_t epoch,
               std::span<const std::int64_t> samples, std::uint64_t position = 0);

}  // namespace chainline::ops

namespace chainline {

/// What decides each element's factor: it is dropped when its word is below the threshold.
struct DropoutMask {
  PhiloxKey key;
  std::uint32_t epoch;
  std::uint64_t position;
  std::uint64_t threshold;
  double scale;

  /// The words of elements 4 * block to 4 * block + 3 of a sample, counted from position 0.
  CHAINLINE_HOST_DEVICE PhiloxCounter words(std::uint32_t sample, std::uint64_t block) const {
    return philox4x32(
        {static_cast<std::uint32_t>(block), static_cast<std::uint32_t>(block >> 32), sample, epoch},
        key);
  }
};

}  // namespace chainline

CHAINLINE_KERNEL(dropout, void(const Tensor& x, const DropoutMask& mask,
                               std::span<const std::int64_t> samples, Tensor& y));
