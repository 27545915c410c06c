// oneDNN compiles its kernels at run time, when the primitive is made. Batched products are one
// primitive, as PyTorch uses it.

#include <omp.h>

#include <dnnl.hpp>
#include <memory>

#include "bench/products.h"

namespace chainline::bench {
namespace {

std::function<void()> prepare(const Product& p, int threads, const float* a, const float* b,
                              float* y) {
  omp_set_num_threads(threads);
  using Dims = dnnl::memory::dims;
  const auto f32 = dnnl::memory::data_type::f32;
  const std::int64_t B = p.batch, M = p.M, N = p.N, K = p.K;
  const Dims a_strides = p.layout == Layout::tn ? Dims{M * K, 1, M} : Dims{M * K, K, 1};
  const Dims b_strides = p.layout == Layout::nt ? Dims{K * N, 1, K} : Dims{K * N, N, 1};
  const dnnl::memory::desc a_desc({B, M, K}, f32, a_strides), b_desc({B, K, N}, f32, b_strides),
      y_desc({B, M, N}, f32, Dims{M * N, N, 1});
  const auto engine = std::make_shared<dnnl::engine>(dnnl::engine::kind::cpu, 0);
  const auto stream = std::make_shared<dnnl::stream>(*engine);
  const dnnl::matmul product(dnnl::matmul::primitive_desc({a_desc, b_desc, y_desc}, *engine));
  // Not const in oneDNN's interface, and not written to.
  const std::unordered_map<int, dnnl::memory> arguments = {
      {DNNL_ARG_SRC, dnnl::memory(a_desc, *engine, const_cast<float*>(a))},
      {DNNL_ARG_WEIGHTS, dnnl::memory(b_desc, *engine, const_cast<float*>(b))},
      {DNNL_ARG_DST, dnnl::memory(y_desc, *engine, y)}};
  return [=] {
    omp_set_num_threads(threads);
    product.execute(*stream, arguments);
    stream->wait();
  };
}

const Contender onednn("onednn", prepare);

}  // namespace
}  // namespace chainline::bench
