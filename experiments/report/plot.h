#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "experiments/report/frame.h"
#include "experiments/report/svg.h"

namespace chainline::experiments {

/// The lines of the grid, the x axis and what stands at the ticks of both axes; a panel that has
/// neighbours leaves the labels to those at the edge.
void draw_axes(const Axis& x, const Axis& y, const PlotFrame& frame, bool x_labels, bool y_labels,
               std::string& svg);

/// The levels, drawn but not named.
void draw_references(const std::vector<ReferenceLine>& references, const PlotFrame& frame,
                     std::string& svg);

/// Bands, curves, whiskers and marks. `numbers` are the colours and marks that the series have.
void draw_series(const std::vector<Series>& series, const std::vector<std::size_t>& numbers,
                 const Axis& x, const Axis& y, const PlotFrame& frame, bool narrow,
                 std::string& svg);

/// What the name of a series is preceded by: a piece of the curve and, if it has them, a mark.
Key series_key(const Series& series, std::size_t number);

/// The same for a reference line.
Key reference_key(const ReferenceLine& reference);

/// " clean: 3 at 0, 1 at 2." for those who cannot see the curve; "" where it has no point.
std::string series_text(const Series& series, const Axis& x, const Axis& y);

/// check_chart for parts of a figure.
void check_series(const Series& series, const Axis& x, const Axis& y, const std::string& figure);
void check_references(const std::vector<ReferenceLine>& references, const Axis& y,
                      const std::string& figure);

/// Whether a series has a finite point.
bool is_drawable(const Series& series);

}  // namespace chainline::experiments
