#include "tensor/shape.h"

#include <algorithm>

namespace chainline {

Shape::Shape(std::span<const std::int64_t> sizes) {
  check<ShapeError>(static_cast<std::int64_t>(sizes.size()) <= kMaxRank,
                    "shape: expected at most 16 dimensions, got ", sizes.size());
  rank_ = static_cast<std::int64_t>(sizes.size());
  std::copy(sizes.begin(), sizes.end(), sizes_.begin());
  for (const std::int64_t size : sizes) {
    check<ShapeError>(size >= 0, "shape: expected sizes of 0 or more, got ", *this);
  }
  // The product of the nonzero sizes must fit: then every prefix and every stride fits too.
  std::int64_t product = 1;
  for (const std::int64_t size : sizes) {
    check<ShapeError>(size == 0 || !__builtin_mul_overflow(product, size, &product),
                      "shape: ", *this, " has more elements than 64 bits can count");
  }
}

std::int64_t Shape::numel() const {
  std::int64_t n = 1;
  for (const std::int64_t size : *this) n *= size;
  return n;
}

std::size_t Shape::index(std::int64_t d) const { return static_cast<std::size_t>(dim(d, "shape")); }

std::int64_t Shape::dim(std::int64_t d, std::string_view op) const {
  check<ShapeError>(d >= -rank_ && d < rank_, op, ": expected a dimension in [", -rank_, ", ",
                    rank_, ") of shape ", *this, ", got ", d);
  return d < 0 ? d + rank_ : d;
}

bool Shape::operator==(const Shape& other) const {
  return std::equal(begin(), end(), other.begin(), other.end());
}

Shape Shape::with(std::int64_t d, std::int64_t size) const {
  std::array<std::int64_t, kMaxRank> sizes = sizes_;
  sizes[index(d)] = size;
  return Shape(std::span<const std::int64_t>(sizes.data(), static_cast<std::size_t>(rank_)));
}

Shape Shape::without(std::int64_t d) const {
  std::array<std::int64_t, kMaxRank> sizes = sizes_;
  const auto at = static_cast<std::ptrdiff_t>(index(d));
  std::copy(sizes_.begin() + at + 1, sizes_.begin() + rank_, sizes.begin() + at);
  return Shape(std::span<const std::int64_t>(sizes.data(), static_cast<std::size_t>(rank_ - 1)));
}

Shape Shape::inserted(std::int64_t d, std::int64_t size) const {
  check<ShapeError>(rank_ < kMaxRank, "shape: expected at most 16 dimensions, got 17");
  const auto at = static_cast<std::ptrdiff_t>(d < 0 ? d + rank_ + 1 : d);
  check<ShapeError>(at >= 0 && at <= rank_, "shape: expected a position in [", -rank_ - 1, ", ",
                    rank_, "] of ", *this, ", got ", d);
  std::array<std::int64_t, kMaxRank> sizes{};
  std::copy(sizes_.begin(), sizes_.begin() + at, sizes.begin());
  sizes[static_cast<std::size_t>(at)] = size;
  std::copy(sizes_.begin() + at, sizes_.begin() + rank_, sizes.begin() + at + 1);
  return Shape(std::span<const std::int64_t>(sizes.data(), static_cast<std::size_t>(rank_ + 1)));
}

Shape Shape::slice(std::int64_t first, std::int64_t last) const {
  return Shape(
      span().subspan(static_cast<std::size_t>(first), static_cast<std::size_t>(last - first)));
}

Strides::Strides(const Shape& shape) {
  std::int64_t stride = 1;
  for (std::int64_t d = shape.rank() - 1; d >= 0; --d) {
    (*this)[d] = stride;
    stride *= std::max<std::int64_t>(shape[d], 1);
  }
}

std::ostream& operator<<(std::ostream& out, const Shape& shape) {
  out << "(";
  for (const std::int64_t* size = shape.begin(); size != shape.end(); ++size) {
    out << (size == shape.begin() ? "" : ", ") << *size;
  }
  return out << ")";
}

std::string to_string(const Shape& shape) {
  std::ostringstream out;
  out << shape;
  return out.str();
}

Shape broadcast_shapes(const Shape& a, const Shape& b, std::string_view op) {
  const std::int64_t rank = std::max(a.rank(), b.rank());
  std::array<std::int64_t, kMaxRank> sizes{};
  for (std::int64_t d = 1; d <= rank; ++d) {
    const std::int64_t m = d <= a.rank() ? a[-d] : 1, n = d <= b.rank() ? b[-d] : 1;
    check<ShapeError>(m == n || m == 1 || n == 1, op, ": shapes ", a, " and ", b,
                      " do not broadcast: ", m, " meets ", n, " in dimension -", d);
    sizes[static_cast<std::size_t>(rank - d)] = m == 1 ? n : m;
  }
  return Shape(std::span<const std::int64_t>(sizes.data(), static_cast<std::size_t>(rank)));
}

}  // namespace chainline
