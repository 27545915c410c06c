#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "experiments/pages/gradient_page.h"
#include "experiments/pages/sections.h"
#include "experiments/statistics/statistics.h"

namespace chainline::experiments {

using namespace gradients_page;

namespace {

std::string rerun_note(const StudyPage& page) {
  const Json& rerun = at_path(gradients_of(page), {"rerun"});
  if (!rerun.is_object()) return "";
  const auto jobs =
      std::count_if(page.runs.gradients.begin(), page.runs.gradients.end(), [](const Json& job) {
        return at_path(job, {"comparisons", "rerun"}).is_object();
      });
  const std::size_t groups = numbers_of(at_path(gradients_of(page), {"groups"})).size();
  std::string of = "of single samples' gradients, by group of parameters";
  if (number_of(rerun, "batches") == static_cast<double>(jobs) * static_cast<double>(groups))
    of = fmt::format("{} of one sample × {} of parameters", counted(jobs, "gradient"),
                     counted(static_cast<std::int64_t>(groups), "group"));
  return fmt::format(
      "Identical data: {} cosines ({}) from {} to {}, {}.", cell_text(at_path(rerun, {"batches"})),
      of, cell_text(at_path(rerun, {"smallest"}), 6), cell_text(at_path(rerun, {"largest"}), 6),
      at_path(rerun, {"exactly_one"}) == Json(true) ? "all exactly 1" : "not all exactly 1");
}

void add_table(const StudyPage& page, Part& part) {
  const std::optional<std::size_t> size = main_size(page);
  Table table;
  table.columns = {{"Clean against"}, {"cosine", true},     {"norm ratio", true}, {"change", true},
                   {"cosine", true},  {"norm ratio", true}, {"change", true}};
  table.groups = {{"", 1}, {"At the base", 3}, {"After clean fine-tuning (C0)", 3}};
  if (size)
    for (const std::string& comparison : comparisons_of(page)) {
      std::vector<std::string> cells = {comparison};
      for (const char* at : kCheckpoints) {
        const Json& row = row_of(page, at, comparison);
        cells.push_back(value_text(value_of(item(at_path(row, {"cosine"}), *size))));
        cells.push_back(cell_text(item(at_path(row, {"norm_ratio"}), *size)));
        cells.push_back(cell_text(at_path(item(at_path(row, {"change"}), *size), {"mean"})));
      }
      table.rows.push_back(std::move(cells));
    }
  if (table.rows.empty()) return part.lacks("the gradient table");
  table.notes = {
      "change = |g' - g|² / |g|²; g is the gradient of the clean batch, g' that of the "
      "same batch changed."};
  if (const std::string note = rerun_note(page); !note.empty()) table.notes.push_back(note);
  const std::string others = at_each([&](const std::string& at) {
    const double other = cosine_of(page, at, "other batch", *size);
    const double cards = cosine_of(page, at, "W100", *size);
    return other > cards ? number_text(other) + " against " + number_text(cards) : "";
  });
  if (!others.empty())
    table.notes.push_back(
        "Two clean batches of other samples agree more than a batch and its marked version (W100): "
        "cosine " +
        others + ".");
  const auto cosines = [&](const char* comparison) {
    return at_each([&](const std::string& at) {
      return text_or_none(cosine_of(page, at, comparison, *size));
    });
  };
  std::string title = titled(fmt::format("Cosine of clean and marked gradients at batch {}: ",
                                         plain_text(number_of(gradients_of(page), "size"))),
                             cosines("W100"), "Gradients of clean batches against changed ones");
  if (const std::string noise = cosines("P-noise"); !noise.empty())
    title += "; with shuffled ink " + noise;
  Figure figure = page.figure("gradients", title, std::move(table), {"K2", "K3"});
  figure.caption =
      "One checkpoint, one batch in two versions: no weights differ, so no drift is "
      "mixed in. W: cards on that percentage of the images; P-noise: a card of shuffled pixels on "
      "all; P-const: one card on all; IMG: rotated, flipped, brightened; IMG-published: with the "
      "paper's flips; TXT: questions in other words; other batch: two clean batches of other "
      "samples, the cosine that batches have anyway.";
  describe(page, figure, gradient_counts(page, size));
  part.add(std::move(figure));
}

void add_sizes(const StudyPage& page, Part& part) {
  SmallMultiples chart;
  chart.x = size_axis();
  chart.y.label = "cosine with the clean gradient";
  chart.columns = 2;
  for (const char* at : kCheckpoints) {
    ChartPanel panel{where(at, true), {}};
    for (const char* name : {"W100", "W50", "P-noise", "IMG", "TXT", "other batch"}) {
      Series series = cosine_series(page, row_of(page, at, name), name, false);
      series.dashed = std::string(name) == "other batch";
      if (!series.x.empty()) panel.series.push_back(std::move(series));
    }
    if (!panel.series.empty()) chart.panels.push_back(std::move(panel));
  }
  if (chart.panels.empty()) return part.lacks("the cosine over batch sizes");
  const std::vector<double> sizes = sizes_of(page);
  const std::string courses = at_each([&](const std::string& at) -> std::string {
    const Series w = cosine_series(page, row_of(page, at, "W100"), "W100", false);
    if (w.x.size() < 2) return "";
    const std::string first = number_text(w.y.front()), last = number_text(w.y.back());
    const std::string over = w.x.front() == sizes.front() && w.x.back() == sizes.back()
                                 ? ""
                                 : fmt::format(" (b = {:g} to {:g})", w.x.front(), w.x.back());
    if (first == last) return "stays at " + first + over;
    return fmt::format("{} from {} to {}{}", w.y.back() > w.y.front() ? "rises" : "falls", first,
                       last, over);
  });
  Figure figure = page.figure(
      "gradient-sizes",
      titled(fmt::format("From batch {:g} to {:g} the cosine of clean and marked gradients ",
                         sizes.front(), sizes.back()),
             courses, "Cosine of clean and changed gradients over batch sizes"),
      std::move(chart), {"K2", "K4"});
  figure.caption =
      "All parameters; means over batches and runs with bootstrap intervals over both." +
      fewer_batches(page);
  describe(page, figure, gradient_counts(page));
  part.add(std::move(figure));
}

void add_groups(const StudyPage& page, Part& part) {
  const std::optional<std::size_t> size = main_size(page);
  const std::vector<std::string> comparisons = comparisons_of(page);
  const std::vector<std::string> groups = [&] {
    std::vector<std::string> names;
    if (const Json& list = at_path(gradients_of(page), {"groups"}); size && list.is_array())
      for (const Json& group : list) names.push_back(cell_text(group));
    return names;
  }();
  const bool tuned = row_of(page, "C0", "W100").is_object();
  Table table;
  table.columns = {{"parameters"}};
  for (const std::string& comparison : comparisons) table.columns.push_back({comparison, true});
  if (tuned) {
    table.groups = {{"", 1}, {"At the base", static_cast<int>(comparisons.size())}, {"C0", 1}};
    table.columns.push_back({"W100", true});
  }
  for (const std::string& group : groups) {
    std::vector<double> cosines;
    for (const std::string& comparison : comparisons)
      cosines.push_back(cosine_of(page, "base", comparison, *size, group));
    if (tuned) cosines.push_back(cosine_of(page, "C0", "W100", *size, group));
    if (std::none_of(cosines.begin(), cosines.end(), [](double c) { return std::isfinite(c); }))
      continue;
    table.rows.push_back({group});
    for (const double cosine : cosines) table.rows.back().push_back(number_text(cosine));
  }
  if (table.rows.empty()) return part.lacks("cosines by layer");
  const std::string most = at_each([&](const std::string& at) -> std::string {
    double lowest = std::numeric_limits<double>::infinity();
    std::string text;
    for (const std::string& group : groups)
      if (const double c = cosine_of(page, at, "W100", *size, group); group != kAll && c < lowest)
        lowest = c, text = fmt::format("in {} (cosine {})", group, number_text(c));
    return text;
  });
  Figure figure =
      page.figure("gradient-layers",
                  titled("Cards turn the gradient most ", most, "Cosines by group of parameters"),
                  std::move(table), {"K2"});
  figure.caption = fmt::format(
      "At batch size {}, C0 after clean fine-tuning; each row is the gradient of one group of "
      "parameters alone. All of C0 is in `results.json`.",
      plain_text(number_of(gradients_of(page), "size")));
  describe(page, figure, gradient_counts(page, size));
  part.add(std::move(figure));
}

/// The mean of runs with Student's limits, as claims are judged, "" without.
std::string over_runs_text(const Json& e, bool limits) {
  const std::vector<double> per_run = numbers_of(at_path(e, {"per_run"}));
  Value value;
  value.mean = per_run.empty() ? std::nan("") : mean(per_run);
  value.low = number_of(e, "t_low"), value.high = number_of(e, "t_high");
  if (!value.exists()) return "";
  return limits ? value_text(value, 2) : number_text(value.mean, 2);
}

void add_ratios(const StudyPage& page, Part& part) {
  const Json& ratios = at_path(gradients_of(page), {"ratios"});
  const double size = number_of(gradients_of(page), "size");
  DotChart chart;
  chart.digits = 2;
  chart.x.label = "amplitude of the change by cards / by the other";
  chart.references = {{1, "equal"}};
  std::vector<std::string> judged, with_limits;
  if (ratios.is_array())
    for (const std::string at : kCheckpoints)
      for (const auto& [member, what] :
           {std::pair("amplitude", "as it is"), std::pair("matched", "by root of pixel energy")}) {
        DotGroup group{fmt::format("{}, {}", where(at, true), what), {}};
        for (const Json& ratio : ratios) {
          if (text_of(ratio, "at") != at || number_of(ratio, "size") != size) continue;
          const Json& e = at_path(ratio, {member});
          const Value value = value_of(e);
          const std::string to = text_of(ratio, "to");
          if (!value.exists()) continue;
          group.rows.push_back(
              {"to " + to, value.mean, value.low, value.high, "", to.starts_with("P-")});
          // What judge_magnitude() asks.
          const bool matched = std::string(member) == "matched";
          if (at != deciding(page) || to != (matched ? "IMG" : "TXT")) continue;
          if (over_runs_text(e, false).empty()) continue;
          judged.push_back(
              over_runs_text(e, false) + " times as much as " +
              (matched ? "image transforms at equal pixel energy" : "questions in other words"));
          with_limits.push_back(to + (matched ? " at equal pixel energy " : " ") +
                                over_runs_text(e, true));
        }
        if (!group.rows.empty()) chart.groups.push_back(std::move(group));
      }
  if (chart.groups.empty()) return part.lacks("amplitudes against transforms");
  Figure figure = page.figure(
      "gradient-ratios",
      titled(where(deciding(page), true) + " cards change the gradient ", sentence_list(judged),
             "How large a change cards make of a gradient, against others"),
      std::move(chart), {"K3"});
  figure.caption = fmt::format(
      "At batch size {}: `sqrt(change by W100 / change by the other)`. The second group of each "
      "checkpoint divides either change by the root of how much pixels changed; a paraphrase "
      "changes none. The figure's points are of all batches together, its intervals a bootstrap "
      "over runs and batches.",
      plain_text(size));
  if (!with_limits.empty())
    figure.caption += " What decides K3 are means over runs with Student's limits: " +
                      sentence_list(with_limits) + ".";
  describe(page, figure, gradient_counts(page, main_size(page)));
  part.add(std::move(figure));
}

/// What is compared, where, and which checkpoint decides.
std::vector<std::string> paragraphs(const StudyPage& page) {
  std::string compared =
      "Gradients are compared at the same weights, on the same samples, with and without cards; "
      "trainings as twins that differ in named cards alone.";
  const Json& exact = at_path(gradients_of(page), {"rerun", "exactly_one"});
  if (exact == Json(true))
    compared +=
        " All of it is exact: identical data gave a cosine of exactly 1, and whatever lies below "
        "is the data's.";
  if (exact == Json(false))
    compared += " Identical data did not always give a cosine of exactly 1, as they should.";
  if (!gradients_of(page).is_object()) return {compared};
  if (deciding(page) == "base")
    return {compared, "K2 to K4 are judged at the base: no other checkpoint has gradients."};
  std::string checkpoints =
      "K2 to K4 are judged after clean fine-tuning (C0 in these figures; that of other sections is "
      "low-rank): all weights, trained on clean pictures.";
  const double samples = number_of(at_path(row_of(page, "C0", "W100"), {"moments"}), "n");
  checkpoints +=
      (std::isfinite(samples) ? fmt::format(" The {:g} samples", samples) : " The samples") +
      " compared are of its own training set, so that training took their mean gradient G towards "
      "0.";
  const std::string left = at_each([&](const std::string& at) {
    const Json& moments = at_path(row_of(page, at, "W100"), {"moments"});
    return text_or_none(number_of(moments, "G2") / number_of(moments, "S"), 4);
  });
  if (!left.empty())
    checkpoints +=
        " |G|² without bias, over the variance of single samples' gradients, is " + left + ".";
  return {compared, checkpoints + " The base stands beside it and decides nothing."};
}

}  // namespace

Part gradient_part(const StudyPage& page) {
  Part part;
  part.section.title = "Training under partial mini-batches";
  part.section.paragraphs = paragraphs(page);
  add_table(page, part);
  add_sizes(page, part);
  add_predicted(page, part);
  add_plateau_chart(page, part);
  add_plateau_table(page, part);
  add_groups(page, part);
  add_ratios(page, part);
  return part;
}

}  // namespace chainline::experiments
