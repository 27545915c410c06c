#include <fmt/core.h>

#include <cmath>
#include <functional>
#include <string>

#include "experiments/analysis/estimate.h"
#include "experiments/claims/claim.h"
#include "experiments/claims/few_runs.h"
#include "experiments/claims/thresholds.h"

namespace chainline::experiments {
namespace {

/// The rows of a part of the gradient study: none where it is not there.
const Json& part_of(const Json& analysis, const char* part) {
  static const Json none = Json::array();
  const Json* rows = find_path(analysis, {"gradients", part});
  return rows == nullptr ? none : *rows;
}

/// Gradients are compared at a fine-tuned clean model where there is one: the weights that training
/// with watermarks meets most of the time.
std::string checkpoint(const Json& analysis) {
  return find_row(part_of(analysis, "rows"), {{"at", "C0"}}) != nullptr ? "C0" : "base";
}

/// A trial by Student's limits over runs, of which there is one number each.
Trial over_runs(const Json& e, const std::function<Trial(double, double, double)>& trial_of) {
  const std::vector<double> per_run = numbers(e.at("per_run"), "gradients");
  Trial trial = trial_of(mean(per_run), number_at(e, "t_low"), number_at(e, "t_high"));
  trial.per_run = per_run;
  trial.runs = static_cast<std::int64_t>(trial.per_run.size());
  return trial;
}

Trial difference_trial(const Json& analysis, const std::string& b, const std::string& what) {
  const Json* row = find_row(part_of(analysis, "differences"),
                             {{"at", checkpoint(analysis)}, {"a", "W100"}, {"b", b}});
  if (row == nullptr) return missing_trial(what, "a gradient study with W100 and " + b);
  return over_runs(*row, [&](double mean, double low, double high) {
    return below_trial(what, mean, low, high, 0);
  });
}

/// The place of the batch size that is nearest to that of training.
std::size_t training_size(const Json& analysis) {
  const Json* sizes = find_path(analysis, {"gradients", "sizes"});
  const Json* size = find_path(analysis, {"gradients", "size"});
  std::size_t place = 0;
  while (sizes != nullptr && size != nullptr && place < sizes->size() && (*sizes)[place] != *size)
    ++place;
  return place;
}

/// W100's change over another's, in amplitude, at the training batch size.
const Json* ratio_row(const Json& analysis, const std::string& to, const char* kind) {
  const Json* size = find_path(analysis, {"gradients", "size"});
  if (size == nullptr) return nullptr;
  const Json* row = find_row(part_of(analysis, "ratios"),
                             {{"at", checkpoint(analysis)}, {"to", to}, {"size", *size}});
  return row == nullptr ? nullptr : find_path(*row, {kind});
}

/// What a fit to mean cosines has beside the moments; "" where it has no number.
std::string fit_note(const Json& fit) {
  // Held at no decay it has a share of exactly 1, whatever was measured: that refutes nothing.
  if (fit.at("rises") == Json(true))
    return "by a fit to mean cosines 1/cos^2 - 1 rises with b, so that it has no share";
  const Json& ratio = fit.at("ratio");
  const double share = number_at(ratio, "estimate"), low = number_at(ratio, "low"),
               high = number_at(ratio, "high");
  if (!std::isfinite(share)) return "";
  if (!std::isfinite(low) || !std::isfinite(high))
    return fmt::format("a fit to mean cosines has {:.3g}", share);
  return fmt::format("a fit to mean cosines has {:.3g} ({:.3g} to {:.3g})", share, low, high);
}

}  // namespace

Judgement judge_gradients(const Json& analysis) {
  Judgement j;
  // A rerun's cosine is exactly 1 (that is a gate), so 1 is the floor.
  const Json* row =
      find_row(part_of(analysis, "rows"),
               {{"at", checkpoint(analysis)}, {"comparison", "W100"}, {"group", "all parameters"}});
  const std::string cosine = "cosine of clean and watermarked batches";
  const std::size_t size = row == nullptr ? 0 : training_size(analysis);
  if (row == nullptr || size >= row->at("cosine").size()) {
    j.trials.push_back(missing_trial(cosine, "a gradient study with W100"));
  } else {
    j.trials.push_back(
        over_runs(row->at("cosine").at(size), [&](double mean, double low, double high) {
          return below_trial(cosine, mean, low, high, 1);
        }));
  }
  j.trials.push_back(difference_trial(analysis, "W50", "cosine of W100 less that of W50"));
  for (const char* placebo : {"P-noise", "P-const"}) {
    const std::string what = fmt::format("change by W100 over that by {}, in amplitude", placebo);
    const Json* ratio = ratio_row(analysis, placebo, "amplitude");
    if (ratio == nullptr) {
      j.trials.push_back(
          missing_trial(what, fmt::format("a gradient study with W100 and {}", placebo)));
      continue;
    }
    j.trials.push_back(over_runs(*ratio, [&](double mean, double low, double high) {
      Trial trial = beyond_trial(what, mean, low, high, 1);
      trial.from = kPlaceboRatio;  // below it, it is the placebo's
      if (mean < kPlaceboRatio) trial.answer = Answer::open;
      trial.threshold = fmt::format("above 1, and {:g} at least", kPlaceboRatio);
      return trial;
    }));
  }
  correct_trials(j.trials);
  leave_open_of_few_runs(j.trials);
  return j;
}

Judgement judge_magnitude(const Json& analysis) {
  Judgement j;
  // TXT changes no pixel, so there is nothing to match.
  const std::pair<const char*, const char*> kinds[] = {{"IMG", "matched"}, {"TXT", "amplitude"}};
  for (const auto& [to, kind] : kinds) {
    const std::string what = fmt::format("change by W100 over that by {}, in amplitude{}", to,
                                         kind[0] == 'm' ? " at equal pixel energy" : "");
    const Json* row = ratio_row(analysis, to, kind);
    if (row == nullptr) {
      j.trials.push_back(missing_trial(what, fmt::format("a gradient study with {}", to)));
      continue;
    }
    j.trials.push_back(over_runs(*row, [&](double mean, double low, double high) {
      return between_trial(what, mean, low, high, 1 / kOrderOfMagnitude, kOrderOfMagnitude);
    }));
  }
  correct_trials(j.trials);
  leave_open_of_few_runs(j.trials);
  return j;
}

Judgement judge_mini_batch(const Json& analysis) {
  Judgement j;
  const std::string at = checkpoint(analysis);
  const std::string what = "share of 1/cos^2 - 1 at b = 1 that stays at any b, by moments";
  const Json* row = find_row(part_of(analysis, "shares"), {{"at", at}, {"comparison", "W100"}});
  if (row == nullptr) {
    j.trials.push_back(missing_trial(what, "a gradient study of W100 with moments"));
    return j;
  }
  const auto below = [&](const std::string& name, const Json& e, double limit) {
    Trial trial =
        below_trial(name, number_at(e, "mean"), number_at(e, "low"), number_at(e, "high"), limit);
    trial.per_run = numbers(e.at("per_run"), name);
    trial.runs = e.at("runs");
    return trial;
  };
  j.trials = {below(what, row->at("share"), kPlateauShare),
              below(fmt::format("cosine at b = {:g} less that at b = {:g}, by moments",
                                number_at(*row, "smallest"), number_at(*row, "largest")),
                    row->at("fall"), 0)};
  correct_trials(j.trials);
  leave_open_of_few_runs(j.trials);
  Trial& share = j.trials.front();
  const std::int64_t with_gradient = j.trials.back().runs;  // those have a fall
  for (Trial& trial : j.trials) {
    const std::int64_t without = row->at("runs").get<std::int64_t>() - with_gradient;
    // Where the mean gradient is lost in noise there is nothing to be turned from.
    if (without > 0)
      add_note(trial, fmt::format("{} run{} without a mean gradient that stands out", without,
                                  without == 1 ? "" : "s"));
  }
  if (const std::int64_t n = with_gradient - share.runs; n > 0)
    add_note(share, fmt::format("{} run{} whose predicted cosines have no such share", n,
                                n == 1 ? "" : "s"));
  if (const auto n = row->at("without_change").get<std::int64_t>(); n > 0)
    add_note(share, fmt::format("in {} of {} runs no mean change stands out, which is a share of 0",
                                n, share.runs));
  const Json* fit = find_row(part_of(analysis, "plateaus"), {{"at", at}, {"comparison", "W100"}});
  if (fit != nullptr)
    if (const std::string note = fit_note(*fit); !note.empty()) add_note(share, note);
  return j;
}

}  // namespace chainline::experiments
