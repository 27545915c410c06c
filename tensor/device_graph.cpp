#include "tensor/device_graph.h"

#include <utility>

#include "tensor/block_cache.h"

namespace chainline {
namespace {

DeviceGraph* current = nullptr;  // the one that is being recorded

}  // namespace

bool DeviceGraph::recording() { return current != nullptr; }

void check_before_replay(std::function<void()> check) {
  if (current != nullptr) current->checks_.push_back(std::move(check));
}

DeviceGraph::DeviceGraph(Device device, const std::function<void()>& work) : device_(device) {
  check<DeviceError>(device.type != DeviceType::cpu,
                     "device_graph: expected a device that records work, got the CPU");
  check<DeviceError>(current == nullptr,
                     "device_graph: expected no other graph, got one that is being recorded");
  Backend& backend = cuda::backend(device.index);
  enter_graph_memory(device);
  try {
    backend.begin_recording();
    current = this;
    try {
      work();
    } catch (...) {
      current = nullptr;
      try {
        backend.end_recording();
      } catch (const DeviceError&) {
        // What work() threw says more.
      }
      throw;
    }
    current = nullptr;
    work_ = backend.end_recording();
  } catch (...) {
    leave_graph_memory(device, false);
    throw;
  }
  leave_graph_memory(device, true);
}

DeviceGraph::~DeviceGraph() {
  work_.reset();
  checks_.clear();
  forget_graph(device_);
}

void DeviceGraph::replay() {
  for (const auto& check_again : checks_) check_again();
  work_->replay();
}

}  // namespace chainline
