#include "autograd/op_case_inputs.h"

#include <sstream>

#include "tensor/random.h"

namespace chainline::cases {
namespace {

RandomSequence numbers(std::uint64_t seed) { return Generator(seed, "op case").sequence(0, 0); }

template <class T, class Draw>
Tensor drawn(const Shape& shape, const Draw& draw) {
  std::vector<T> values(static_cast<std::size_t>(shape.numel()));
  for (T& value : values) value = static_cast<T>(draw());
  return Tensor::from<T>(values, shape);
}

}  // namespace

Tensor uniform(const Shape& shape, double low, double high, std::uint64_t seed) {
  RandomSequence random = numbers(seed);
  return drawn<double>(shape, [&] { return low + (high - low) * random.uniform(); });
}

Tensor signed_numbers(const Shape& shape, std::uint64_t seed) {
  return uniform(shape, -2, 2, seed);
}

Tensor positive_numbers(const Shape& shape, std::uint64_t seed) {
  return uniform(shape, 0.5, 2, seed);
}

Tensor spaced_numbers(const Shape& shape, std::uint64_t seed, double shift) {
  const std::int64_t n = shape.numel();
  std::vector<double> values(static_cast<std::size_t>(n));
  for (std::int64_t i = 0; i < n; ++i) {
    values[static_cast<std::size_t>(i)] = (static_cast<double>(i - n / 2) + 0.5) * 0.25 + shift;
  }
  numbers(seed).shuffle(values);
  return Tensor::from(values, shape);
}

Tensor integers(const Shape& shape, std::int64_t low, std::int64_t high, std::uint64_t seed) {
  RandomSequence random = numbers(seed);
  const auto range = static_cast<std::uint64_t>(high - low);
  return drawn<std::int64_t>(shape,
                             [&] { return low + static_cast<std::int64_t>(random.below(range)); });
}

Tensor coins(const Shape& shape, std::uint64_t seed) {
  RandomSequence random = numbers(seed);
  return drawn<std::uint8_t>(shape, [&] { return random.below(2); });
}

Tensor beside(const Variables& inputs, const Tensor& operand) {
  return operand.to(inputs[0].value().device());
}

std::string shapes(const std::vector<Tensor>& inputs) {
  std::ostringstream out;
  for (std::size_t i = 0; i < inputs.size(); ++i) out << (i == 0 ? "" : " ") << inputs[i].shape();
  return out.str();
}

}  // namespace chainline::cases
