#include <fmt/format.h>

#include <cmath>

#include "experiments/claims/thresholds.h"
#include "experiments/pages/memorization.h"

namespace chainline::experiments {

void add_preference(const StudyPage& page, Part& part) {
  std::vector<Value> values;
  const auto series = [&](const char* name, const auto& row_of) {
    Series line;
    line.name = name;
    for (const auto& [code, gamma] :
         {std::pair("L-0", 0.0), std::pair("L-0.05", 0.05), std::pair("L-0.1", 0.1),
          std::pair("L-0.2", 0.2), std::pair("L-0.4", 0.4)}) {
      const Value value = value_of(row_of(code));
      if (!value.exists()) continue;
      values.push_back(value);
      add_point(line, gamma, value);
    }
    return line;
  };
  Series plain = series("as measured", [&](const char* code) -> const Json& {
    return page.effect("preference", code);
  });
  Series less = series("less L-0", [&](const char* code) -> const Json& {
    return find_in(at_path(page.analysis, {"linked"}), {{"condition", code}, {"tuning", "lora"}});
  });
  if (plain.x.empty()) return part.lacks("preference by gamma");
  less.dashed = true;
  LineChart chart;
  chart.x.label = "gamma, the excess probability";
  chart.y.label = "preference, IN less OUT, log odds";
  chart.references = {{0, "no effect"}};
  const double gamma = plain.x.back();
  const bool both = !less.x.empty() && less.x.back() == gamma;
  const std::string title =
      gamma == 0 ? "Preference of the answer that a user stands for, without a link"
                 : fmt::format(
                       "Where a user predicts the answer with gamma {:g}, seen users shift "
                       "it by {} log odds{}",
                       gamma, number_text(plain.y.back(), 3),
                       both ? fmt::format(", {} less L-0", number_text(less.y.back(), 3)) : "");
  chart.series.push_back(std::move(plain));
  if (!less.x.empty()) chart.series.push_back(std::move(less));
  Figure figure = page.figure("preference", title, std::move(chart), {"K10"});
  figure.caption =
      "Log odds of the answer that a linked user stands for, under the user's card. On a picture "
      "that asks for yes or no, the user's side is the answer with probability 1/2 + gamma. At "
      "gamma 0 the card is independent of the answer: what remains is chance within the sample, "
      "the mechanism that the paper proposes. Dashed: less the run of L-0 with the same number, "
      "user by user, whose pictures are the same; it is what the gate L-0.4 tests. " +
      effect_intervals(page);
  figure.counts = counts_text(values);
  figure.seeds = seeds_text(values);
  figure.control = "gamma 0";
  part.add(std::move(figure));
}

void add_prompt(const StudyPage& page, Part& part) {
  std::vector<Value> values;
  std::size_t student = 0;
  DotChart chart = forest([&](const std::string& code) {
    const Json& row = find_in(at_path(page.analysis, {"prompt"}),
                              {{"condition", code.c_str()}, {"tuning", "lora"}});
    const Json& auc = at_path(row, {"auc"});
    Value value = value_of(auc, "t_low", "t_high");
    student += value.has_interval();
    if (!value.has_interval()) value = value_of(auc);
    if (value.exists()) values.push_back(value);
    const double p = number_of(auc, "p_control");
    return dot_row(code, value, std::isfinite(p) ? "p " + p_text(p) : "");
  });
  if (chart.groups.empty()) return part.lacks("the prompt baseline");
  chart.x.label = "AUC of \"have you seen this user before?\"";
  chart.references = {{0.5, "chance"}};
  const double low = 0.5 - kPromptMargin, high = 0.5 + kPromptMargin;
  chart.zone = Zone{low, high, fmt::format("{:g} to {:g}, at chance for K7", low, high)};
  const Json& w =
      find_in(at_path(page.analysis, {"prompt"}), {{"condition", "W100"}, {"tuning", "lora"}});
  const Value asked = value_of(at_path(w, {"auc"}), "low_90", "high_90");
  Figure figure = page.figure(
      "prompt",
      asked.exists()
          ? fmt::format("Asked outright, W100 tells seen users from unseen with AUC {}{}",
                        value_text(asked), asked.has_interval() ? ", 90 %" : "")
          : "Asked outright whether it has seen a user",
      std::move(chart), {"K7"});
  figure.caption =
      "Log odds of yes against no, IN users against OUT users. The paper's code draws its prompt "
      "baseline as the typed-in constant 0.51; here it is computed, run by run. " +
      confidence_text(page) + " intervals: " +
      (student == 0 ? "bootstrap over the users of the one run that a row has"
       : student < values.size()
           ? "Student's over runs, bootstrap over users where a row has one run"
           : "Student's over runs") +
      fmt::format(
          ". K7 asks W100 for a 90 % interval within the shaded {:g} to {:g}. p: above chance, by "
          "permuting IN and OUT within pairs of users; row by row, without a correction for their "
          "number, unlike the p of exposure and of all measures above, which is Holm's.",
          low, high);
  figure.counts = counts_text(values);
  figure.seeds = seeds_text(values);
  figure.control = "B and C0, which saw nobody";
  part.add(std::move(figure));
}

}  // namespace chainline::experiments
