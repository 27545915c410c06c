#include "experiments/report/export.h"

#include <fmt/format.h>

#include <cstring>
#include <span>
#include <string_view>

#include "experiments/data/paths.h"
#include "experiments/report/figure.h"
#include "experiments/report/rsvg.h"
#include "experiments/report/style.h"
#include "tensor/error.h"

namespace chainline::experiments {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kNamespace = "http://www.w3.org/2000/svg";  // a name, not an address

/// What both versions of a chart are within the page; "" for what is no chart.
struct Drawing {
  const Figure& figure;

  std::string operator()(const Gallery&) const { return ""; }
  std::string operator()(const Table&) const { return ""; }
  template <class Chart>
  std::string operator()(const Chart& chart) const {
    return draw_chart(chart, figure.id, figure.title);
  }
};

/// Every pixel as a square of `times` pixels.
Image magnified(const Image& image, int times) {
  Image large = make_image(image.width * times, image.height * times, {0, 0, 0});
  for (int y = 0; y < large.height; ++y)
    for (int x = 0; x < large.width; ++x)
      std::memcpy(large.at(x, y), image.at(x / times, y / times), 3);
  return large;
}

std::string csv_cell(const std::string& text) {
  if (text.find_first_of(",\"\r\n") == text.npos) return text;
  std::string quoted = "\"";
  for (const char c : text) quoted.append(c == '"' ? 2 : 1, c);
  return quoted + '"';
}

std::string csv_row(const std::vector<std::string>& cells) {
  std::string row;
  for (std::size_t c = 0; c < cells.size(); ++c) {
    if (c > 0) row += ',';
    row += csv_cell(cells[c]);
  }
  return row + "\r\n";
}

/// Writes files one after the other and remembers their names.
struct Writer {
  fs::path folder;
  std::vector<fs::path> written;

  void write(const std::string& name, std::span<const std::byte> bytes) {
    write_atomically(folder / name, bytes);
    written.push_back(folder / name);
  }
  void write(const std::string& name, const std::string& text) {
    write(name, std::as_bytes(std::span(text)));
  }
};

void export_figure(const Figure& figure, Copies copies, Writer& writer) {
  if (const auto* gallery = std::get_if<Gallery>(&figure.body)) {
    for (std::size_t p = 0; p < gallery->pictures.size(); ++p)
      writer.write(fmt::format("{}-{}.png", figure.id, p + 1),
                   encode_png(magnified(gallery->pictures[p].image, gallery->magnify)));
    return;
  }
  if (const auto* table = std::get_if<Table>(&figure.body))
    return writer.write(figure.id + ".csv", table_csv(*table));
  const std::string svg = standalone_svg(figure);
  writer.write(figure.id + ".svg", svg);
  if (copies == Copies::svg) return;
  writer.write(figure.id + ".pdf", convert_svg(svg, DrawnFormat::pdf));
  writer.write(figure.id + ".png", convert_svg(svg, DrawnFormat::png));
}

}  // namespace

std::string standalone_svg(const Figure& figure) {
  const std::string both = std::visit(Drawing{figure}, figure.body);
  const std::string_view opening = "<svg class=\"wide\" viewBox=\"0 0 ";
  const std::size_t begin = both.find(opening);
  if (begin == both.npos) return "";
  const std::size_t size = begin + opening.size();
  const std::size_t end = both.find("</svg>\n", begin) + std::strlen("</svg>\n");
  const std::size_t tag = both.find(">\n", begin) + 2;  // where the content begins
  const std::string extent = both.substr(size, both.find('"', size) - size);
  const std::size_t space = extent.find(' ');
  const std::string width = extent.substr(0, space), height = extent.substr(space + 1);
  // A margin around the drawing, whose text and marks may touch its edges.
  const int margin = 12;
  const double w = std::stod(width), h = std::stod(height);
  return fmt::format(
             "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<svg xmlns=\"{0}\" width=\"{1:g}\" "
             "height=\"{2:g}\" viewBox=\"-{3} -{3} {1:g} {2:g}\" role=\"img\" "
             "aria-labelledby=\"{4}-wide-title {4}-wide-desc\">\n<style>{5}</style>\n"
             "<rect x=\"-{3}\" y=\"-{3}\" width=\"{1:g}\" height=\"{2:g}\" fill=\"{6}\"/>\n",
             kNamespace, w + 2 * margin, h + 2 * margin, margin, figure.id, drawing_style(),
             theme_colour(Theme::light, "paper")) +
         both.substr(tag, end - tag);
}

std::string table_csv(const Table& table) {
  std::vector<std::string> headings;
  std::size_t column = 0;
  for (const ColumnGroup& group : table.groups)
    for (int c = 0; c < group.columns; ++c, ++column)
      headings.push_back(group.name.empty() ? table.columns.at(column).name
                                            : group.name + ": " + table.columns.at(column).name);
  for (; column < table.columns.size(); ++column) headings.push_back(table.columns[column].name);
  std::string csv = csv_row(headings);
  for (const std::vector<std::string>& row : table.rows) csv += csv_row(row);
  return csv;
}

std::vector<fs::path> export_figures(const Report& report, const fs::path& folder, Copies copies) {
  render_report(report);  // refuses what a page would, before anything is written
  if (copies != Copies::svg)
    convert_svg("<svg xmlns=\"" + std::string(kNamespace) + "\" width=\"1\" height=\"1\"/>",
                DrawnFormat::png);
  std::error_code error;
  fs::create_directories(folder, error);
  check<FileError>(!error, folder.string(), ": ", error.message());
  Writer writer = {folder, {}};
  for (const Section& section : report.sections)
    for (const Figure& figure : section.figures) export_figure(figure, copies, writer);
  return writer.written;
}

}  // namespace chainline::experiments
