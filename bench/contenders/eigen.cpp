// Eigen's kernels are templates, compiled here for this machine and with its OpenMP threads.

#include <Eigen/Core>

#include "bench/products.h"

namespace chainline::bench {
namespace {

using Matrix = Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
using In = Eigen::Map<const Matrix>;

std::function<void()> prepare(const Product& p, int threads, const float* a, const float* b,
                              float* y) {
  return [=] {
    Eigen::setNbThreads(threads);
    for (std::int64_t n = 0; n < p.batch; ++n) {
      const float *const x = a + n * p.M * p.K, *const w = b + n * p.K * p.N;
      Eigen::Map<Matrix> out(y + n * p.M * p.N, p.M, p.N);
      switch (p.layout) {
        case Layout::nn:
          out.noalias() = In(x, p.M, p.K) * In(w, p.K, p.N);
          break;
        case Layout::nt:
          out.noalias() = In(x, p.M, p.K) * In(w, p.N, p.K).transpose();
          break;
        case Layout::tn:
          out.noalias() = In(x, p.K, p.M).transpose() * In(w, p.K, p.N);
          break;
      }
    }
  };
}

const Contender eigen("eigen", prepare);

}  // namespace
}  // namespace chainline::bench
