#include "experiments/claims/claims.h"

#include <fmt/core.h>

#include <algorithm>

#include "experiments/analysis/estimate.h"
#include "experiments/claims/claim.h"
#include "tensor/error.h"

namespace chainline::experiments {
namespace {

struct Claim {
  const char *id, *statement;
  std::vector<const char*> rests_on;
  Judgement (*judge)(const Json&);
};

/// The gates that a claim rests on: those without which its "no" or its "yes" would mean nothing.
const std::vector<Claim>& claims() {
  static const std::vector<Claim> all = {
      {"K1",
       "watermarks at any rate leave the task skill essentially unchanged",
       {"twins"},
       judge_utility},
      {"K2",
       "watermarks change the gradients of batches, more at a higher rate, and more than a patch "
       "without identity",
       {"rerun", "twins"},
       judge_gradients},
      {"K3",
       "the change is of the order of ordinary transformations of image and text",
       {"rerun", "twins"},
       judge_magnitude},
      {"K4",
       "the change is an effect of mini-batches: it averages away in large ones",
       {"rerun", "twins"},
       judge_mini_batch},
      {"K5",
       "hidden states tell seen from unseen users better after fine-tuning than without, and "
       "better at 100 % than at 50 %",
       {"T", "L-0.4", "shuffled"},
       judge_separation},
      {"K6",
       "internal layers show it, with a profile that neither pixels nor the encoder have",
       {"T", "L-0.4", "shuffled"},
       judge_layers},
      {"K7",
       "asking the model is at chance while probing is not",
       {"T", "L-0.4", "shuffled"},
       judge_prompting},
      {"K8",
       "it holds for the username and for the user_id, and for both ways of tuning",
       {"T", "L-0.4", "shuffled"},
       judge_generality},
      {"K9",
       "a projection shows two clusters of seen and unseen users after fine-tuning",
       {"T", "L-0.4", "shuffled"},
       judge_clusters},
      {"K10",
       "memorization energy follows (eta/b)^2 under SGD and eta^2/b under Adam, and grows with "
       "exposures",
       {"T", "L-0.4", "twins"},
       judge_mechanism}};
  return all;
}

/// Why the claim is not to be printed; "" if it is.
std::string withheld(const Claim& claim, const Json& gates) {
  std::string why;
  for (const char* id : claim.rests_on) {
    const Json* gate = find_row(gates, {{"id", id}});
    const std::string status = gate == nullptr ? "missing" : gate->value("status", "missing");
    if (status == "passed") continue;
    why += fmt::format("{}gate {} {}{}", why.empty() ? "" : "; ", id,
                       status == "failed" ? "failed" : "cannot be judged",
                       gate == nullptr ? "" : ": " + gate->value("evidence", ""));
  }
  return why;
}

/// The sentences of those with the answer, each with what was needed where that is not what the one
/// before needed.
std::string joined(const std::vector<Trial>& trials, Answer answer, std::size_t most) {
  std::string text, needed;
  std::size_t n = 0;
  for (const Trial& trial : trials) {
    if (trial.answer != answer || n++ >= most) continue;
    text += (text.empty() ? "" : "; ") + sentence(trial);
    if (!trial.threshold.empty() && trial.threshold != needed)
      text += ", needed: " + trial.threshold;
    needed = trial.threshold;
  }
  if (n > most) text += fmt::format("; and {} more", n - most);
  return text;
}

void decide(Json& claim, const Judgement& j, const Json& analysis) {
  constexpr std::size_t kMost = 5;  // in a sentence; all are in "tests"
  const auto any = [&](Answer answer) {
    return std::any_of(j.trials.begin(), j.trials.end(),
                       [&](const Trial& t) { return t.answer == answer; });
  };
  const Answer worst = any(Answer::no)     ? Answer::no
                       : any(Answer::open) ? Answer::open
                                           : Answer::yes;
  const char* verdict = worst == Answer::no     ? kNotSupported
                        : worst == Answer::open ? kNotDecidable
                                                : kSupported;
  std::string reason = joined(j.trials, worst, kMost);
  if (worst != Answer::yes && j.by_probe && !sees_positive_control(analysis)) {
    verdict = kNotDecidable;
    reason = "the probe does not see the positive control T either; " + reason;
  }
  if (!j.blocked.empty()) {
    verdict = kNotDecidable;
    reason = j.blocked;
  }
  // While runs are missing, a verdict is what it would be if the study ended here.
  const Json* complete = find_path(analysis, {"coverage", "complete"});
  const bool provisional = complete != nullptr && complete->is_boolean() && !complete->get<bool>();
  if (provisional) {
    const Json* sentence = find_path(analysis, {"coverage", "sentence"});
    const std::string how = sentence == nullptr ? "runs are missing" : sentence->get<std::string>();
    reason = fmt::format("provisional ({}): {}", how, reason);
  }
  claim["verdict"] = verdict;
  claim["provisional"] = provisional;
  claim["reason"] = reason;
  const Trial& first = j.trials.front();
  claim["effect"] = {
      {"what", first.what},
      {"mean", number(first.mean)},
      {"low", number(first.low)},
      {"high", number(first.high)},
      {"scale", first.scale},
      {"p", number(first.p_corrected == first.p_corrected ? first.p_corrected : first.p)},
      {"runs", first.runs},
      {"users", first.users}};
  claim["threshold"] = first.threshold;
  claim["tests"] = Json::array();
  for (const Trial& trial : j.trials) claim["tests"].push_back(to_json(trial));
}

}  // namespace

Json judge_claims(const Json& analysis, const Json& gates, const std::string& command) {
  check<FileError>(analysis.is_object(), "judge_claims: analysis: expected an object, got ",
                   analysis.type_name());
  Json list = Json::array();
  for (const Claim& claim : claims()) {
    Json judged = {{"id", claim.id},
                   {"statement", claim.statement},
                   {"rests_on", claim.rests_on},
                   {"command", command}};
    const std::string why = withheld(claim, gates);
    if (why.empty()) {
      decide(judged, claim.judge(analysis), analysis);
    } else {
      judged["withheld"] = why;
    }
    list.push_back(std::move(judged));
  }
  return list;
}

}  // namespace chainline::experiments
