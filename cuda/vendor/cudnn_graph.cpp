#include "cuda/vendor/cudnn_graph.h"

#include <algorithm>

#include "tensor/error.h"

namespace chainline::cuda::vendor::dnn {

Functions::Functions() : Library(CHAINLINE_CUDNN_SONAME, CHAINLINE_CUDNN_LIBRARY) {}

const Functions& functions() {
  static const Functions all;
  return all;
}

void expect_success(cudnnStatus_t status, const char* function) {
  if (status == CUDNN_STATUS_SUCCESS) return;
  char why[256] = "";
  functions().last_error(why, sizeof why);
  throw DeviceError(std::string(function) + ": expected success, got " +
                    functions().error_string(status) + (*why == '\0' ? "" : " (") + why +
                    (*why == '\0' ? "" : ")"));
}

Descriptor::Descriptor(cudnnBackendDescriptorType_t type) {
  expect_success(functions().create_descriptor(type, &raw_), "cudnnBackendCreateDescriptor");
}

Descriptor::~Descriptor() {
  if (raw_ != nullptr) functions().destroy_descriptor(raw_);
}

void Descriptor::set(cudnnBackendAttributeName_t name, cudnnBackendAttributeType_t type,
                     std::int64_t count, const void* values) {
  expect_success(functions().set_attribute(raw_, name, type, count, values),
                 "cudnnBackendSetAttribute");
}

void Descriptor::finish() { expect_success(functions().finalize(raw_), "cudnnBackendFinalize"); }

bool Descriptor::try_to_finish() { return functions().finalize(raw_) == CUDNN_STATUS_SUCCESS; }

Target Target::here() {
  Target target;
  expect_success(functions().create(&target.handle), "cudnnCreate");
  return target;
}

Target Target::elsewhere(const std::string& description) {
  Target target;
  target.description = std::make_shared<Descriptor>(CUDNN_BACKEND_DEVICEPROP_DESCRIPTOR);
  target.description->set(CUDNN_ATTR_DEVICEPROP_JSON_REPRESENTATION, CUDNN_TYPE_CHAR,
                          static_cast<std::int64_t>(description.size()), description.data());
  target.description->finish();
  return target;
}

Sizes dense_strides(const Sizes& s) { return {s[1] * s[2] * s[3], s[2] * s[3], s[3], 1}; }

Id Graph::add(cudnnDataType_t type, const Sizes& sizes, const Sizes& strides, bool is_virtual,
              bool by_value) {
  const auto id = static_cast<Id>(tensors_.size());
  Descriptor d(CUDNN_BACKEND_TENSOR_DESCRIPTOR);
  const std::int64_t alignment = 16;
  d.set(CUDNN_ATTR_TENSOR_DATA_TYPE, CUDNN_TYPE_DATA_TYPE, type);
  d.set(CUDNN_ATTR_TENSOR_DIMENSIONS, CUDNN_TYPE_INT64, 4, sizes.data());
  d.set(CUDNN_ATTR_TENSOR_STRIDES, CUDNN_TYPE_INT64, 4, strides.data());
  d.set(CUDNN_ATTR_TENSOR_UNIQUE_ID, CUDNN_TYPE_INT64, id);
  d.set(CUDNN_ATTR_TENSOR_BYTE_ALIGNMENT, CUDNN_TYPE_INT64, alignment);
  d.set(CUDNN_ATTR_TENSOR_IS_VIRTUAL, CUDNN_TYPE_BOOLEAN, is_virtual);
  d.set(CUDNN_ATTR_TENSOR_IS_BY_VALUE, CUDNN_TYPE_BOOLEAN, by_value);
  d.finish();
  tensors_.push_back({std::move(d), sizes});
  return id;
}

Id Graph::tensor(cudnnDataType_t type, const Sizes& sizes, const Sizes& strides) {
  return add(type, sizes, strides, false, false);
}
Id Graph::number(cudnnDataType_t type) {
  return add(type, {1, 1, 1, 1}, {1, 1, 1, 1}, false, true);
}
Id Graph::between(cudnnDataType_t type, const Sizes& sizes) {
  return add(type, sizes, dense_strides(sizes), true, false);
}
Id Graph::between(cudnnDataType_t type, const Sizes& sizes, const Sizes& strides) {
  return add(type, sizes, strides, true, false);
}

void Graph::pointwise(Descriptor& how, Id y, Id x, Id b, Id t) {
  how.finish();
  Descriptor d(CUDNN_BACKEND_OPERATION_POINTWISE_DESCRIPTOR);
  d.set(CUDNN_ATTR_OPERATION_POINTWISE_PW_DESCRIPTOR, how);
  d.set(CUDNN_ATTR_OPERATION_POINTWISE_XDESC, at(x));
  if (b >= 0) d.set(CUDNN_ATTR_OPERATION_POINTWISE_BDESC, at(b));
  if (t >= 0) d.set(CUDNN_ATTR_OPERATION_POINTWISE_TDESC, at(t));
  d.set(CUDNN_ATTR_OPERATION_POINTWISE_YDESC, at(y));
  d.finish();
  operations_.push_back(std::move(d));
}

void Graph::pointwise(cudnnPointwiseMode_t mode, cudnnDataType_t precision, Id y, Id x, Id b,
                      Id t) {
  Descriptor how(CUDNN_BACKEND_POINTWISE_DESCRIPTOR);
  how.set(CUDNN_ATTR_POINTWISE_MODE, CUDNN_TYPE_POINTWISE_MODE, mode);
  how.set(CUDNN_ATTR_POINTWISE_MATH_PREC, CUDNN_TYPE_DATA_TYPE, precision);
  pointwise(how, y, x, b, t);
}

void Graph::index(int axis, Id y, Id x) {
  Descriptor how(CUDNN_BACKEND_POINTWISE_DESCRIPTOR);
  const std::int64_t wide = axis;
  how.set(CUDNN_ATTR_POINTWISE_MODE, CUDNN_TYPE_POINTWISE_MODE, CUDNN_POINTWISE_GEN_INDEX);
  how.set(CUDNN_ATTR_POINTWISE_MATH_PREC, CUDNN_TYPE_DATA_TYPE, CUDNN_DATA_INT32);
  how.set(CUDNN_ATTR_POINTWISE_AXIS, CUDNN_TYPE_INT64, wide);
  pointwise(how, y, x, -1, -1);
}

void Graph::matmul(Id a, Id b, Id c) {
  Descriptor how(CUDNN_BACKEND_MATMUL_DESCRIPTOR);
  how.set(CUDNN_ATTR_MATMUL_COMP_TYPE, CUDNN_TYPE_DATA_TYPE, CUDNN_DATA_FLOAT);
  how.finish();
  Descriptor d(CUDNN_BACKEND_OPERATION_MATMUL_DESCRIPTOR);
  d.set(CUDNN_ATTR_OPERATION_MATMUL_DESC, how);
  d.set(CUDNN_ATTR_OPERATION_MATMUL_ADESC, at(a));
  d.set(CUDNN_ATTR_OPERATION_MATMUL_BDESC, at(b));
  d.set(CUDNN_ATTR_OPERATION_MATMUL_CDESC, at(c));
  d.finish();
  operations_.push_back(std::move(d));
}

void Graph::reduction(cudnnReduceTensorOp_t mode, Id x, Id y) {
  Descriptor how(CUDNN_BACKEND_REDUCTION_DESCRIPTOR);
  how.set(CUDNN_ATTR_REDUCTION_OPERATOR, CUDNN_TYPE_REDUCTION_OPERATOR_TYPE, mode);
  how.set(CUDNN_ATTR_REDUCTION_COMP_TYPE, CUDNN_TYPE_DATA_TYPE, CUDNN_DATA_FLOAT);
  how.finish();
  Descriptor d(CUDNN_BACKEND_OPERATION_REDUCTION_DESCRIPTOR);
  d.set(CUDNN_ATTR_OPERATION_REDUCTION_DESC, how);
  d.set(CUDNN_ATTR_OPERATION_REDUCTION_XDESC, at(x));
  d.set(CUDNN_ATTR_OPERATION_REDUCTION_YDESC, at(y));
  d.finish();
  operations_.push_back(std::move(d));
}

void Graph::reshape(Id x, Id y) {
  Descriptor d(CUDNN_BACKEND_OPERATION_RESHAPE_DESCRIPTOR);
  d.set(CUDNN_ATTR_OPERATION_RESHAPE_XDESC, at(x));
  d.set(CUDNN_ATTR_OPERATION_RESHAPE_YDESC, at(y));
  d.finish();
  operations_.push_back(std::move(d));
}

namespace {

constexpr int kMostConfigurations = 16;

/// Whether an engine says of itself that its bits may differ from run to run.
bool may_differ(cudnnBackendDescriptor_t configuration) {
  const Functions& f = functions();
  const Descriptor engine(CUDNN_BACKEND_ENGINE_DESCRIPTOR);
  cudnnBackendDescriptor_t raw = engine.raw();
  std::int64_t count = 0;
  expect_success(f.get_attribute(configuration, CUDNN_ATTR_ENGINECFG_ENGINE,
                                 CUDNN_TYPE_BACKEND_DESCRIPTOR, 1, &count, &raw),
                 "cudnnBackendGetAttribute");
  std::array<cudnnBackendNumericalNote_t, CUDNN_NUMERICAL_NOTE_TYPE_COUNT> notes{};
  count = 0;
  expect_success(f.get_attribute(raw, CUDNN_ATTR_ENGINE_NUMERICAL_NOTE, CUDNN_TYPE_NUMERICAL_NOTE,
                                 static_cast<std::int64_t>(notes.size()), &count, notes.data()),
                 "cudnnBackendGetAttribute");
  const auto end = notes.begin() + count;
  return std::find(notes.begin(), end, CUDNN_NUMERICAL_NOTE_NONDETERMINISTIC) != end;
}

}  // namespace

std::optional<Plan> Graph::plan(const Target& target, bool deterministic) const {
  const Functions& f = functions();
  std::vector<cudnnBackendDescriptor_t> operations;
  for (const Descriptor& d : operations_) operations.push_back(d.raw());
  Descriptor graph(CUDNN_BACKEND_OPERATIONGRAPH_DESCRIPTOR);
  graph.set(CUDNN_ATTR_OPERATIONGRAPH_OPS, CUDNN_TYPE_BACKEND_DESCRIPTOR,
            static_cast<std::int64_t>(operations.size()), operations.data());
  if (target.handle != nullptr) {
    graph.set(CUDNN_ATTR_OPERATIONGRAPH_HANDLE, CUDNN_TYPE_HANDLE, target.handle);
  }
  if (!graph.try_to_finish()) return std::nullopt;

  Descriptor heuristic(CUDNN_BACKEND_ENGINEHEUR_DESCRIPTOR);
  heuristic.set(CUDNN_ATTR_ENGINEHEUR_OPERATION_GRAPH, graph);
  heuristic.set(CUDNN_ATTR_ENGINEHEUR_MODE, CUDNN_TYPE_HEUR_MODE, CUDNN_HEUR_MODE_A);
  if (target.description) heuristic.set(CUDNN_ATTR_ENGINEHEUR_DEVICEPROP, *target.description);
  if (!heuristic.try_to_finish()) return std::nullopt;
  std::vector<Descriptor> configurations;
  std::vector<cudnnBackendDescriptor_t> raw;
  for (int i = 0; i < kMostConfigurations; ++i) {
    configurations.emplace_back(CUDNN_BACKEND_ENGINECFG_DESCRIPTOR);
    raw.push_back(configurations.back().raw());
  }
  std::int64_t count = 0;
  expect_success(
      f.get_attribute(heuristic.raw(), CUDNN_ATTR_ENGINEHEUR_RESULTS, CUDNN_TYPE_BACKEND_DESCRIPTOR,
                      kMostConfigurations, &count, raw.data()),
      "cudnnBackendGetAttribute");
  for (std::int64_t i = 0; i < std::min<std::int64_t>(count, kMostConfigurations); ++i) {
    const auto at = static_cast<std::size_t>(i);
    if (deterministic && may_differ(raw[at])) continue;
    Descriptor plan(CUDNN_BACKEND_EXECUTION_PLAN_DESCRIPTOR);
    plan.set(CUDNN_ATTR_EXECUTION_PLAN_ENGINE_CONFIG, configurations[at]);
    if (target.handle != nullptr) {
      plan.set(CUDNN_ATTR_EXECUTION_PLAN_HANDLE, CUDNN_TYPE_HANDLE, target.handle);
    } else {
      plan.set(CUDNN_ATTR_EXECUTION_PLAN_DEVICEPROP, *target.description);
    }
    if (!plan.try_to_finish()) continue;
    std::int64_t one = 0, bytes = 0;
    expect_success(f.get_attribute(plan.raw(), CUDNN_ATTR_EXECUTION_PLAN_WORKSPACE_SIZE,
                                   CUDNN_TYPE_INT64, 1, &one, &bytes),
                   "cudnnBackendGetAttribute");
    return Plan{std::move(graph), std::move(configurations[at]), std::move(plan), bytes};
  }
  return std::nullopt;
}

void run(const Target& target, const Plan& plan, const std::map<Id, const void*>& addresses,
         void* workspace, Stream stream) {
  std::vector<Id> ids;
  std::vector<const void*> pointers;
  for (const auto& [id, address] : addresses) {
    ids.push_back(id);
    pointers.push_back(address);
  }
  const auto count = static_cast<std::int64_t>(ids.size());
  Descriptor pack(CUDNN_BACKEND_VARIANT_PACK_DESCRIPTOR);
  pack.set(CUDNN_ATTR_VARIANT_PACK_UNIQUE_IDS, CUDNN_TYPE_INT64, count, ids.data());
  pack.set(CUDNN_ATTR_VARIANT_PACK_DATA_POINTERS, CUDNN_TYPE_VOID_PTR, count, pointers.data());
  pack.set(CUDNN_ATTR_VARIANT_PACK_WORKSPACE, CUDNN_TYPE_VOID_PTR, workspace);
  pack.finish();
  const Functions& f = functions();
  expect_success(f.set_stream(target.handle, stream), "cudnnSetStream");
  expect_success(f.execute(target.handle, plan.descriptor.raw(), pack.raw()),
                 "cudnnBackendExecute");
}

}  // namespace chainline::cuda::vendor::dnn
