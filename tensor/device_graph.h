#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "tensor/backend.h"
#include "tensor/tensor.h"

namespace chainline {

/// Work of a device, recorded once and then done as often as it is asked for: a CUDA graph. A step
/// of a training is thousands of launches; replayed, it costs the host one call.
///
/// work() is called once, and nothing that it asks of the device is done yet. Kernels, fills and
/// copies on the device are recorded with the addresses and numbers that they were given. So
///
///   - what changes from replay to replay must stand in tensors that were made before, which the
///     host overwrites (Tensor::upload_from) before it replays;
///   - a tensor that work() makes holds its result after each replay, until the next one, of any
///     graph of the device: its memory is set aside for the graphs while there are any;
///   - whatever work() reads and did not make must outlive the graph;
///   - the host does not overwrite integers that work() writes to: it would take them for known
///     (Tensor::on_host) when a replay has changed them;
///   - work() can't wait for the device or read from it.
///
/// Errors   DeviceError for a device that can't record, for graphs inside of graphs, and for work
///          that waits; then nothing is recorded. What work() throws is passed on
/// Bits     those of work() done at once
class DeviceGraph {
 public:
  DeviceGraph(Device device, const std::function<void()>& work);
  ~DeviceGraph();
  DeviceGraph(const DeviceGraph&) = delete;
  DeviceGraph& operator=(const DeviceGraph&) = delete;

  /// Asks the device for the work. Errors that work() checked the numbers of the host for are checked
  /// again before, in the same words.
  void replay();

  /// Whether a graph is being recorded.
  static bool recording();

 private:
  friend void check_before_replay(std::function<void()> check);

  Device device_;
  std::unique_ptr<RecordedWork> work_;
  std::vector<std::function<void()>> checks_;
};

/// Has the graph that is being recorded, if there is one, call `check` before each replay.
void check_before_replay(std::function<void()> check);

/// Calls check(values) with the numbers of a tensor that the host knows (Tensor::on_host), now and
/// before each replay. False when the host does not know them, so that the device must look, which
/// can't be recorded.
///
/// Errors   DeviceError, naming the op and the argument, for unknown numbers while a graph is recorded
template <class Check>
bool check_on_host(const Tensor& t, std::string_view op, std::string_view argument,
                   const Check& check_values) {
  const Tensor known = t.on_host();
  if (known.defined()) {
    check_values(known);
  } else {
    check<DeviceError>(!DeviceGraph::recording(), op, ": ", argument,
                       ": expected numbers that came from the host, in work that is recorded");
    return false;
  }
  if (DeviceGraph::recording()) {
    check_before_replay([t, check_values, op = std::string(op), argument = std::string(argument)] {
      const Tensor now = t.on_host();
      check<DeviceError>(now.defined(), op, ": ", argument,
                         ": expected numbers that came from the host, in work that is replayed");
      check_values(now);
    });
  }
  return true;
}

}  // namespace chainline
