#pragma once

#include <array>
#include <cmath>
#include <cstdint>
#include <string>
#include <vector>

#include "cuda/gemm/product.cuh"
#include "tensor/gemm.h"
#include "tensor/random.h"
#include "tests/cuda/emulator/device_array.h"

// Products for tests of the ladder, and what the CPU's gemm makes of them.

namespace chainline::test {

using cuda::GemmMode;

struct Sizes {
  std::int64_t M, N, length, chains = 1;
};

/// How an operand stands in memory: by rows, by columns, with gaps, or by rows that begin nowhere
/// near a multiple of 16 bytes.
enum class Layout { rows, columns, spread, shifted };

template <class T>
std::vector<T> numbers(std::int64_t n, std::uint64_t seed) {
  RandomSequence words = Generator(seed, "gemm ladder").sequence(0, 0);
  std::vector<T> values(static_cast<std::size_t>(n));
  for (T& value : values) value = static_cast<T>(words.uniform() - 0.5);
  return values;
}

/// A matrix in device memory.
template <class T>
class Operand {
 public:
  Operand(std::int64_t rows, std::int64_t columns, Layout layout, std::uint64_t seed)
      : row_stride_(layout == Layout::columns  ? 1
                    : layout == Layout::spread ? 2 * columns + 1
                                               : columns),
        column_stride_(layout == Layout::columns  ? rows
                       : layout == Layout::spread ? 2
                                                  : 1),
        shift_(layout == Layout::shifted ? 1 : 0),
        host_(numbers<T>(rows * row_stride_ + columns * column_stride_ + shift_, seed)),
        device_(host_) {}

  cuda::Matrix<T> on_device() const {
    return {device_.data() + shift_, row_stride_, column_stride_};
  }
  cpu::Matrix<T> on_cpu() const { return {host_.data() + shift_, row_stride_, column_stride_}; }

 private:
  std::int64_t row_stride_, column_stride_, shift_;
  std::vector<T> host_;
  DeviceArray<T> device_;
};

/// A step of the ladder.
template <class T>
struct Step {
  const char* name;
  void (*run)(const cuda::Product<T>&, std::int64_t, const cuda::OneProduct&, cuda::Stream);
};

template <class T>
void gemm_of_cpu(const Sizes& s, cpu::Matrix<T> a, cpu::Matrix<T> b, T* c, GemmMode mode) {
  constexpr std::array product{CHAINLINE_CPU_FUNCTIONS(gemm<T>)};
  constexpr std::array chains{CHAINLINE_CPU_FUNCTIONS(gemm_add_chains<T>)};
  const auto set = static_cast<std::size_t>(isa());
  if (mode == GemmMode::add) {
    chains[set](s.M, s.N, s.chains, s.length, a, b, c, s.N);
    return;
  }
  product[set](s.M, s.N, s.length, a, b, c, s.N,
               mode == GemmMode::extend ? cpu::GemmMode::extend : cpu::GemmMode::store, {});
}

/// What a step leaves in C, and what the CPU's gemm does.
template <class T>
struct Results {
  std::vector<T> device, cpu;
};

template <class T>
Results<T> run_both(const Step<T>& step, const Sizes& s, Layout a_layout, Layout b_layout,
                    GemmMode mode) {
  const std::int64_t K = s.length * s.chains;
  const Operand<T> a(s.M, K, a_layout, 1), b(K, s.N, b_layout, 2);
  std::vector<T> cpu = numbers<T>(s.M * s.N, 3);
  const DeviceArray<T> c(cpu);
  step.run({.M = s.M,
            .N = s.N,
            .length = s.length,
            .chains = s.chains,
            .mode = mode,
            .a = a.on_device(),
            .b = b.on_device(),
            .c = c.data()},
           1, {}, nullptr);
  gemm_of_cpu<T>(s, a.on_cpu(), b.on_cpu(), cpu.data(), mode);
  return {c.values(), cpu};
}

}  // namespace chainline::test
