#include "experiments/report/dots.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "experiments/report/plot.h"
#include "tensor/error.h"

namespace chainline::experiments {
namespace {

constexpr std::size_t kMaxRows = 100;
constexpr double kHeading = 26;

bool has_interval(const DotRow& row) { return std::isfinite(row.low) && std::isfinite(row.high); }

std::string number(const DotChart& chart, double value) {
  const std::string text = chart.x.percent
                               ? fmt::format("{:.{}f}", 100 * value, std::max(chart.digits - 2, 0))
                               : fmt::format("{:.{}f}", value, chart.digits);
  if (text.find_first_not_of("-0.") == text.npos) return text.substr(text[0] == '-');
  return text[0] == '-' ? std::string("−").append(text, 1) : text;
}

/// "0.540 [0.491, 0.592]", "54.0 % [49.1, 59.2]", and the note.
std::string numbers(const DotChart& chart, const DotRow& row) {
  std::string text = number(chart, row.value) + (chart.x.percent ? " %" : "");
  if (has_interval(row))
    text += " [" + number(chart, row.low) + ", " + number(chart, row.high) + "]";
  return row.note.empty() ? text : text + ", " + row.note;
}

std::string description(const DotChart& chart) {
  std::string text = "Points with intervals along " + chart.x.label + ".";
  for (const DotGroup& group : chart.groups) {
    if (!group.name.empty()) text += " " + group.name + ".";
    for (const DotRow& row : group.rows) text += " " + row.name + ": " + numbers(chart, row) + ".";
  }
  for (const ReferenceLine& reference : chart.references)
    text += " Reference: " + reference.label + ".";
  if (chart.zone) text += " Shaded: " + chart.zone->label + ".";
  return text;
}

std::string row_mark(const DotRow& row, double x, double y) {
  if (!row.control) return mark(0, x, y);
  return fmt::format("<circle class=\"hollow l0\" cx=\"{}\" cy=\"{}\" r=\"3.6\"/>", at(x), at(y));
}

void draw_row(const DotChart& chart, const DotRow& row, double y, const PlotFrame& frame,
              std::string& svg) {
  svg += "<g>";
  if (has_interval(row)) {
    const double low = frame.to_x(row.low), high = frame.to_x(row.high);
    svg += fmt::format("<path class=\"whisker l0\" d=\"M{0} {2} H{1} M{0} {3} v6 M{1} {3} v6\"/>",
                       at(low), at(high), at(y), at(y - 3));
  }
  svg += row_mark(row, frame.to_x(row.value), y) + "</g>\n";
  const std::string text = numbers(chart, row);
  const bool narrow = frame.left < 20;
  svg += svg_text(0, narrow ? y - 10 : y + 4, row.name, Anchor::start, narrow ? "halo" : "");
  svg += svg_text(frame.width, narrow ? y - 10 : y + 4, text, Anchor::end,
                  narrow ? "soft halo" : "soft");
}

/// What is drawn behind the rows: the zone, the ticks with their lines, the references.
void draw_background(const DotChart& chart, const PlotFrame& frame, std::string& svg) {
  if (chart.zone) {
    const double left = frame.to_x(chart.zone->low), right = frame.to_x(chart.zone->high);
    svg += fmt::format("<rect class=\"zone\" x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\"/>\n",
                       at(left), at(frame.top), at(right - left), at(frame.bottom - frame.top));
  }
  const auto upright = [&](const char* style, double x) {
    svg += fmt::format("<line class=\"{}\" x1=\"{}\" x2=\"{}\" y1=\"{}\" y2=\"{}\"/>\n", style,
                       at(x), at(x), at(frame.top), at(frame.bottom));
  };
  for (const double value : frame.x_ticks.values) {
    upright("grid", frame.to_x(value));
    svg += svg_text(frame.to_x(value), frame.bottom + 18,
                    tick_label(chart.x, value, frame.x_ticks.decimals), Anchor::middle, "soft");
  }
  svg += fmt::format("<line class=\"axis\" x1=\"{}\" x2=\"{}\" y1=\"{}\" y2=\"{}\"/>\n",
                     at(frame.left), at(frame.right), at(frame.bottom), at(frame.bottom));
  for (const ReferenceLine& reference : chart.references)
    upright("reference", frame.to_x(reference.y));
}

/// Everything that the axis must hold, as the series whose x it spans.
Series span_of(const DotChart& chart) {
  Series span;
  for (const DotGroup& group : chart.groups)
    for (const DotRow& row : group.rows) {
      span.x.push_back(row.value);
      if (has_interval(row)) span.x.insert(span.x.end(), {row.low, row.high});
    }
  for (const ReferenceLine& reference : chart.references) span.x.push_back(reference.y);
  if (chart.zone) span.x.insert(span.x.end(), {chart.zone->low, chart.zone->high});
  return span;
}

std::vector<Key> keys_of(const DotChart& chart) {
  std::vector<Key> keys;
  bool controls = false;
  for (const DotGroup& group : chart.groups)
    for (const DotRow& row : group.rows) controls |= row.control;
  DotRow hollow;
  hollow.control = true;
  if (controls)
    keys = {{row_mark(DotRow{}, 6, 0), "condition"}, {row_mark(hollow, 6, 0), "control"}};
  for (const ReferenceLine& reference : chart.references)
    keys.push_back({"<path class=\"reference\" d=\"M6 -6 v12\"/>", reference.label});
  if (chart.zone)
    keys.push_back(
        {"<rect class=\"zone\" x=\"0\" y=\"-5\" width=\"12\" height=\"10\"/>", chart.zone->label});
  return keys;
}

std::string draw_version(const DotChart& chart, const std::string& figure, const std::string& title,
                         bool narrow) {
  PlotFrame frame;
  frame.width = narrow ? 358 : 792;
  double names = 0, texts = 0;
  for (const DotGroup& group : chart.groups)
    for (const DotRow& row : group.rows) {
      names = std::max(names, text_width(row.name));
      texts = std::max(texts, text_width(numbers(chart, row)));
    }
  frame.left = narrow ? 8 : std::min(names + 16, 300.0);
  frame.right = narrow ? 350 : frame.width - std::min(texts + 14, 260.0);
  fit_x(frame, chart.x, {span_of(chart)}, narrow ? 5 : 7);
  const double room = 0.02 * (frame.x.high - frame.x.low);
  frame.x.low -= room;
  frame.x.high += room;
  const std::vector<Key> keys = keys_of(chart);
  std::string front;
  frame.top = keys.empty() ? 4 : draw_keys(keys, 0, frame.width, 14, front) - 6;
  double y = frame.top;
  const double row_height = narrow ? 36 : 22;
  for (const DotGroup& group : chart.groups) {
    if (!group.name.empty()) {
      front += svg_text(0, y + kHeading - 8, group.name, Anchor::start,
                        narrow ? "strong halo" : "strong");
      y += kHeading;
    }
    for (const DotRow& row : group.rows) {
      draw_row(chart, row, y + (narrow ? 24 : 11), frame, front);
      y += row_height;
    }
  }
  frame.bottom = y + 6;
  frame.height = frame.bottom + 46;
  std::string svg = open_svg(narrow, frame.width, frame.height, figure, title, description(chart));
  draw_background(chart, frame, svg);
  return svg + front +
         svg_text((frame.left + frame.right) / 2, frame.height - 8, chart.x.label, Anchor::middle) +
         "</svg>\n";
}

}  // namespace

void check_chart(const DotChart& chart, const std::string& figure) {
  const auto expect = [&](bool holds, const auto&... sentence) {
    check<ValueError>(holds, "report: ", figure, ": ", sentence...);
  };
  expect(chart.x.scale == Scale::linear, "expected a linear axis, got a logarithmic one");
  expect(chart.digits >= 0 && chart.digits <= 6, "expected 0 .. 6 digits, got ", chart.digits);
  std::size_t rows = 0;
  for (const DotGroup& group : chart.groups)
    for (const DotRow& row : group.rows) {
      ++rows;
      expect(!row.name.empty(), "expected a name of every row, got none");
      expect(std::isfinite(row.value), "row ", row.name, ": expected a finite value, got ",
             row.value);
      expect(has_interval(row) || (std::isnan(row.low) && std::isnan(row.high)), "row ", row.name,
             ": expected both ends of an interval or none, got ", row.low, " .. ", row.high);
      expect(!(row.low > row.value) && !(row.high < row.value), "row ", row.name,
             ": expected an interval around ", row.value, ", got ", row.low, " .. ", row.high);
    }
  expect(rows > 0, "expected a point to draw, got none");
  expect(rows <= kMaxRows, "expected at most ", kMaxRows, " rows, got ", rows);
  check_references(chart.references, chart.x, figure);
  if (chart.zone)
    expect(std::isfinite(chart.zone->low) && std::isfinite(chart.zone->high) &&
               chart.zone->low < chart.zone->high,
           "zone ", chart.zone->label, ": expected finite ends in order, got ", chart.zone->low,
           " .. ", chart.zone->high);
}

std::string draw_chart(const DotChart& chart, const std::string& figure, const std::string& title) {
  check_chart(chart, figure);
  return draw_version(chart, figure, title, false) + draw_version(chart, figure, title, true);
}

}  // namespace chainline::experiments
