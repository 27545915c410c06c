#include "experiments/probing/model_probes.h"

#include <cmath>

namespace chainline::experiments {
namespace {

Json to_json(const Interval& interval) { return Json::array({interval.low, interval.high}); }

Json to_json(const Control& control) {
  return {{"mean", control.mean},
          {"sd", control.sd},
          {"p_value", control.p_value},
          {"low", quantile(control.values, 0.025)},
          {"high", quantile(control.values, 0.975)},
          {"relabellings", control.values.size()}};
}

Json to_json(const FitQuality& quality) {
  return {{"fits", quality.fits},
          {"unconverged", quality.unconverged},
          {"worst_gradient", quality.worst_gradient},
          {"worst_duality_gap", quality.worst_gap}};
}

Json to_json(const LayerProbes& probes) {
  const ReplicaProbe& replica = probes.replica;
  const LeaveUsersOutProbe& held_out = probes.held_out;
  return {{"layer", probes.layer},
          {"replica",
           {{"accuracy", replica.accuracy},
            {"interval", to_json(replica.interval)},
            {"test_items", replica.test_items},
            {"control", to_json(replica.control)},
            {"selectivity", replica.control.selectivity}}},
          {"leave_users_out",
           {{"accuracy", held_out.accuracy},
            {"accuracy_interval", to_json(held_out.accuracy_interval)},
            {"accuracy_control", to_json(held_out.accuracy_control)},
            {"auc", held_out.auc},
            {"auc_interval", to_json(held_out.auc_interval)},
            {"auc_control", to_json(held_out.auc_control)},
            {"family_p_value", probes.family_p_value}}}};
}

}  // namespace

ModelProbes probe_model(const nn::Mllm& model, const Conversation& conversation,
                        const Tensor& images, const std::vector<ProbeView>& views,
                        const std::string& question, const ProbeOptions& options) {
  check<ValueError>(options.relabellings >= 1, "probe: relabellings: expected at least 1, got ",
                    options.relabellings);
  const HiddenStates states = hidden_states(model, conversation, images, views, question);
  ModelProbes result;
  result.question = question;
  result.seen = states.seen;
  result.users = states.users;
  std::vector<double> observed;
  std::vector<std::vector<double>> controls;
  for (std::size_t l = 0; l < states.layers.size(); ++l) {
    LayerProbes probes;
    probes.layer = states.layers[l].name;
    probes.replica = replica_probe(states.items(l), options);
    probes.held_out = leave_users_out_probe(states.items(l), options);
    result.quality.add(probes.replica.quality);
    result.quality.add(probes.held_out.quality);
    observed.push_back(probes.held_out.auc);
    controls.push_back(probes.held_out.auc_control.values);
    result.layers.push_back(std::move(probes));
  }
  const std::vector<double> corrected = max_statistic_p_values(observed, controls);
  for (std::size_t l = 0; l < corrected.size(); ++l) result.layers[l].family_p_value = corrected[l];
  result.prompt = prompt_baseline(model, conversation, images, views, kSeenQuestion, options);
  return result;
}

Json to_json(const ModelProbes& probes) {
  Json layers = Json::array();
  for (const LayerProbes& layer : probes.layers) layers.push_back(to_json(layer));
  return {{"question", probes.question},
          {"layers", layers},
          {"primary",
           {{"layer", probes.layers.back().layer},
            {"scores", probes.layers.back().held_out.scores},
            {"seen", probes.seen},
            {"users", probes.users}}},
          {"prompt",
           {{"question", probes.prompt.question},
            {"accuracy", probes.prompt.accuracy},
            {"accuracy_interval", to_json(probes.prompt.accuracy_interval)},
            {"auc", probes.prompt.auc},
            {"auc_interval", to_json(probes.prompt.auc_interval)}}},
          {"fits", to_json(probes.quality)}};
}

}  // namespace chainline::experiments
