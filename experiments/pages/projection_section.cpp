#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "experiments/claims/thresholds.h"
#include "experiments/pages/probing.h"
#include "experiments/pages/sections.h"

namespace chainline::experiments {
namespace {

constexpr std::size_t kMaxPoints = 5000;       // of a panel, as ScatterChart has it
constexpr const char* kPlane = "t-SNE plane";  // as analyse() names the place

/// Whether an item of "seen" is of an IN user.
bool is_seen(const Json& item) { return item.is_boolean() ? item.get<bool>() : item == Json(1); }

/// "256 states of 128 pictures": each picture stands under a seen and an unseen user's card.
std::string states_text(const Json& seen) {
  const auto states = static_cast<std::int64_t>(seen.is_array() ? seen.size() : 0);
  const auto pictures = static_cast<std::int64_t>(
      seen.is_array() ? std::count_if(seen.begin(), seen.end(), is_seen) : 0);
  return counted(states, "state") +
         (pictures > 0 && 2 * pictures == states ? " of " + counted(pictures, "picture") : "");
}

/// The points of a map, seen and unseen; a panel without groups if there are none.
ScatterPanel panel_of(const Json& map, const Json& seen, std::string title, bool is_map) {
  ScatterPanel panel;
  panel.title = std::move(title);
  panel.map = is_map;
  if (!is_map) panel.x.label = "first component", panel.y.label = "second component";
  PointGroup groups[2] = {{"unseen (OUT)", {}, {}}, {"seen (IN)", {}, {}}};
  const Json& points = at_path(map, {"points"});
  if (!points.is_array() || !seen.is_array()) return panel;
  const std::size_t count = std::min({points.size(), seen.size(), kMaxPoints});
  for (std::size_t i = 0; i < count; ++i) {
    const std::vector<double> xy = numbers_of(points[i]);
    if (xy.size() != 2 || !std::isfinite(xy[0]) || !std::isfinite(xy[1])) continue;
    PointGroup& group = groups[is_seen(seen[i])];
    group.x.push_back(xy[0]);
    group.y.push_back(xy[1]);
  }
  for (PointGroup& group : groups)
    if (!group.x.empty()) panel.groups.push_back(std::move(group));
  return panel;
}

/// The first low-rank run of a condition with a map; a null without one.
const Json& mapped_run(const StudyPage& page, const std::string& condition) {
  static const Json none;
  for (const Json& run : page.runs.runs)
    if (text_of(run, "condition") == condition && text_of(run, "tuning") == "lora" &&
        at_path(run, {"probes", "projections"}).is_object())
      return run;
  return none;
}

/// The maps of a run; no panels where it has no points.
ScatterChart maps_of(const Json& projections) {
  const Json& seen = at_path(projections, {"seen"});
  const std::vector<double> ratio = numbers_of(at_path(projections, {"pca", "ratio"}));
  ScatterChart chart;
  std::string share;
  if (ratio.size() == 2 && std::isfinite(ratio[0] + ratio[1]))
    share = fmt::format(", {:.0f} % of the variance", 100 * (ratio[0] + ratio[1]));
  for (ScatterPanel& panel :
       std::vector{panel_of(at_path(projections, {"pca"}), seen, "PCA" + share, false),
                   panel_of(at_path(projections, {"tsne"}), seen, "t-SNE", true)})
    if (!panel.groups.empty()) chart.panels.push_back(std::move(panel));
  return chart;
}

void add_map(const StudyPage& page, const std::string& code,
             const std::vector<std::string>& controls, Part& part) {
  const Json& run = mapped_run(page, code);
  const Json& projections = at_path(run, {"probes", "projections"});
  const Json& silhouette = at_path(projections, {"silhouette"});
  const Json& plane = at_path(projections, {"tsne", "silhouette"});
  const Json& seen = at_path(projections, {"seen"});
  std::string slug = code;
  std::transform(slug.begin(), slug.end(), slug.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  Figure figure =
      page.figure("map-" + slug,
                  fmt::format("{}: silhouette of seen against unseen {}, p {}, in one run",
                              condition_name(code), number_text(number_of(silhouette, "mean"), 4),
                              p_text(number_of(silhouette, "p_value"))),
                  maps_of(projections), {"K9"});
  figure.caption = fmt::format(
      "Hidden states of {}, two of each picture: under a seen and under an unseen user's card. The "
      "silhouette above is of the states; in the t-SNE plane it is {}, p {}. p by dealing the "
      "labels anew by user; one run has no interval. Silhouette of the states by users: {}. t-SNE "
      "after PCA, Kullback-Leibler divergence {}.",
      text_of(projections, "layer"), number_text(number_of(plane, "mean"), 4),
      p_text(number_of(plane, "p_value")), number_text(number_of(silhouette, "of_users"), 4),
      cell_text(at_path(projections, {"tsne", "kl"})));
  figure.counts = "1 run, " + states_text(seen);
  figure.seeds = cell_text(at_path(run, {"run"}));
  std::vector<std::string> beside;
  for (const std::string& control : controls)
    if (control != code) beside.push_back("the map of " + control);
  beside.emplace_back("the silhouette by users");
  figure.control = sentence_list(beside);
  figure.record = "runs.json";
  part.add(std::move(figure));
}

/// "W100 0.030, B (saw nobody) 0.035 and T 0.033" at a place; "" where none has a silhouette.
std::string means_at(const Json& rows, const std::string& place) {
  std::vector<std::string> means;
  for (const auto& [code, words] :
       {std::pair("W100", "W100"), std::pair("B", "B (saw nobody)"), std::pair("T", "T")}) {
    const double mean = number_of(
        find_in(rows, {{"condition", code}, {"tuning", "lora"}, {"place", place.c_str()}}), "mean");
    if (std::isfinite(mean)) means.push_back(fmt::format("{} {}", words, number_text(mean)));
  }
  return sentence_list(means);
}

/// The silhouettes that decide: over all runs, where K9 looks for clusters.
void add_silhouettes(const StudyPage& page, Part& part) {
  const std::string primary = primary_layer_of(page);
  const Json& rows = at_path(page.analysis, {"silhouettes"});
  Table table;
  table.columns = {{"Condition"},        {"Place"},   {"silhouette", true}, {"over B and C0", true},
                   {"over users", true}, {"p", true}, {"Runs", true}};
  ShownValues shown;
  std::set<std::string> with_row;
  std::string title;
  for (const std::string& place : {primary, std::string(kPlane)}) {
    if (const std::string means = means_at(rows, place); !means.empty())
      title += (title.empty() ? "" : "; ") + place + ": " + means;
    for (const ConditionGroup& group : condition_groups())
      for (const std::string& code : group.conditions) {
        const Json& row = find_in(
            rows, {{"condition", code.c_str()}, {"tuning", "lora"}, {"place", place.c_str()}});
        const auto text = [&](const Json& of) { return value_text(shown.add_student(of), 2); };
        if (!std::isfinite(number_of(row, "mean"))) continue;
        with_row.insert(code);
        table.rows.push_back({code, place == kPlane ? "t-SNE" : short_layer(place), text(row),
                              text(at_path(row, {"gain"})), text(at_path(row, {"over_users"})),
                              p_text(number_of(row, "p")), cell_text(at_path(row, {"runs"}))});
      }
  }
  if (table.rows.empty()) return part.lacks("silhouettes over runs");
  Figure figure = page.figure(
      "silhouettes",
      "Silhouettes of seen against unseen users" + (title.empty() ? " over runs" : ", " + title),
      std::move(table), {"K9"});
  figure.caption = joined_sentences(
      {named_layer("Means over runs, all weights trained left out, of the states at the primary "
                   "layer",
                   primary) +
           " and of the t-SNE plane of the runs that have a map.",
       "Over B and C0: less the larger of the two in the run of the same number, where there is "
       "one. Over users: less the silhouette by single users. p: the largest of the runs' p, "
       "which can only be too large, by dealing the labels anew by user.",
       with_row.contains("B") ? "Chance is not at 0: B, who has seen nobody, says where it is."
                              : "",
       fmt::format("K9 asks W100 at both places for {:g}, for {:g} over B and C0, and for more "
                   "than single users have; where T, whose id is asked for, does not reach {:g}, "
                   "it stays open.",
                   kSilhouette, kSilhouetteGain, kSilhouette),
       shown.sentence(page)});
  figure.counts = shown.counts();
  figure.seeds = shown.seeds();
  std::vector<std::string> beside;
  for (const char* code : {"B", "C0", "T"})
    if (with_row.contains(code)) beside.emplace_back(code);
  beside.emplace_back("single users");
  figure.control = sentence_list(beside);
  part.add(std::move(figure));
}

}  // namespace

Part projection_part(const StudyPage& page) {
  Part part;
  part.section.title = "Maps of hidden states";
  part.section.paragraphs = {
      "A map shows whatever two axes can; whether seen and unseen users form clusters is said by "
      "silhouettes, of the hidden states themselves and of the t-SNE plane, whose p-values deal "
      "the labels anew by user. The silhouette by users beside them shows what the states are "
      "sorted by instead."};
  std::vector<std::string> mapped, controls;
  for (const std::string code : {"B", "C0", "W50", "W100", "T"}) {
    if (!maps_of(at_path(mapped_run(page, code), {"probes", "projections"})).panels.empty()) {
      mapped.push_back(code);
      if (is_control(code)) controls.push_back(code);
    } else if (code != "C0" && code != "T") {
      part.lacks("the maps of " + code);
    }
  }
  add_silhouettes(page, part);
  for (const std::string& code : mapped) add_map(page, code, controls, part);
  return part;
}

}  // namespace chainline::experiments
