#pragma once

#include <cudnn_graph.h>

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "cuda/runtime.h"
#include "cuda/vendor/library.h"

/// cuDNN's graph API, as far as attention needs it: tensors of four dimensions, the operations
/// between them, and a plan that computes them in one kernel or a few.
namespace chainline::cuda::vendor::dnn {

/// The functions that are used, by their own names.
struct Functions : Library {
  Functions();

  decltype(&cudnnGetVersion) version = symbol("cudnnGetVersion");
  decltype(&cudnnGetErrorString) error_string = symbol("cudnnGetErrorString");
  decltype(&cudnnGetLastErrorString) last_error = symbol("cudnnGetLastErrorString");
  decltype(&cudnnCreate) create = symbol("cudnnCreate");
  decltype(&cudnnSetStream) set_stream = symbol("cudnnSetStream");
  decltype(&cudnnBackendCreateDescriptor) create_descriptor =
      symbol("cudnnBackendCreateDescriptor");
  decltype(&cudnnBackendDestroyDescriptor) destroy_descriptor =
      symbol("cudnnBackendDestroyDescriptor");
  decltype(&cudnnBackendSetAttribute) set_attribute = symbol("cudnnBackendSetAttribute");
  decltype(&cudnnBackendGetAttribute) get_attribute = symbol("cudnnBackendGetAttribute");
  decltype(&cudnnBackendFinalize) finalize = symbol("cudnnBackendFinalize");
  decltype(&cudnnBackendExecute) execute = symbol("cudnnBackendExecute");
};
const Functions& functions();

/// Errors   DeviceError with cuDNN's own words for what it did not do
void expect_success(cudnnStatus_t status, const char* function);

/// Something of the graph API: it gets attributes, is finished, and then only read.
class Descriptor {
 public:
  explicit Descriptor(cudnnBackendDescriptorType_t type);
  Descriptor(Descriptor&& other) noexcept : raw_(std::exchange(other.raw_, nullptr)) {}
  Descriptor& operator=(Descriptor&&) = delete;
  ~Descriptor();

  cudnnBackendDescriptor_t raw() const { return raw_; }

  void set(cudnnBackendAttributeName_t name, cudnnBackendAttributeType_t type, std::int64_t count,
           const void* values);
  template <class T>
  void set(cudnnBackendAttributeName_t name, cudnnBackendAttributeType_t type, const T& value) {
    set(name, type, 1, &value);
  }
  void set(cudnnBackendAttributeName_t name, const Descriptor& part) {
    set(name, CUDNN_TYPE_BACKEND_DESCRIPTOR, part.raw_);
  }
  void finish();
  /// Says whether cuDNN can, in place of an error.
  bool try_to_finish();

 private:
  cudnnBackendDescriptor_t raw_ = nullptr;
};

/// Where plans are made for: a handle of the device at hand, or the description of one that is not,
/// in cuDNN's JSON, for which plans can be made but not run.
class Target {
 public:
  static Target here();
  static Target elsewhere(const std::string& description);

  cudnnHandle_t handle = nullptr;
  std::shared_ptr<Descriptor> description;
};

/// A tensor of a graph, by its number.
using Id = std::int64_t;
using Sizes = std::array<std::int64_t, 4>;

/// How a graph is computed. It keeps what it was made of.
struct Plan {
  Descriptor graph, configuration, descriptor;
  std::int64_t workspace_bytes = 0;
};

class Graph {
 public:
  /// A tensor in memory, at the address that run() is given for it.
  Id tensor(cudnnDataType_t type, const Sizes& sizes, const Sizes& strides);
  /// A number that is given to run() by its address on the host.
  Id number(cudnnDataType_t type);
  /// A tensor between two operations, which is nowhere. Its strides are dense unless given.
  Id between(cudnnDataType_t type, const Sizes& sizes);
  Id between(cudnnDataType_t type, const Sizes& sizes, const Sizes& strides);

  /// y = mode(x), mode(x, b) or mode(x, b, t); cuDNN computes in `precision`.
  void pointwise(cudnnPointwiseMode_t mode, cudnnDataType_t precision, Id y, Id x, Id b = -1,
                 Id t = -1);
  /// y[i] = i[axis].
  void index(int axis, Id y, Id x);
  void matmul(Id a, Id b, Id c);
  void reduction(cudnnReduceTensorOp_t how, Id x, Id y);
  /// y has the elements of x at other places; a transposition, when its strides are swapped.
  void reshape(Id x, Id y);

  const Sizes& sizes(Id id) const { return tensors_.at(static_cast<std::size_t>(id)).sizes; }

  /// The first plan of cuDNN's heuristic that can be built, or none; with `deterministic`, of
  /// those that give the same bits every time.
  std::optional<Plan> plan(const Target& target, bool deterministic) const;

 private:
  struct Known {
    Descriptor descriptor;
    Sizes sizes;
  };
  Id add(cudnnDataType_t type, const Sizes& sizes, const Sizes& strides, bool is_virtual,
         bool by_value);
  const Descriptor& at(Id id) const { return tensors_.at(static_cast<std::size_t>(id)).descriptor; }
  void pointwise(Descriptor& how, Id y, Id x, Id b, Id t);

  std::vector<Known> tensors_;
  std::vector<Descriptor> operations_;
};

Sizes dense_strides(const Sizes& sizes);

/// Runs a plan with the addresses of all tensors and numbers that are not between operations.
void run(const Target& target, const Plan& plan, const std::map<Id, const void*>& addresses,
         void* workspace, Stream stream);

}  // namespace chainline::cuda::vendor::dnn
