#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "experiments/pages/sections.h"

namespace chainline::experiments {
namespace {

constexpr std::size_t kMaxPoints = 5000;  // of a panel, as ScatterChart has it

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
    const bool in = seen[i].is_boolean() ? seen[i].get<bool>() : seen[i] == Json(1);
    groups[in].x.push_back(xy[0]);
    groups[in].y.push_back(xy[1]);
  }
  for (PointGroup& group : groups)
    if (!group.x.empty()) panel.groups.push_back(std::move(group));
  return panel;
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
  for (const char* code : {"B", "W50", "W100"}) {
    const Json* found = nullptr;
    for (const Json& run : page.runs.runs)
      if (found == nullptr && text_of(run, "condition") == code &&
          at_path(run, {"probes", "projections"}).is_object())
        found = &run;
    if (found == nullptr) {
      part.lacks(std::string("the maps of ") + code);
      continue;
    }
    const Json& projections = at_path(*found, {"probes", "projections"});
    const Json& silhouette = at_path(projections, {"silhouette"});
    const Json& plane = at_path(projections, {"tsne", "silhouette"});
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
    if (chart.panels.empty()) {
      part.lacks(std::string("the maps of ") + code);
      continue;
    }
    std::string slug = code;
    std::transform(slug.begin(), slug.end(), slug.begin(),
                   [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
    const std::size_t shown = seen.is_array() ? seen.size() : 0;
    Figure figure =
        page.figure("map-" + slug,
                    fmt::format("{}: silhouette of seen against unseen {}, p {}",
                                condition_name(code), number_text(number_of(silhouette, "mean"), 4),
                                p_text(number_of(silhouette, "p_value"))),
                    std::move(chart), {"K9"});
    figure.caption = fmt::format(
        "Hidden states of {}, one for each picture with a user's card. The silhouette above is of "
        "the states; in the t-SNE plane it is {}, p {}. Silhouette of the states by users: {}. "
        "t-SNE "
        "after PCA, Kullback-Leibler divergence {}.",
        text_of(projections, "layer"), number_text(number_of(plane, "mean"), 4),
        p_text(number_of(plane, "p_value")), number_text(number_of(silhouette, "of_users"), 4),
        cell_text(at_path(projections, {"tsne", "kl"})));
    figure.counts = fmt::format("1 run, {} pictures", shown);
    figure.seeds = cell_text(at_path(*found, {"run"}));
    figure.control = "the base (B), and the silhouette by users";
    figure.record = "runs.json";
    part.add(std::move(figure));
  }
  return part;
}

}  // namespace chainline::experiments
