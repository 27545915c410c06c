#include "experiments/reproduce/findings.h"

#include <fmt/core.h>

#include <algorithm>

#include "experiments/statistics/statistics.h"

namespace chainline::experiments {
namespace {

Json claim(const char* id, const char* text, std::string measured, const char* verdict,
           std::string reason) {
  return {{"id", id},
          {"claim", text},
          {"measured", std::move(measured)},
          {"verdict", verdict},
          {"reason", std::move(reason)}};
}

std::string percent(double share) { return fmt::format("{:.1f} %", 100 * share); }
std::string points(double share) { return fmt::format("{:+.1f}", 100 * share); }

/// Whether the clean run knows more than the questions alone give away.
bool sees(const Json& results) {
  for (const Json& model : results.at("models"))
    if (model.at("run") == run_name(0))
      return model.at("interval")[0] > results.at("question_only").at("accuracy");
  return false;
}

/// K1: the two one-sided tests at 5 % are the question whether the 90 % interval is inside.
Json utility(const Json& results, const ReproduceOptions& options) {
  const char* text = "watermarks at any rate leave the task skill unchanged";
  const Json& differences = results.at("accuracy_differences");
  const double margin = options.utility_margin;
  bool all_within = true, one_outside = false;
  std::string measured;
  for (const Json& d : differences) {
    const double low = d.at("interval_90")[0], high = d.at("interval_90")[1];
    all_within = all_within && low > -margin && high < margin;
    one_outside = one_outside || high < -margin || low > margin;
    measured += fmt::format("{}at {} % of the images {} points (90 % interval {} to {})",
                            measured.empty() ? "accuracy against the clean run: " : "; ",
                            d.at("rate").get<std::int64_t>(), points(d.at("difference")),
                            points(low), points(high));
  }
  if (differences.empty())
    return claim("K1", text, "no run to compare", "not tested", "it needs rate 0 and another rate");
  if (!sees(results))
    return claim(
        "K1", text, measured, "not tested",
        "the clean run answers no better than the question-only rule: there is no skill to "
        "lose");
  const std::string bound = fmt::format("{:.0f}", 100 * margin);
  if (all_within)
    return claim("K1", text, measured, "supported",
                 "every 90 % interval lies within " + bound + " point of zero");
  if (one_outside)
    return claim("K1", text, measured, "not supported",
                 "an interval lies beyond " + bound + " point");
  return claim("K1", text, measured, "undecided",
               "the intervals are wider than the margin of " + bound + " point");
}

Json gradients(const Json& results, const ReproduceOptions& options) {
  const char* text = "watermarks change the gradient of a batch";
  std::string measured;
  bool below = true, above_noise = true;
  for (const Json& model : results.at("gradients")) {
    for (const Json& p : model.at("points")) {
      if (p.at("group") != kAllParameters || !p.at("cosine").at("mean").is_number()) continue;
      const double cosine = p.at("cosine").at("mean"), high = p.at("cosine").at("high");
      const double other = p.at("other_batch").at("mean");
      below = below && high < 1;
      above_noise = above_noise && cosine > other;
      const std::int64_t size = p.at("batch_size");
      if (size != options.gradients.batch_sizes.front() &&
          size != options.gradients.batch_sizes.back())
        continue;
      measured += fmt::format("{}{}, batch {}: cosine {:.3f} (two clean batches {:.3f})",
                              measured.empty() ? "" : "; ", model.at("title").get<std::string>(),
                              size, cosine, other);
    }
  }
  return claim(
      "K2", text, measured, below ? "supported" : "not supported",
      fmt::format("identical data give exactly 1; the change is {} than that from one clean batch "
                  "to the next. Whether it is more than any patch of equal energy causes was not "
                  "tested",
                  above_noise ? "smaller" : "in part larger"));
}

const Json* probes_of(const Json& results, const std::string& run) {
  for (const Json& p : results.at("probes"))
    if (p.at("run") == run) return &p;
  return nullptr;
}

double last_p_value(const Json& probes) {
  return probes.at("layers").back().at("leave_users_out").at("auc_control").at("p_value");
}

/// The layer with the smallest corrected p-value.
const Json& strongest(const Json& probes) {
  const Json* best = &probes.at("layers")[0];
  for (const Json& layer : probes.at("layers"))
    if (layer.at("leave_users_out").at("family_p_value") <
        best->at("leave_users_out").at("family_p_value"))
      best = &layer;
  return *best;
}

Json separation(const Json& results, const ReproduceOptions& options) {
  const char* text =
      "after fine-tuning on watermarked images the hidden states tell seen from unseen people "
      "better than before";
  const std::int64_t highest = *std::max_element(options.rates.begin(), options.rates.end());
  const Json* marked = probes_of(results, run_name(highest));
  const Json* clean = probes_of(results, run_name(0));
  if (clean == nullptr || highest == 0)
    return claim("K5", text, "no run to compare", "not tested", "it needs rate 0 and another rate");
  const Json& d = results.at("auc_difference");
  const double low = d.at("interval")[0], p = last_p_value(*marked);
  const auto auc = [](const Json& probes) {
    return probes.at("layers").back().at("leave_users_out").at("auc").get<double>();
  };
  const std::string measured = fmt::format(
      "people held out, last layer: AUC {:.3f} at {} % against {:.3f} for the clean run, "
      "difference {:+.3f} (95 % interval {:+.3f} to {:+.3f}), permutation p {:.3f}; smallest p "
      "over layers, corrected, {:.3f}",
      auc(*marked), highest, auc(*clean), d.at("difference").get<double>(), low,
      d.at("interval")[1].get<double>(), p,
      strongest(*marked).at("leave_users_out").at("family_p_value").get<double>());
  if (low > 0 && p < 0.05)
    return claim("K5", text, measured, "supported",
                 "above the clean run and above the relabelled people, in one run; more runs with "
                 "other people in and out are needed");
  return claim("K5", text, measured, "not supported",
               "no difference beyond chance in this run of " + std::to_string(options.people) +
                   " people; a small effect would not be seen");
}

Json prompting(const Json& results, const ReproduceOptions& options) {
  const char* text = "asking is at chance while probing is not";
  const std::int64_t highest = *std::max_element(options.rates.begin(), options.rates.end());
  const Json* marked = probes_of(results, run_name(highest));
  if (marked == nullptr || highest == 0)
    return claim("K7", text, "no watermarked run", "not tested", "it needs a rate above 0");
  const Json& prompt = marked->at("prompt");
  const double low = prompt.at("accuracy_interval")[0], high = prompt.at("accuracy_interval")[1];
  const double p = strongest(*marked).at("leave_users_out").at("family_p_value").get<double>();
  const bool asks_at_chance = low <= 0.5 && high >= 0.5, probes_above = p < 0.05;
  const std::string measured = fmt::format(
      "at {} %: asking {} ({} to {}); probing, people held out: smallest corrected p {:.3f}",
      highest, percent(prompt.at("accuracy")), percent(low), percent(high), p);
  const char* reason =
      probes_above
          ? (asks_at_chance ? "only the probe is above chance" : "asking is not at chance either")
          : (asks_at_chance ? "both are at chance" : "asking differs from chance, probing doesn't");
  return claim("K7", text, measured, asks_at_chance && probes_above ? "supported" : "not supported",
               reason);
}

}  // namespace

std::string run_name(std::int64_t rate) { return fmt::format("rate-{:03}", rate); }

Json auc_difference(const Json& a, const Json& b, std::int64_t bootstrap, std::uint64_t seed) {
  const std::vector<int> seen = a.at("primary").at("seen");
  const std::vector<std::size_t> users = a.at("primary").at("users");
  const RankedScores x(a.at("primary").at("scores").get<std::vector<double>>(), seen);
  const RankedScores y(b.at("primary").at("scores").get<std::vector<double>>(), seen);
  std::vector<int> strata;  // by user; 2 stands for numbers that are nobody's
  for (std::size_t i = 0; i < users.size(); ++i) {
    strata.resize(std::max(strata.size(), users[i] + 1), 2);
    strata[users[i]] = seen[i];
  }
  const Interval interval = bootstrap_interval(strata, bootstrap, Generator(seed, "auc difference"),
                                               [&](std::span<const double> drawn) {
                                                 std::vector<double> weights;
                                                 for (const std::size_t user : users)
                                                   weights.push_back(drawn[user]);
                                                 return y.auc(weights) - x.auc(weights);
                                               });
  return {{"difference", y.auc() - x.auc()}, {"interval", {interval.low, interval.high}}};
}

Json judge_claims(const Json& results, const ReproduceOptions& options) {
  return Json::array({utility(results, options), gradients(results, options),
                      separation(results, options), prompting(results, options)});
}

}  // namespace chainline::experiments
