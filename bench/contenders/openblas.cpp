// OpenBLAS chooses its kernels for the processor at start.

#include <cblas.h>

#include "bench/products.h"

namespace chainline::bench {
namespace {

std::function<void()> prepare(const Product& p, int threads, const float* a, const float* b,
                              float* y) {
  openblas_set_num_threads(threads);
  const auto M = static_cast<int>(p.M), N = static_cast<int>(p.N), K = static_cast<int>(p.K);
  const bool at = p.layout == Layout::tn, bt = p.layout == Layout::nt;
  return [=] {
    for (std::int64_t n = 0; n < p.batch; ++n) {
      cblas_sgemm(CblasRowMajor, at ? CblasTrans : CblasNoTrans, bt ? CblasTrans : CblasNoTrans, M,
                  N, K, 1, a + n * M * K, at ? M : K, b + n * K * N, bt ? K : N, 0, y + n * M * N,
                  N);
    }
  };
}

const Contender openblas("openblas", prepare);

}  // namespace
}  // namespace chainline::bench
