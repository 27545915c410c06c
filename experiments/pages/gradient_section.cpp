#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <tuple>

#include "experiments/claims/thresholds.h"
#include "experiments/pages/gradient_page.h"
#include "experiments/pages/sections.h"
#include "experiments/statistics/hierarchical.h"

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

/// Where and by which limits K2 to K4 are judged, and K2's cosine by those.
std::string judged(const StudyPage& page, std::size_t size) {
  const std::string at = deciding(page);
  std::string text =
      at == "base"
          ? "K2 to K4 are judged at the base"
          : "K2 to K4 are judged after clean fine-tuning (C0: all weights, on pictures of its own "
            "training set)";
  text += fmt::format(", by {}Student's limits over runs", sure(page));
  const Value value = over_runs(item(at_path(row_of(page, at, "W100"), {"cosine"}), size));
  if (value.exists() && value.has_interval())
    text += ": K2's cosine of W100 is " + value_text(value);
  return text + ". The table has " + bootstrap_limits(page) + ", of cosines alone.";
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
      "same batch changed. The root of a change is called its amplitude: K2 and K3 compare "
      "amplitudes."};
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
      "samples, the cosine that batches have anyway. " +
      judged(page, *size);
  describe(page, figure, gradient_counts(page, size),
           {"rerun", "other batch", "P-noise", "P-const"});
  part.add(std::move(figure));
}

/// Groups of parameters whose gradient cards turn more than another clean batch does, and less.
struct Turned {
  std::vector<std::string> more, less;
  std::string most;     // of all, where cards' cosine is farthest below the other batch's
  std::string cosines;  // there: "cosine 0.501 against 0.743"

  bool any() const { return !more.empty() || !less.empty(); }
  /// "in decoder layers 1 to 3 (most in decoder layer 3: cosine 0.501 against 0.743)".
  std::string text() const {
    if (!any()) return "";
    if (more.empty()) return "in no group (nearest in " + most + ": " + cosines + ")";
    return in(more, less.empty()) + (more.size() == 1 ? " (" : " (most in " + most + ": ") +
           cosines + ")";
  }
  /// Of those where they turn it less.
  std::string less_text() const {
    if (!any()) return "";
    return less.empty() ? "in no group" : in(less, more.empty());
  }

 private:
  static std::string in(const std::vector<std::string>& groups, bool all) {
    return all ? "in every group" : "in " + group_list(groups);
  }
};

Turned turned_at(const StudyPage& page, const std::string& at,
                 const std::vector<std::string>& groups, std::size_t size) {
  Turned turned;
  double farthest = -std::numeric_limits<double>::infinity();
  for (const std::string& group : groups) {
    const double cards = cosine_of(page, at, "W100", size, group);
    const double other = cosine_of(page, at, "other batch", size, group);
    if (group == kAll || !std::isfinite(cards) || !std::isfinite(other)) continue;
    (cards < other ? turned.more : turned.less).push_back(group);
    if (!(other - cards > farthest)) continue;
    farthest = other - cards;
    turned.most = group;
    turned.cosines = fmt::format("cosine {} against {}", number_text(cards), number_text(other));
  }
  return turned;
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
  std::vector<std::string> tuned;  // what is shown of C0
  for (const char* comparison : {"W100", "other batch"})
    if (row_of(page, "C0", comparison).is_object()) tuned.push_back(comparison);
  Table table;
  table.columns = {{"parameters"}};
  for (const std::string& comparison : comparisons) table.columns.push_back({comparison, true});
  for (const std::string& comparison : tuned) table.columns.push_back({comparison, true});
  if (!tuned.empty())
    table.groups = {{"", 1},
                    {"At the base", static_cast<int>(comparisons.size())},
                    {"C0", static_cast<int>(tuned.size())}};
  for (const std::string& group : groups) {
    std::vector<double> cosines;
    for (const std::string& comparison : comparisons)
      cosines.push_back(cosine_of(page, "base", comparison, *size, group));
    for (const std::string& comparison : tuned)
      cosines.push_back(cosine_of(page, "C0", comparison, *size, group));
    if (std::none_of(cosines.begin(), cosines.end(), [](double c) { return std::isfinite(c); }))
      continue;
    table.rows.push_back({group});
    for (const double cosine : cosines) table.rows.back().push_back(number_text(cosine));
  }
  if (table.rows.empty()) return part.lacks("cosines by layer");
  const std::string more =
      at_each([&](const std::string& at) { return turned_at(page, at, groups, *size).text(); });
  const std::string less = at_each(
      [&](const std::string& at) { return turned_at(page, at, groups, *size).less_text(); });
  Figure figure =
      page.figure("gradient-layers",
                  titled("Cards turn the gradient more than another clean batch does ", more,
                         "Cosines of clean and changed gradients by group of parameters"),
                  std::move(table), {"K2"});
  figure.caption =
      fmt::format("At batch size {}{}; each row is the gradient of one group of parameters alone.",
                  plain_text(number_of(gradients_of(page), "size")),
                  tuned.empty() ? "" : ", C0 after clean fine-tuning");
  if (!less.empty())
    figure.caption +=
        " Other batch: two clean batches of other samples. A low cosine with cards says something "
        "of cards only where it lies below that of another batch; else the samples' own spread "
        "turns the gradient as much. Cards turn it less " +
        less + ".";
  figure.caption +=
      " Means over batches and runs, by which nothing is decided; `results.json` has their "
      "intervals" +
      std::string(tuned.empty() ? "." : " and all of C0.");
  describe(page, figure, gradient_counts(page, size), {"other batch", "P-noise", "P-const"});
  part.add(std::move(figure));
}

