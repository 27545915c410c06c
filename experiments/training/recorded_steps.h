#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "experiments/training/loss.h"
#include "tensor/device_graph.h"

namespace chainline::experiments {

/// What is left of a step on its device: read it, and the step is done.
struct StepOutputs {
  std::vector<Tensor> losses;  ///< of each part's samples
  Tensor norm;                 ///< f64 (): of the gradient
  /// Of each parameter, before clipping; none unless they are kept (Trainer::keep_gradients).
  std::vector<Tensor> gradients;
};

/// Steps of a training on a device, of which each is recorded once (DeviceGraph) and replayed
/// whenever one of the same shapes comes: the host asks for one graph in place of thousands of
/// kernels. Shapes that come for the first time are computed kernel by kernel, for they may never
/// come again.
///
/// Bits   those of compute
class RecordedSteps {
 public:
  using Part = std::function<LossInputs(std::size_t)>;
  using Compute = std::function<StepOutputs(const Part&)>;

  /// More graphs than a training of short answers needs, and few enough that their inputs fit.
  static constexpr std::size_t kMost = 32;

  /// compute(part), where part(i) gives part number i on the device, or with `record` its replay: it
  /// must do the same work for parts of the same shapes. The outputs last until the next call.
  StepOutputs run(std::vector<LossInputs>& parts, Device device, bool record,
                  const Compute& compute);

  std::size_t recorded() const { return steps_.size(); }

 private:
  struct Step {
    std::vector<LossInputs> inputs;  // that the graph reads
    StepOutputs outputs;             // that it writes
    std::unique_ptr<DeviceGraph> graph;
  };

  std::map<std::string, int> seen_;  // shapes that came, and how often
  std::map<std::string, Step> steps_;
};

}  // namespace chainline::experiments
