#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "experiments/report/report.h"

namespace chainline::experiments {

enum class Copies {
  svg,              // of the charts; pictures as PNG and tables as CSV in any case
  svg_pdf_and_png,  // the same, and of every chart a PDF and a PNG by the program rsvg-convert
};

/// Writes the figures of a report as files for slides and papers, and returns their paths in the
/// order of the figures: ID.svg of a chart, in its wide version and light colours, with ID.pdf and
/// ID.png where they are wanted; ID-1.png, ID-2.png, ... of a gallery's pictures, magnified as on
/// the page; ID.csv of a table. The folder is made where it is missing. Every file is whole, or as
/// it was before.
///
/// **Bits** SVG, CSV and the pictures are functions of the report alone. PDF and PNG of charts are
/// drawn by librsvg with the fonts of this machine.
///
/// **Errors** those of render_report; FileError naming a file that could not be written; DeviceError
/// where rsvg-convert is missing or fails.
std::vector<std::filesystem::path> export_figures(const Report& report,
                                                  const std::filesystem::path& folder,
                                                  Copies copies);

/// The chart as an SVG file of its own, with its colours in it. None for galleries and tables.
std::string standalone_svg(const Figure& figure);

/// The table as RFC 4180 has it. A heading over columns stands before theirs, "group: column".
std::string table_csv(const Table& table);

}  // namespace chainline::experiments
