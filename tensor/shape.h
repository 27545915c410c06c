#pragma once

#include <array>
#include <cstdint>
#include <initializer_list>
#include <ostream>
#include <span>
#include <string>
#include <string_view>

#include "tensor/error.h"

namespace chainline {

inline constexpr std::int64_t kMaxRank = 16;

/// The sizes of a tensor's dimensions, slowest first; strides have the same form.
///
/// Errors   ShapeError for a negative size, more than 16 dimensions or more elements than i64
/// counts
class Shape {
 public:
  Shape() = default;
  Shape(std::initializer_list<std::int64_t> sizes)
      : Shape(std::span<const std::int64_t>(sizes.begin(), sizes.size())) {}
  explicit Shape(std::span<const std::int64_t> sizes);

  std::int64_t rank() const { return rank_; }
  /// The product of the sizes: 1 for rank 0.
  std::int64_t numel() const;

  /// Dimension d; -1 is the last one.
  std::int64_t operator[](std::int64_t d) const { return sizes_[index(d)]; }

  const std::int64_t* begin() const { return sizes_.data(); }
  const std::int64_t* end() const { return sizes_.data() + rank_; }
  std::span<const std::int64_t> span() const {
    return {sizes_.data(), static_cast<std::size_t>(rank_)};
  }

  bool operator==(const Shape& other) const;

  /// A copy with dimension d replaced, removed, or inserted before it (d may be rank() then).
  Shape with(std::int64_t d, std::int64_t size) const;
  Shape without(std::int64_t d) const;
  Shape inserted(std::int64_t d, std::int64_t size) const;
  /// Dimensions [begin, end).
  Shape slice(std::int64_t begin, std::int64_t end) const;

  /// d counted from the front: -1 becomes rank() - 1. A ShapeError names the op when d is outside.
  std::int64_t dim(std::int64_t d, std::string_view op) const;

 private:
  std::size_t index(std::int64_t d) const;

  std::array<std::int64_t, kMaxRank> sizes_{};
  std::int64_t rank_ = 0;
};

/// Strides count elements, may be 0 (broadcast) and are never negative.
class Strides {
 public:
  Strides() = default;
  /// Row-major strides of a dense tensor.
  explicit Strides(const Shape& shape);

  std::int64_t operator[](std::int64_t d) const { return strides_[static_cast<std::size_t>(d)]; }
  std::int64_t& operator[](std::int64_t d) { return strides_[static_cast<std::size_t>(d)]; }

 private:
  std::array<std::int64_t, kMaxRank> strides_{};
};

/// "(2, 3)"; "()" for rank 0.
std::ostream& operator<<(std::ostream& out, const Shape& shape);
std::string to_string(const Shape& shape);

/// The shape that both broadcast to: dimensions are compared from the last, a size of 1 stretches.
/// A ShapeError names the op and both shapes when they do not fit.
Shape broadcast_shapes(const Shape& a, const Shape& b, std::string_view op);

}  // namespace chainline
