#pragma once

#include <string>
#include <vector>

#include "experiments/claims/trial.h"

namespace chainline::experiments {

/// What the figures say about one claim.
struct Judgement {
  std::vector<Trial> trials;  ///< all must say yes; the first is the claim's effect
  std::string blocked;        ///< why it cannot be decided, whatever the trials say; "" if it can
  bool by_probe = false;      ///< a "no" counts only where the probe sees the positive control T
};

// One function per claim, of the analysis.
Judgement judge_utility(const Json& analysis);     // K1
Judgement judge_gradients(const Json& analysis);   // K2
Judgement judge_magnitude(const Json& analysis);   // K3
Judgement judge_mini_batch(const Json& analysis);  // K4
Judgement judge_separation(const Json& analysis);  // K5
Judgement judge_layers(const Json& analysis);      // K6
Judgement judge_prompting(const Json& analysis);   // K7
Judgement judge_generality(const Json& analysis);  // K8
Judgement judge_clusters(const Json& analysis);    // K9
Judgement judge_mechanism(const Json& analysis);   // K10

/// "" if every base reads at least kLegible of the characters of an unseen card at the normal size,
/// which is what runs are measured with; else the sentence that says how many it reads, and how many
/// of larger and smaller cards.
std::string illegible(const Json& analysis);

/// Whether any decoder layer's probe of the question tells the IN users of the positive control T,
/// tuned so, by the maximum over all layers. The encoder is frozen: what it tells was not learned.
bool sees_positive_control(const Json& analysis, const std::string& question = "username",
                           const std::string& tuning = "lora");

}  // namespace chainline::experiments