/// What K3 asks at the checkpoint that decides, and image transforms as they are; "" without.
std::string ratios_text(const StudyPage& page) {
  std::vector<Amplitude> all;
  const auto text = [&](const char* to, const char* kind) -> std::string {
    const Amplitude a = amplitude_of(ratio_of(page, deciding(page), to, kind));
    if (!a.value.exists()) return "";
    all.push_back(a);
    return value_text(a.value, 2) + " times";
  };
  std::vector<std::string> texts;
  const std::string images = text("IMG", "amplitude");
  if (!images.empty()) texts.push_back(images + " as much as image transforms");
  if (const std::string matched = text("IMG", "matched"); !matched.empty())
    texts.push_back(matched + (images.empty() ? " as much as image transforms" : "") +
                    " at equal pixel energy");
  if (const std::string words = text("TXT", "amplitude"); !words.empty())
    texts.push_back(words + " as much as other words");
  if (texts.empty()) return "";
  const auto each = [&](bool by_runs) {
    return std::all_of(all.begin(), all.end(), [&](const Amplitude& a) {
      return a.by_runs == by_runs && a.value.has_interval();
    });
  };
  Count runs = {all[0].value.runs, all[0].value.runs};
  for (const Amplitude& a : all)
    runs = {std::min(runs.fewest, a.value.runs), std::max(runs.most, a.value.runs)};
  std::string limits;
  if (each(true)) limits = " (Student's limits over " + runs.text() + " runs)";
  if (each(false)) limits = " (bootstrap of all batches)";
  return sentence_list(texts) + limits;
}

/// What K3 asks, and what shuffled ink would be by it: its amplitude over another's is, run by run,
/// W100's over the other's by W100's over its.
std::string same_order(const StudyPage& page) {
  const std::string at = deciding(page);
  std::string text = fmt::format(
      " K3 asks for the same order alone, a factor of {:g}: limits inside {:g} to {:g}.",
      kOrderOfMagnitude, 1 / kOrderOfMagnitude, kOrderOfMagnitude);
  const double confidence = number_of(at_path(page.analysis, {"options"}), "confidence");
  std::vector<std::string> texts;
  bool pass = true;
  for (const auto& [to, kind, name] :
       {std::tuple("IMG", "matched", "image transforms at equal pixel energy"),
        std::tuple("TXT", "amplitude", "other words")}) {
    const Json& over_noise = ratio_of(page, at, "P-noise", kind);
    const Json& over_other = ratio_of(page, at, to, kind);
    const Value noise = over_runs(over_noise), other = over_runs(over_other);
    // Lists of runs pair where no run is left out of either.
    if (!noise.exists() || !other.exists() || noise.runs < kFewestRuns ||
        noise.runs != other.runs || value_of(over_noise).runs != noise.runs ||
        value_of(over_other).runs != other.runs || !(confidence > 0 && confidence < 1))
      continue;
    const std::vector<double> of_noise = numbers_of(at_path(over_noise, {"per_run"}));
    std::vector<double> quotients = numbers_of(at_path(over_other, {"per_run"}));
    for (std::size_t i = 0; i < quotients.size(); ++i) quotients[i] /= of_noise[i];
    if (!std::all_of(quotients.begin(), quotients.end(), [](double q) { return std::isfinite(q); }))
      continue;
    const RunMean m = run_mean_t(quotients, confidence);
    const bool inside =
        m.interval.low > 1 / kOrderOfMagnitude && m.interval.high < kOrderOfMagnitude;
    pass = pass && inside;
    texts.push_back(fmt::format("{} ({} to {}) times as much as {} ({})", number_text(m.mean, 2),
                                number_text(m.interval.low, 2), number_text(m.interval.high, 2),
                                name, inside ? "inside" : "not inside"));
  }
  if (!texts.empty())
    text += " Shuffled ink (P-noise), asked the same " + where(at) + ", changes the gradient " +
            sentence_list(texts) + ".";
  if (texts.size() == 2 && pass) text += " It would pass K3 too.";
  const Value cards = amplitude_of(ratio_of(page, at, "P-noise", "amplitude")).value;
  if (cards.exists())
    text += fmt::format(
        " Cards change the gradient {} times as much as shuffled ink {}; K2 asks for more than 1, "
        "{:g} at least, of this ratio and of that to P-const.",
        value_text(cards, 2), where(at), kPlaceboRatio);
  return text;
}

