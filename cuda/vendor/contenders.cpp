#include "cuda/vendor/contenders.h"

#if CHAINLINE_HAS_CUBLASLT
#include "cuda/vendor/cublaslt.h"
#endif
#if CHAINLINE_HAS_CUDNN
#include "cuda/vendor/cudnn.h"
#endif

#include "tensor/error.h"

namespace chainline::cuda::vendor {

std::vector<std::string> libraries() {
  std::vector<std::string> names;
#if CHAINLINE_HAS_CUBLASLT
  names.push_back(cublaslt_description());
#endif
#if CHAINLINE_HAS_CUDNN
  names.push_back(cudnn_description());
#endif
  return names;
}

std::vector<const ProductContender*> products() {
  std::vector<const ProductContender*> all;
#if CHAINLINE_HAS_CUBLASLT
  for (const ProductContender& c : cublaslt) all.push_back(&c);
#endif
  return all;
}

bool can_end_with_gelu([[maybe_unused]] const FastProduct& p, [[maybe_unused]] bf16* before) {
#if CHAINLINE_HAS_CUBLASLT
  return cublaslt_can(FastGeluProduct{p, before});
#else
  return false;
#endif
}

void run_ending_with_gelu([[maybe_unused]] const FastProduct& p, [[maybe_unused]] bf16* before,
                          [[maybe_unused]] Stream stream) {
#if CHAINLINE_HAS_CUBLASLT
  cublaslt_run(FastGeluProduct{p, before}, stream);
#else
  throw DeviceError("linear_gelu: expected cuBLASLt, got a build without it");
#endif
}

std::vector<const AttentionContender*> attentions() {
  return {
#if CHAINLINE_HAS_CUDNN
    &cudnn,
#endif
  };
}

}  // namespace chainline::cuda::vendor
