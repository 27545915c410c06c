#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "experiments/data/image.h"
#include "experiments/report/chart.h"

namespace chainline::experiments {

/// A headline number: what it is, its value, and what to hold it against.
struct Fact {
  std::string label, value, note;
};

/// A rectangle of a picture, in the picture's pixels.
struct Box {
  int x = 0, y = 0, width = 0, height = 0;
};

struct Picture {
  Image image;
  std::string label;       // below the picture, and what those are told who cannot see it
  std::optional<Box> box;  // outlined over the picture, whose pixels stay as they are
};

/// Pictures side by side, every pixel a square of `magnify` screen pixels.
struct Gallery {
  std::vector<Picture> pictures;
  int magnify = 3;
  bool pairs = false;  // two and two belong together: phones show two a row
};

struct Column {
  std::string name;
  bool number = false;  // right-aligned, figures of one width
};

struct Table {
  std::vector<Column> columns;
  std::vector<std::vector<std::string>> rows;  // the first cell of a row is its heading
};

/// A chart, pictures or a table, with what it shows, the command that makes it and the file that
/// holds its numbers.
struct Figure {
  std::string id;       // lower-case letters, digits and -; the address of the figure in the page
  std::string title;    // what is to be seen, in a sentence
  std::string caption;  // what was measured, and how; `code` between backticks
  std::string command;
  std::string record;  // relative path from the report; "" for none
  std::variant<LineChart, Gallery, Table> body;
};

struct Section {
  std::string title;
  std::vector<std::string> paragraphs;  // `code` between backticks
  std::vector<Figure> figures;
};

struct Report {
  std::string title;
  std::string summary;  // what was done and what came out, in a few sentences
  std::vector<Fact> facts;
  std::vector<Section> sections;
  /// Everything needed to do it again, as names and values: versions, seeds, hashes, machine.
  std::vector<std::pair<std::string, std::string>> manifest;
};

/// The report as one HTML file that needs nothing else: no network, no script, no font file. The
/// same report always gives the same bytes.
///
/// **Errors** ValueError `report: figure: expected X, got Y` for a figure that is empty, without
/// title or command, with an id that is malformed or used twice, or whose parts don't fit together.
std::string render_report(const Report& report);

/// Writes render_report(report): the file is whole, or as it was before.
void write_report(const std::filesystem::path& path, const Report& report);

}  // namespace chainline::experiments
