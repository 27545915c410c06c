#include "cuda/vendor/cublaslt.h"

#include <cublasLt.h>

#include <algorithm>
#include <array>
#include <map>
#include <memory>
#include <vector>

#include "cuda/fast/round.h"
#include "cuda/vendor/library.h"
#include "tensor/error.h"
#include "tensor/tensor.h"

namespace chainline::cuda::vendor {
namespace {

/// What NVIDIA asks for on Hopper; less would shut algorithms out.
constexpr std::size_t kWorkspaceBytes = std::size_t{32} << 20;

/// The functions that are used, by their own names.
struct Functions : Library {
  Functions() : Library(CHAINLINE_CUBLASLT_SONAME, CHAINLINE_CUBLASLT_LIBRARY) {}

  decltype(&cublasLtCreate) create = symbol("cublasLtCreate");
  decltype(&cublasLtGetVersion) version = symbol("cublasLtGetVersion");
  decltype(&cublasLtGetStatusName) status_name = symbol("cublasLtGetStatusName");
  decltype(&cublasLtMatmul) matmul = symbol("cublasLtMatmul");
  decltype(&cublasLtMatmulAlgoGetHeuristic) heuristic = symbol("cublasLtMatmulAlgoGetHeuristic");
  decltype(&cublasLtMatmulDescCreate) desc_create = symbol("cublasLtMatmulDescCreate");
  decltype(&cublasLtMatmulDescDestroy) desc_destroy = symbol("cublasLtMatmulDescDestroy");
  decltype(&cublasLtMatmulDescSetAttribute) desc_set = symbol("cublasLtMatmulDescSetAttribute");
  decltype(&cublasLtMatrixLayoutCreate) layout_create = symbol("cublasLtMatrixLayoutCreate");
  decltype(&cublasLtMatrixLayoutDestroy) layout_destroy = symbol("cublasLtMatrixLayoutDestroy");
  decltype(&cublasLtMatmulPreferenceCreate) wish_create = symbol("cublasLtMatmulPreferenceCreate");
  decltype(&cublasLtMatmulPreferenceDestroy) wish_destroy =
      symbol("cublasLtMatmulPreferenceDestroy");
  decltype(&cublasLtMatmulPreferenceSetAttribute) wish_set =
      symbol("cublasLtMatmulPreferenceSetAttribute");
};

const Functions& functions() {
  static const Functions all;
  return all;
}

void expect_success(cublasStatus_t status, const char* function) {
  check<DeviceError>(status == CUBLAS_STATUS_SUCCESS, function, ": expected success, got ",
                     functions().status_name(status));
}

struct DescDestroy {
  void operator()(cublasLtMatmulDesc_t d) const { functions().desc_destroy(d); }
};
struct LayoutDestroy {
  void operator()(cublasLtMatrixLayout_t l) const { functions().layout_destroy(l); }
};
struct WishDestroy {
  void operator()(cublasLtMatmulPreference_t w) const { functions().wish_destroy(w); }
};
using Desc = std::unique_ptr<cublasLtMatmulDescOpaque_t, DescDestroy>;
using Layout = std::unique_ptr<cublasLtMatrixLayoutOpaque_t, LayoutDestroy>;
using Wish = std::unique_ptr<cublasLtMatmulPreferenceOpaque_t, WishDestroy>;

/// The library's state and its workspace, for the one stream that all work goes to.
struct Session {
  Session() {
    expect_success(functions().create(&handle), "cublasLtCreate");
    workspace = device_malloc(kWorkspaceBytes);
  }
  cublasLtHandle_t handle = nullptr;
  void* workspace = nullptr;
};

Session& session() {
  static Session* const only = new Session;  // for ever: its end would need a living device
  return *only;
}

cudaDataType_t type_of(DType d) { return d == DType::f32 ? CUDA_R_32F : CUDA_R_16BF; }

/// The largest power of two, up to 256, that a pointer is a multiple of.
std::uint32_t alignment_of(const void* pointer) {
  const auto address = reinterpret_cast<std::uintptr_t>(pointer);
  std::uint32_t alignment = 256;
  while (address % alignment != 0) alignment /= 2;
  return alignment;
}

enum class Ending { none, gelu, gelu_gradient };

/// What C is added to.
const void* addend_of(const FastProduct& p) { return p.add ? p.c : p.residual; }

cublasLtEpilogue_t epilogue_of(const FastProduct& p, Ending ending) {
  if (ending == Ending::gelu_gradient) return CUBLASLT_EPILOGUE_DGELU;
  if (ending == Ending::gelu) {
    return p.bias == nullptr ? CUBLASLT_EPILOGUE_GELU_AUX : CUBLASLT_EPILOGUE_GELU_AUX_BIAS;
  }
  return p.bias == nullptr ? CUBLASLT_EPILOGUE_DEFAULT : CUBLASLT_EPILOGUE_BIAS;
}

template <class T>
void set(cublasLtMatmulDesc_t desc, cublasLtMatmulDescAttributes_t what, const T& value) {
  expect_success(functions().desc_set(desc, what, &value, sizeof value),
                 "cublasLtMatmulDescSetAttribute");
}

template <class T>
void set(cublasLtMatmulPreference_t wish, cublasLtMatmulPreferenceAttributes_t what,
         const T& value) {
  expect_success(functions().wish_set(wish, what, &value, sizeof value),
                 "cublasLtMatmulPreferenceSetAttribute");
}

/// A matrix of ours, rows x columns by rows, as one of columns x rows by columns.
Layout layout(DType type, std::int64_t rows, std::int64_t columns) {
  cublasLtMatrixLayout_t raw = nullptr;
  expect_success(functions().layout_create(&raw, type_of(type), static_cast<std::uint64_t>(columns),
                                           static_cast<std::uint64_t>(rows), columns),
                 "cublasLtMatrixLayoutCreate");
  return Layout(raw);
}

/// All that belongs to a shape. The pointers are set before each call.
struct Plan {
  Desc desc;
  Layout a, b, c;
  std::vector<cublasLtMatmulAlgo_t> algorithms;  // the quickest by the heuristic first
};

void set_pointers(cublasLtMatmulDesc_t desc, const void* bias, const void* before) {
  if (bias != nullptr) set(desc, CUBLASLT_MATMUL_DESC_BIAS_POINTER, bias);
  if (before != nullptr) set(desc, CUBLASLT_MATMUL_DESC_EPILOGUE_AUX_POINTER, before);
}

/// For cuBLASLt our B is the first matrix and our A the second.
Plan make_plan(const FastProduct& p, Ending ending, const void* before) {
  Plan plan;
  cublasLtMatmulDesc_t raw = nullptr;
  expect_success(functions().desc_create(&raw, CUBLAS_COMPUTE_32F, CUDA_R_32F),
                 "cublasLtMatmulDescCreate");
  plan.desc = Desc(raw);
  set(raw, CUBLASLT_MATMUL_DESC_TRANSA, p.b_transposed ? CUBLAS_OP_T : CUBLAS_OP_N);
  set(raw, CUBLASLT_MATMUL_DESC_TRANSB, p.a_transposed ? CUBLAS_OP_T : CUBLAS_OP_N);
  set(raw, CUBLASLT_MATMUL_DESC_EPILOGUE, epilogue_of(p, ending));
  if (p.bias != nullptr) set(raw, CUBLASLT_MATMUL_DESC_BIAS_DATA_TYPE, type_of(p.c_type));
  if (ending != Ending::none) set(raw, CUBLASLT_MATMUL_DESC_EPILOGUE_AUX_LD, p.N);
  // The heuristic reads only how the pointers are aligned.
  set_pointers(raw, p.bias, before);
  plan.a = p.a_transposed ? layout(DType::bf16, p.K, p.M) : layout(DType::bf16, p.M, p.K);
  plan.b = p.b_transposed ? layout(DType::bf16, p.N, p.K) : layout(DType::bf16, p.K, p.N);
  plan.c = layout(p.c_type, p.M, p.N);

  cublasLtMatmulPreference_t raw_wish = nullptr;
  expect_success(functions().wish_create(&raw_wish), "cublasLtMatmulPreferenceCreate");
  const Wish wish(raw_wish);
  const void* const addend = addend_of(p);
  set(raw_wish, CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES, std::uint64_t{kWorkspaceBytes});
  set(raw_wish, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES, alignment_of(p.b));
  set(raw_wish, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_B_BYTES, alignment_of(p.a));
  set(raw_wish, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_C_BYTES,
      alignment_of(addend == nullptr ? p.c : addend));
  set(raw_wish, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_D_BYTES, alignment_of(p.c));
  std::array<cublasLtMatmulHeuristicResult_t, kCublasltAlgorithms> found{};
  int count = 0;
  const cublasStatus_t status = functions().heuristic(
      session().handle, raw, plan.b.get(), plan.a.get(), plan.c.get(), plan.c.get(), raw_wish,
      static_cast<int>(found.size()), found.data(), &count);
  if (status == CUBLAS_STATUS_NOT_SUPPORTED || status == CUBLAS_STATUS_INVALID_VALUE) {
    return plan;  // a shape or an alignment that it can't
  }
  expect_success(status, "cublasLtMatmulAlgoGetHeuristic");
  for (int i = 0; i < count; ++i) {
    const cublasLtMatmulHeuristicResult_t& f = found[static_cast<std::size_t>(i)];
    if (f.state == CUBLAS_STATUS_SUCCESS) plan.algorithms.push_back(f.algo);
  }
  return plan;
}

/// The plan of a shape is made once. One thread at a time works with a device, so nothing is locked.
const Plan& plan_of(const FastProduct& p, Ending ending, const void* before) {
  // For ever: at the program's end the library may be gone before its plans.
  static auto& plans = *new std::map<std::array<std::int64_t, 13>, Plan>;
  const void* const addend = addend_of(p);
  const std::array<std::int64_t, 13> key = {p.M,
                                            p.N,
                                            p.K,
                                            p.a_transposed,
                                            p.b_transposed,
                                            static_cast<std::int64_t>(p.c_type),
                                            static_cast<std::int64_t>(ending),
                                            p.bias != nullptr,
                                            addend == nullptr ? 0 : alignment_of(addend),
                                            alignment_of(p.a),
                                            alignment_of(p.b),
                                            alignment_of(p.c),
                                            before == nullptr ? 0 : alignment_of(before)};
  auto found = plans.find(key);
  if (found == plans.end()) found = plans.emplace(key, make_plan(p, ending, before)).first;
  return found->second;
}

bool can(const FastProduct& p, Ending ending, const void* before) {
  if (p.M == 0 || p.N == 0 || p.K == 0 || !functions().obstacle().empty()) return false;
  // What is added is read in the type of C, and a residual is bf16.
  if (p.residual != nullptr && p.c_type != DType::bf16) return false;
  return !plan_of(p, ending, before).algorithms.empty();
}

void run(const FastProduct& p, Ending ending, void* before, std::size_t rank, Stream stream) {
  const Plan& plan = plan_of(p, ending, before);
  check<DeviceError>(!plan.algorithms.empty(), "cublaslt: expected a product that it can, got ",
                     p.M, " x ", p.N, " x ", p.K);
  const cublasLtMatmulAlgo_t& algorithm =
      plan.algorithms[std::min(rank, plan.algorithms.size() - 1)];
  Tensor rounded;
  const void* bias = p.bias;
  if (p.bias != nullptr && p.c_type == DType::bf16) {
    rounded = Tensor::empty({p.N}, DType::bf16, Device{DeviceType::cuda, 0});
    round_to_bf16(p.bias, rounded.mutable_device_data<bf16>(), p.N, stream);
    bias = rounded.device_data<bf16>();
  }
  const void* const addend = addend_of(p);
  const float alpha = 1, beta = addend == nullptr ? 0.0F : 1.0F;
  set_pointers(plan.desc.get(), bias, before);
  expect_success(
      functions().matmul(session().handle, plan.desc.get(), &alpha, p.b, plan.b.get(), p.a,
                         plan.a.get(), &beta, addend == nullptr ? p.c : addend, plan.c.get(), p.c,
                         plan.c.get(), &algorithm, session().workspace, kWorkspaceBytes, stream),
      "cublasLtMatmul");
}

Ending ending_of(const FastGeluProduct& p) {
  return p.backward ? Ending::gelu_gradient : Ending::gelu;
}

}  // namespace

std::string cublaslt_description() {
  const Functions& f = functions();
  if (!f.obstacle().empty()) return "cuBLASLt: " + f.obstacle();
  const std::size_t v = f.version();
  return "cuBLASLt " + std::to_string(v / 10000) + "." + std::to_string(v / 100 % 100) + "." +
         std::to_string(v % 100);
}

namespace {

template <std::size_t kRank>
constexpr ProductContender contender(const char* name) {
  return {
      name, [](const FastProduct& p) { return can(p, Ending::none, nullptr); },
      [](const FastProduct& p, Stream stream) { run(p, Ending::none, nullptr, kRank, stream); }};
}

}  // namespace

constinit const std::array<ProductContender, kCublasltAlgorithms> cublaslt = {
    contender<0>("cublaslt"), contender<1>("cublaslt_2nd"), contender<2>("cublaslt_3rd")};

bool cublaslt_can(const FastGeluProduct& p) {
  const FastProduct& c = p.product;
  if (c.add || c.residual != nullptr || c.c_type != DType::bf16 || c.N % 8 != 0) return false;
  if (p.backward && c.bias != nullptr) return false;
  return can(c, ending_of(p), p.before);
}

void cublaslt_run(const FastGeluProduct& p, Stream stream) {
  run(p.product, ending_of(p), p.before, 0, stream);
}

}  // namespace chainline::cuda::vendor
