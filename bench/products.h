#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "tensor/tensor.h"

namespace chainline::bench {

/// A matrix product in one of the three layouts of training: y = x w^T forward (nt), dx = g w (nn),
/// dw = g^T x (tn). y (M, N) from a (M, K) and b (K, N), of which nt stores b and tn stores a
/// transposed; `batch` of them one after the other.
enum class Layout { nn, nt, tn };
struct Product {
  const char* name;
  Layout layout;
  std::int64_t M, N, K;
  std::int64_t batch = 1;
};

/// Another library's product, compiled in where CMake finds it: contenders/NAME.cpp has one
/// constant of this type.
class Contender {
 public:
  /// Makes ready to compute y from a and b, as they are stored, on so many threads.
  using Prepare = std::function<void()> (*)(const Product&, int threads, const float* a,
                                            const float* b, float* y);
  Contender(const char* called, Prepare how) : name(called), prepare(how) {
    list().push_back(this);
  }
  Contender(const Contender&) = delete;
  Contender& operator=(const Contender&) = delete;

  static const std::vector<const Contender*>& all() { return list(); }

  const char* const name;
  const Prepare prepare;

 private:
  static std::vector<const Contender*>& list() {
    static std::vector<const Contender*> contenders;
    return contenders;
  }
};

}  // namespace chainline::bench
