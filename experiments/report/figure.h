#pragma once

#include <set>
#include <string>

#include "experiments/report/report.h"

namespace chainline::experiments {

/// A figure as HTML; `name` is "Figure 3", and `ids` are those of the page that claims may lead to.
///
/// **Errors** those of render_report.
std::string render_figure(const Figure& figure, const std::string& name,
                          const std::set<std::string>& ids);

/// Refuses a table or a gallery whose parts don't fit together; check_chart does it for charts.
///
/// **Errors** ValueError `report: figure: expected X, got Y`.
void check_table(const Table& table, const std::string& figure);
void check_gallery(const Gallery& gallery, const std::string& figure);

/// "supported" as a badge with its sign.
std::string badge_html(Badge badge);

}  // namespace chainline::experiments
