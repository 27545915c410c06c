#include "experiments/trace/difference.h"

#include <fmt/format.h>

#include <bit>
#include <cmath>
#include <limits>
#include <type_traits>

#include "tensor/error.h"

namespace chainline::experiments {
namespace {

std::vector<std::size_t> differing(const std::vector<std::uint64_t>& a,
                                   const std::vector<std::uint64_t>& b) {
  check<ValueError>(a.size() == b.size(), "trace: difference: expected records of ", a.size(),
                    " parameters, got ", b.size());
  std::vector<std::size_t> list;
  for (std::size_t i = 0; i < a.size(); ++i) {
    if (a[i] != b[i]) list.push_back(i);
  }
  return list;
}

bool same_number(double a, double b) {
  return std::bit_cast<std::uint64_t>(a) == std::bit_cast<std::uint64_t>(b);
}

std::string row(const std::string& what, const std::string& text) {
  return fmt::format("  {:<14} {}\n", what, text);
}

std::string list(const std::vector<std::int64_t>& samples) {
  return fmt::format("{}", fmt::join(samples, " "));
}

std::string hashes(const std::vector<std::size_t>& which, const std::vector<std::uint64_t>& a,
                   const std::string& name_a, const std::vector<std::uint64_t>& b,
                   const std::string& name_b, const std::vector<std::string>& parameters) {
  const std::size_t first = which.front();
  return fmt::format("{} of {} parameters, first {}: {} in {}, {} in {}", which.size(), a.size(),
                     parameters[first], hex_digits(a[first]), name_a, hex_digits(b[first]), name_b);
}

/// The integer with the bits of a float.
template <class T>
auto bits_of(T value) {
  if constexpr (std::is_same_v<T, bf16>) {
    return value.bits();
  } else if constexpr (std::is_same_v<T, float>) {
    return std::bit_cast<std::uint32_t>(value);
  } else if constexpr (std::is_same_v<T, double>) {
    return std::bit_cast<std::uint64_t>(value);
  } else {
    return value;
  }
}

template <class T>
std::string digits(T value) {
  if constexpr (std::is_same_v<T, bf16>) {
    return fmt::format("{}", static_cast<float>(value));
  } else {
    return fmt::format("{}", value);
  }
}

/// The place of a float among all of them in ascending order, counted from 0.
template <class T>
std::int64_t rank(T value) {
  const auto bits = bits_of(value);
  using Bits = std::remove_cv_t<decltype(bits)>;
  constexpr auto sign = static_cast<Bits>(Bits{1} << (sizeof(Bits) * 8 - 1));
  const auto size = static_cast<std::int64_t>(static_cast<Bits>(bits & static_cast<Bits>(~sign)));
  return (bits & sign) != 0 ? -size : size;
}

template <class T>
bool is_nan(T value) {
  if constexpr (std::is_same_v<T, bf16>) {
    return std::isnan(static_cast<float>(value));
  } else {
    return std::isnan(value);
  }
}

template <class T>
std::optional<std::uint64_t> ulps_between(T a, T b) {
  if constexpr (std::is_integral_v<T>) {
    return std::nullopt;
  } else {
    if (is_nan(a) || is_nan(b)) return std::nullopt;
    const std::int64_t x = rank(a), y = rank(b);
    // Two f64 of different signs may be further apart than an i64 says.
    return x < y ? static_cast<std::uint64_t>(y) - static_cast<std::uint64_t>(x)
                 : static_cast<std::uint64_t>(x) - static_cast<std::uint64_t>(y);
  }
}

template <class T>
std::optional<TensorDifference> compare(const Tensor& a, const Tensor& b) {
  const T* x = a.data<T>();
  const T* y = b.data<T>();
  TensorDifference d;
  d.elements = a.numel();
  std::int64_t first = -1;
  for (std::int64_t i = 0; i < d.elements; ++i) {
    if (bits_of(x[i]) == bits_of(y[i])) continue;
    if (first < 0) first = i;
    ++d.different;
  }
  if (first < 0) return std::nullopt;
  d.index.resize(static_cast<std::size_t>(a.rank()));
  std::int64_t rest = first;
  for (std::int64_t dim = a.rank() - 1; dim >= 0; --dim) {
    d.index[static_cast<std::size_t>(dim)] = rest % a.shape()[dim];
    rest /= a.shape()[dim];
  }
  d.a = digits(x[first]);
  d.b = digits(y[first]);
  d.ulps = ulps_between(x[first], y[first]);
  return d;
}

}  // namespace

LineDifference difference(const TraceLine& a, const TraceLine& b) {
  LineDifference d;
  d.samples = a.samples != b.samples;
  d.loss = !same_number(a.loss, b.loss);
  d.gradient_norm = !same_number(a.gradient_norm, b.gradient_norm);
  d.gradients = differing(a.gradients, b.gradients);
  d.weights = differing(a.weights, b.weights);
  return d;
}

std::string describe(const LineDifference& d, const TraceLine& a, const std::string& name_a,
                     const TraceLine& b, const std::string& name_b,
                     const std::vector<std::string>& parameters) {
  const auto both = [&](const std::string& x, const std::string& y) {
    return x + " in " + name_a + ", " + y + " in " + name_b;
  };
  const auto number = [](double x) { return fmt::format("{}", x); };
  std::string text;
  if (d.samples) text += row("samples", both(list(a.samples), list(b.samples)));
  if (d.loss) text += row("loss", both(number(a.loss), number(b.loss)));
  if (d.gradient_norm) {
    text += row("gradient norm", both(number(a.gradient_norm), number(b.gradient_norm)));
  }
  if (!d.gradients.empty()) {
    text +=
        row("gradients", hashes(d.gradients, a.gradients, name_a, b.gradients, name_b, parameters));
  }
  if (!d.weights.empty()) {
    text += row("weights", hashes(d.weights, a.weights, name_a, b.weights, name_b, parameters));
  }
  return text;
}

std::optional<TensorDifference> first_difference(const Tensor& a, const Tensor& b) {
  check<ShapeError>(a.shape() == b.shape(), "first_difference: expected shape ", a.shape(),
                    ", got ", b.shape());
  check<DTypeError>(a.dtype() == b.dtype(), "first_difference: expected ", a.dtype(), ", got ",
                    b.dtype());
  const Tensor x = a.contiguous().to(kCpu), y = b.contiguous().to(kCpu);
  switch (x.dtype()) {
    case DType::f32:
      return compare<float>(x, y);
    case DType::f64:
      return compare<double>(x, y);
    case DType::bf16:
      return compare<bf16>(x, y);
    case DType::i64:
      return compare<std::int64_t>(x, y);
    case DType::u8:
      return compare<std::uint8_t>(x, y);
  }
  throw DTypeError("first_difference: unknown dtype");
}

std::string describe(const TensorDifference& d, const std::string& name_a,
                     const std::string& name_b) {
  std::string apart;
  if (d.ulps) apart = fmt::format(", {} ULP apart", *d.ulps);
  return fmt::format("element ({}): {} in {}, {} in {}{}; {} of {} differ",
                     fmt::join(d.index, ", "), d.a, name_a, d.b, name_b, apart, d.different,
                     d.elements);
}

}  // namespace chainline::experiments
