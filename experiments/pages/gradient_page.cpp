#include "experiments/pages/gradient_page.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <set>
#include <system_error>
#include <utility>

#include "experiments/claims/thresholds.h"
#include "experiments/statistics/statistics.h"

namespace chainline::experiments::gradients_page {
namespace {

/// "decoder layer 3" is "decoder layer" and 3; 0 where a name ends in no number.
std::pair<std::string, std::size_t> numbered(const std::string& name) {
  const std::size_t space = name.rfind(' ');
  if (space == name.npos) return {name, 0};
  std::size_t number = 0;
  const char* const end = name.data() + name.size();
  const std::from_chars_result parsed = std::from_chars(name.data() + space + 1, end, number);
  if (parsed.ec != std::errc() || parsed.ptr != end) return {name, 0};
  return {name.substr(0, space), number};
}

/// A control with what it is; "" where it was not measured.
std::string control_text(const StudyPage& page, const std::string& name) {
  if (name == "rerun")
    return at_path(gradients_of(page), {"rerun"}).is_object() ? "rerun (identical data)" : "";
  const std::vector<std::string> measured = comparisons_of(page);
  if (std::find(measured.begin(), measured.end(), name) == measured.end()) return "";
  if (name == "other batch") return "other batch (two clean ones)";
  if (name == "P-noise") return "P-noise (shuffled ink)";
  if (name == "P-const") return "P-const (one card)";
  return name;
}

}  // namespace

const Json& gradients_of(const StudyPage& page) { return at_path(page.analysis, {"gradients"}); }
const Json& rows_of(const StudyPage& page) { return at_path(gradients_of(page), {"rows"}); }
std::vector<double> sizes_of(const StudyPage& page) {
  return numbers_of(at_path(gradients_of(page), {"sizes"}));
}

const Json& row_of(const StudyPage& page, const std::string& at, const std::string& comparison,
                   const std::string& group) {
  return find_in(
      rows_of(page),
      {{"at", at.c_str()}, {"comparison", comparison.c_str()}, {"group", group.c_str()}});
}

/// Comparisons that rows speak of, in their order; reruns, of single samples alone, are a note.
std::vector<std::string> comparisons_of(const StudyPage& page) {
  std::vector<std::string> names;
  if (rows_of(page).is_array())
    for (const Json& row : rows_of(page)) {
      const std::string name = text_of(row, "comparison");
      if (name != "rerun" && std::find(names.begin(), names.end(), name) == names.end())
        names.push_back(name);
    }
  return names;
}

std::string where(const std::string& at, bool begins) {
  if (at == "base") return begins ? "At the base" : "at the base";
  return begins ? "After clean fine-tuning" : "after clean fine-tuning";
}

/// The checkpoint that K2 to K4 are judged at, as gradient_claims.cpp chooses it.
std::string deciding(const StudyPage& page) {
  return find_in(rows_of(page), {{"at", "C0"}}).is_object() ? "C0" : "base";
}

/// "0.591 at the base and 0.593 after clean fine-tuning", of those with a text; "" without any.
std::string at_each(const std::function<std::string(const std::string& at)>& text) {
  std::vector<std::string> texts;
  for (const char* at : kCheckpoints)
    if (const std::string of = text(at); !of.empty()) texts.push_back(of + " " + where(at));
  return sentence_list(texts);
}

/// `begin` and then the texts of the checkpoints, or where there are none another title.
std::string titled(const std::string& begin, const std::string& texts, const char* otherwise) {
  return texts.empty() ? otherwise : begin + texts;
}

std::string text_or_none(double value, int digits) {
  return std::isfinite(value) ? number_text(value, digits) : "";
}

/// The place of the training batch's size among the sizes; nullopt without any.
std::optional<std::size_t> main_size(const StudyPage& page) {
  const std::vector<double> sizes = sizes_of(page);
  const double size = number_of(gradients_of(page), "size");
  for (std::size_t i = 0; i < sizes.size(); ++i)
    if (sizes[i] == size) return i;
  return std::nullopt;
}

const Json& item(const Json& list, std::size_t i) {
  static const Json none;
  return list.is_array() && i < list.size() ? list[i] : none;
}

double cosine_of(const StudyPage& page, const std::string& at, const std::string& comparison,
                 std::size_t size, const std::string& group) {
  return number_of(item(at_path(row_of(page, at, comparison, group), {"cosine"}), size), "mean");
}

/// Cosines and intervals over batch sizes; where `squared`, 1/cos^2 - 1 with its limits exchanged.
Series cosine_series(const StudyPage& page, const Json& row, std::string name, bool squared) {
  const std::vector<double> sizes = sizes_of(page);
  const Json& list = at_path(row, {"cosine"});
  Series series;
  series.name = std::move(name);
  const auto transform = [&](double cosine) {
    return squared ? 1 / (cosine * cosine) - 1 : cosine;
  };
  for (std::size_t i = 0; i < sizes.size(); ++i) {
    const Value value = value_of(item(list, i));
    if (!value.exists() || !(sizes[i] > 0)) continue;
    const double y = transform(value.mean);
    // On a logarithmic axis an exact 1, whose squared tangent is 0, has no place; the tangent does
    // not know the sign of a cosine; and that of an interval around 0 has no limit.
    if (squared && !(value.mean > 0 && y > 0 && std::isfinite(y))) continue;
    double low = value.has_interval() ? transform(squared ? value.high : value.low) : y;
    double high = value.has_interval() ? transform(squared ? value.low : value.high) : y;
    if (squared && !(value.low > 0)) low = high = y;
    series.x.push_back(sizes[i]);
    series.y.push_back(y);
    series.low.push_back(std::min(low, y));
    series.high.push_back(std::max(high, y));
  }
  return series;
}

Axis size_axis() { return {"batch size", {}, {}, false, {}, Scale::log2, {}}; }

std::string Count::text() const {
  return fewest == most ? fmt::format("{}", most) : fmt::format("{} to {}", fewest, most);
}

/// Batches of each size that a change of the data was measured on, from the raw results; empty
/// without.
std::vector<Count> batch_counts(const StudyPage& page) {
  const std::vector<double> sizes = sizes_of(page);
  std::vector<Count> counts;
  for (const Json& job : page.runs.gradients)
    for (const std::string& comparison : comparisons_of(page)) {
      const Json& groups = at_path(job, {"comparisons", comparison.c_str(), "cosine"});
      if (comparison == "other batch" || !groups.is_array()) continue;
      const bool first = counts.empty();
      counts.resize(sizes.size());
      for (std::size_t s = 0; s < sizes.size(); ++s) {
        const std::vector<double> cosines = numbers_of(item(item(groups, 0), s));
        const std::int64_t n = std::count_if(cosines.begin(), cosines.end(),
                                             [](double cosine) { return std::isfinite(cosine); });
        counts[s] = {first ? n : std::min(counts[s].fewest, n), std::max(counts[s].most, n)};
      }
    }
  return counts;
}

/// "2 runs, 32 batches a run at b ≤ 16, 2 at b = 256", or of one size alone.
std::string gradient_counts(const StudyPage& page, std::optional<std::size_t> size) {
  const auto runs = [&](const std::string& at) {
    const Json& row = find_in(rows_of(page), {{"at", at.c_str()}});
    return value_of(item(at_path(row, {"cosine"}), 0)).runs;
  };
  const std::int64_t base = runs("base"), tuned = runs("C0");
  if (base == 0 && tuned == 0) return "";
  std::string text = counted(std::max(base, tuned), "run");
  if (base != tuned && base > 0 && tuned > 0)
    text = at_each([&](const std::string& at) { return counted(runs(at), "run"); });
  const std::vector<double> sizes = sizes_of(page);
  const std::vector<Count> counts = batch_counts(page);
  if (counts.empty()) return text;
  const Count first = counts[size.value_or(0)];
  text += fmt::format(", {} batch{} a run", first.text(), first.most == 1 ? "" : "es");
  if (size) return text;
  std::size_t same = 0;
  while (same + 1 < counts.size() && counts[same + 1] == first) ++same;
  if (same + 1 == counts.size()) return text + " at every size";
  return text + fmt::format(" at b {} {:g}, {} at b = {:g}", same == 0 ? "=" : "≤", sizes[same],
                            counts.back().text(), sizes.back());
}

std::string moment_counts(const StudyPage& page) {
  const auto samples = [&](const std::string& at) {
    return number_of(at_path(row_of(page, at, "W100"), {"moments"}), "n");
  };
  std::set<double> different;
  for (const char* at : kCheckpoints)
    if (const double n = samples(at); std::isfinite(n)) different.insert(n);
  const std::string counts = gradient_counts(page);
  if (different.empty()) return counts;
  const std::string of =
      different.size() == 1 ? plain_text(*different.begin()) : at_each([&](const std::string& at) {
        const double n = samples(at);
        return std::isfinite(n) ? plain_text(n) : std::string();
      });
  return counts + (counts.empty() ? "" : "; ") + "moments of " + of + " samples a run";
}

/// That intervals of large sizes rest on fewer batches, where they do.
std::string fewer_batches(const StudyPage& page) {
  const std::vector<Count> counts = batch_counts(page);
  if (counts.empty() || counts.back().most >= counts.front().fewest) return "";
  return fmt::format(
      " Intervals at larger sizes rest on fewer batches, at b = {:g} on {} a run at most.",
      sizes_of(page).back(), counts.back().text());
}

std::string sure(const StudyPage& page) {
  const double confidence = number_of(at_path(page.analysis, {"options"}), "confidence");
  return std::isfinite(confidence) ? fmt::format("{:g} % ", 100 * confidence) : "";
}

std::string bootstrap_limits(const StudyPage& page) {
  return sure(page) + "intervals by bootstrap over runs and then their batches";
}

Value over_runs(const Json& estimate) {
  const std::vector<double> per_run = numbers_of(at_path(estimate, {"per_run"}));
  Value value;
  value.runs = static_cast<std::int64_t>(per_run.size());
  value.mean = per_run.empty() ? std::nan("") : mean(per_run);
  value.low = number_of(estimate, "t_low");
  value.high = number_of(estimate, "t_high");
  if (!value.exists() || !value.has_interval() || value.runs < kFewestRuns)
    value.low = value.high = std::nan("");
  value.low = std::min(value.low, value.mean);  // NaN stays: it is the first
  value.high = std::max(value.high, value.mean);
  return value;
}

const Json& ratio_of(const StudyPage& page, const std::string& at, const std::string& to,
                     const char* kind) {
  static const Json none;
  const Json& ratios = at_path(gradients_of(page), {"ratios"});
  const double size = number_of(gradients_of(page), "size");
  if (ratios.is_array())
    for (const Json& ratio : ratios)
      if (text_of(ratio, "at") == at && text_of(ratio, "to") == to &&
          number_of(ratio, "size") == size)
        return at_path(ratio, {kind});
  return none;
}

Amplitude amplitude_of(const Json& ratio) {
  if (const Value value = over_runs(ratio); value.exists() && value.runs >= kFewestRuns)
    return {value, true};
  return {value_of(ratio), false};
}

std::string group_list(const std::vector<std::string>& groups) {
  std::vector<std::string> words;
  for (std::size_t i = 0; i < groups.size();) {
    const auto [stem, first] = numbered(groups[i]);
    std::size_t n = 1;
    while (first > 0 && i + n < groups.size() &&
           groups[i + n] == fmt::format("{} {}", stem, first + n))
      ++n;
    words.push_back(
        n == 1 ? groups[i]
               : fmt::format("{}s {} {} {}", stem, first, n == 2 ? "and" : "to", first + n - 1));
    i += n;
  }
  return sentence_list(words);
}

void describe(const StudyPage& page, Figure& figure, const std::string& counts,
              const std::vector<std::string>& controls) {
  figure.counts = counts;
  if (rows_of(page).is_array() && !rows_of(page).empty())
    figure.seeds = value_of(item(at_path(rows_of(page).front(), {"cosine"}), 0)).seeds;
  for (const std::string& control : controls)
    if (const std::string text = control_text(page, control); !text.empty())
      figure.control += (figure.control.empty() ? "" : ", ") + text;
}

}  // namespace chainline::experiments::gradients_page
