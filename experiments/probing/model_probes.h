#pragma once

#include <string>
#include <vector>

#include "experiments/conditions/treatment.h"
#include "experiments/data/json.h"
#include "experiments/probing/hidden.h"

namespace chainline::experiments {

struct LayerProbes {
  std::string layer;
  ReplicaProbe replica;
  LeaveUsersOutProbe held_out;
  double family_p_value = 1;  // of the held-out AUC, corrected for the number of layers
};

/// Everything that is asked of one model.
struct ModelProbes {
  std::string question;
  std::vector<LayerProbes> layers;
  std::vector<int> seen;            // (views)
  std::vector<std::int64_t> users;  // (views)
  PromptBaseline prompt;
  FitQuality quality;
};

/// Runs the published probe and the one that holds users out on every layer, and asks the model.
ModelProbes probe_model(const nn::Mllm& model, const Conversation& conversation,
                        const Tensor& images, const std::vector<ProbeView>& views,
                        const std::string& question, const ProbeOptions& options);

/// Every figure; under "primary" the held-out decisions on each view by the last layer, the one
/// chosen beforehand for comparing models, with the views' labels and users.
Json to_json(const ModelProbes& probes);

}  // namespace chainline::experiments