void add_ratios(const StudyPage& page, Part& part) {
  const Json& ratios = at_path(gradients_of(page), {"ratios"});
  const double size = number_of(gradients_of(page), "size");
  DotChart chart;
  chart.digits = 2;
  chart.x.label = "amplitude of the change by cards / by the other";
  chart.references = {{1, "equal"}};
  bool by_runs = false, together = false;
  if (ratios.is_array())
    for (const std::string at : kCheckpoints)
      for (const auto& [member, what] :
           {std::pair("amplitude", "as it is"), std::pair("matched", "at equal pixel energy")}) {
        DotGroup group{fmt::format("{}, {}", where(at, true), what), {}};
        for (const Json& ratio : ratios) {
          if (text_of(ratio, "at") != at || number_of(ratio, "size") != size) continue;
          const Amplitude a = amplitude_of(at_path(ratio, {member}));
          const std::string to = text_of(ratio, "to");
          if (!a.value.exists()) continue;
          (a.by_runs ? by_runs : together) = true;
          group.rows.push_back(
              {"to " + to, a.value.mean, a.value.low, a.value.high, "", to.starts_with("P-")});
        }
        if (!group.rows.empty()) chart.groups.push_back(std::move(group));
      }
  if (chart.groups.empty()) return part.lacks("amplitudes against transforms");
  Figure figure = page.figure(
      "gradient-ratios",
      titled(where(deciding(page), true) + " cards change the gradient, in amplitude, ",
             ratios_text(page), "How large a change cards make of a gradient, against others"),
      std::move(chart), {"K2", "K3"});
  figure.caption = fmt::format(
      "At batch size {}: ratios of amplitudes, `sqrt(change by W100 / change by the other)`; where "
      "claims say change, it is this root. At equal pixel energy each amplitude is divided by the "
      "root of how much pixels changed; a paraphrase changes none.",
      plain_text(size));
  if (by_runs)
    figure.caption += fmt::format(
        " Points are means over runs with {}Student's limits over runs, which decide K2 and K3; "
        "`results.json` also has all batches together, with a bootstrap.",
        sure(page));
  if (together)
    figure.caption += fmt::format(
        " Points without {} runs' own numbers are of all batches together, with {}, and decide "
        "nothing.",
        kFewestRuns, bootstrap_limits(page));
  figure.caption += same_order(page);
  describe(page, figure, gradient_counts(page, main_size(page)), {"P-noise", "P-const"});
  part.add(std::move(figure));
}

constexpr const char* kLimits =
    "Claims are decided by Student's limits over runs; captions say where a figure has others.";

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
    return {compared, "K2 to K4 are judged at the base: no other checkpoint has gradients. " +
                          std::string(kLimits)};
  std::string checkpoints =
      "K2 to K4 are judged after clean fine-tuning (C0 in these figures; that of other sections is "
      "low-rank): all weights, trained on clean pictures.";
  const double samples = number_of(at_path(row_of(page, "C0", "W100"), {"moments"}), "n");
  checkpoints +=
      (std::isfinite(samples) ? fmt::format(" The {:g} samples", samples) : " The samples") +
      " compared are of its own training set, whose mean gradient G training takes towards 0 as "
      "far as it learns.";
  const std::string left = at_each([&](const std::string& at) {
    const Json& moments = at_path(row_of(page, at, "W100"), {"moments"});
    return text_or_none(number_of(moments, "G2") / number_of(moments, "S"), 4);
  });
  if (!left.empty())
    checkpoints +=
        " |G|² without bias, over the variance of single samples' gradients, is " + left + ".";
  return {compared,
          checkpoints + " The base stands beside it and decides nothing. " + std::string(kLimits)};
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
