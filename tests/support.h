#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <cstdlib>
#include <string>
#include <vector>

#include "tensor/kernel.h"
#include "tensor/parallel.h"
#include "tensor/random.h"
#include "tensor/tensor.h"
#include "tests/difference.h"

namespace chainline::test {

/// Where the tests compute: what CHAINLINE_TEST_DEVICE names, or else the CPU. Each test of ops,
/// autograd and nn is registered once for each device (tests/CMakeLists.txt).
inline Device device() {
  static const Device chosen = [] {
    const char* const name = std::getenv("CHAINLINE_TEST_DEVICE");
    return name == nullptr ? kCpu : parse_device(name);
  }();
  return chosen;
}

/// Kernels of the CPU that run while one lives are meant to, wherever the tests compute: they make
/// operands, or what results are compared with. For all others see tests/main.cpp.
class MeantForTheCpu {
 public:
  MeantForTheCpu() = default;
  ~MeantForTheCpu() { calls += kernel_calls(DeviceType::cpu) - before_; }
  MeantForTheCpu(const MeantForTheCpu&) = delete;
  MeantForTheCpu& operator=(const MeantForTheCpu&) = delete;

  inline static std::uint64_t calls = 0;  ///< since the test began

 private:
  std::uint64_t before_ = kernel_calls(DeviceType::cpu);
};

// Tensor's factories on that device.

template <class T>
Tensor from(const std::vector<T>& values, const Shape& shape) {
  return Tensor::from(values, shape, device());
}
inline Tensor empty(const Shape& shape, DType dtype) {
  return Tensor::empty(shape, dtype, device());
}
inline Tensor zeros(const Shape& shape, DType dtype) {
  return Tensor::zeros(shape, dtype, device());
}
inline Tensor full(const Shape& shape, double value, DType dtype) {
  return Tensor::full(shape, value, dtype, device());
}
inline Tensor arange(std::int64_t n, DType dtype) { return Tensor::arange(n, dtype, device()); }

/// Values that look normal, a function of the seed and the shape only: twelve uniform numbers
/// summed, minus 6, have mean 0 and variance 1, and need no elementary function.
inline Tensor randn(const Shape& shape, std::uint64_t seed, DType dtype = DType::f64) {
  RandomSequence words = Generator(seed, "test").sequence(0, 0);
  std::vector<double> values(static_cast<std::size_t>(shape.numel()));
  for (double& value : values) {
    value = -6;
    for (int i = 0; i < 12; ++i) value += words.uniform();
  }
  return from(values, shape).to(dtype);
}

/// Random integers of [low, high).
inline Tensor randint(const Shape& shape, std::int64_t low, std::int64_t high, std::uint64_t seed) {
  RandomSequence words = Generator(seed, "test").sequence(0, 0);
  std::vector<std::int64_t> values(static_cast<std::size_t>(shape.numel()));
  for (std::int64_t& value : values) {
    value = low + static_cast<std::int64_t>(words.below(static_cast<std::uint64_t>(high - low)));
  }
  return from(values, shape);
}

/// sum_i a[i] * b[i] in f64, for tensors of any dtype.
inline double dot(const Tensor& a, const Tensor& b) {
  const std::vector<double> p = a.to(DType::f64).to_vector<double>();
  const std::vector<double> q = b.to(DType::f64).to_vector<double>();
  EXPECT_EQ(p.size(), q.size());
  double sum = 0;
  for (std::size_t i = 0; i < p.size() && i < q.size(); ++i) sum += p[i] * q[i];
  return sum;
}

/// The gradient of the number f(x) at an f64 tensor, by central differences with step h: the error
/// is about h^2 f''' / 6 + 1e-16 |f| / h, some 1e-9 for f of order 10 and h = 1e-5.
template <class F>
Tensor central_differences(const F& f, const Tensor& x, double h = 1e-5) {
  std::vector<double> at = x.to_vector<double>(), gradient;
  for (double& element : at) {
    const double before = element;
    element = before + h;
    const double above = f(from(at, x.shape()));
    element = before - h;
    const double below = f(from(at, x.shape()));
    element = before;
    gradient.push_back((above - below) / (2 * h));
  }
  return from(gradient, x.shape());
}

/// Numbers of threads that must not show; of another device than the CPU they are no matter.
inline std::vector<int> thread_counts() {
  return device() == kCpu ? std::vector<int>{1, 2, 3, 7} : std::vector<int>{1};
}

/// Runs f() for each number of threads, and twice for the first, and expects the same bits of the
/// tensors that it returns.
template <class F>
void expect_same_bits_for_any_threads(const F& f) {
  const int before = threads();
  set_threads(1);
  const std::vector<Tensor> alone = f();
  for (const int n : thread_counts()) {
    set_threads(n);
    const std::vector<Tensor> together = f();
    ASSERT_EQ(alone.size(), together.size());
    for (std::size_t i = 0; i < alone.size(); ++i) {
      EXPECT_TRUE(same_bits(alone[i], together[i])) << "output " << i << ", " << n << " threads";
    }
  }
  set_threads(before);
}

/// The text of the E that f throws; says so when it throws nothing. Other exceptions pass through.
template <class E, class F>
std::string message_of(F&& f) {
  try {
    f();
  } catch (const E& e) {
    return e.what();
  }
  return "(nothing was thrown)";
}

}  // namespace chainline::test
