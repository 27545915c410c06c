#pragma once

#include "experiments/pages/study_report.h"
#include "tests/experiments/pages/small_page.h"

namespace chainline::experiments {

inline Report report_of(const SyntheticStudy& synthetic) {
  return study_report(synthetic.results, synthetic.runs, Json::object(), small_world(),
                      small_study());
}

/// The figure of that id; an empty one if the page has none.
inline Figure figure_of(const Report& report, const std::string& id) {
  for (const Section& section : report.sections)
    for (const Figure& figure : section.figures)
      if (figure.id == id) return figure;
  return {};
}

inline Figure figure_of(const SyntheticStudy& synthetic, const std::string& id) {
  return figure_of(report_of(synthetic), id);
}

inline std::vector<std::string> cells_of(const Figure& figure, const std::string& first) {
  for (const std::vector<std::string>& row : std::get<Table>(figure.body).rows)
    if (row.front() == first) return row;
  throw std::runtime_error("no row " + first);
}

}  // namespace chainline::experiments
