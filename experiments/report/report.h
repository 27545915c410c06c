#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "experiments/data/image.h"
#include "experiments/report/chart.h"
#include "experiments/report/dots.h"
#include "experiments/report/heat_map.h"
#include "experiments/report/multiples.h"
#include "experiments/report/scatter.h"

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

/// What a claim's predicate says. A report shows it as a word with a sign, never by colour alone.
enum class Badge { supported, not_supported, not_decidable };

/// "supported", "not supported" or "not decidable".
std::string badge_text(Badge badge);

struct Column {
  std::string name;
  bool number = false;  // right-aligned, figures of one width
  bool badge = false;   // its cells hold texts of badge_text, shown as badges, or nothing
};

/// A heading over `columns` columns beside each other; "" over columns that have none.
struct ColumnGroup {
  std::string name;
  int columns = 1;
};

struct Table {
  std::vector<Column> columns;
  std::vector<std::vector<std::string>> rows;  // the first cell of a row is its heading
  std::vector<ColumnGroup> groups = {};        // over all columns, or none
  std::vector<std::string> notes = {};         // below the table; `code` between backticks
  std::vector<std::string> row_ids = {};       // addresses of the rows in the page, or none
};

/// A claim that a figure bears on, for instance K5, and what was decided about it.
struct ClaimLink {
  std::string id;  // leads to the row or figure whose id is the same in lower case, if there is one
  std::optional<Badge> badge = {};
};

using FigureBody =
    std::variant<LineChart, Gallery, Table, ScatterChart, DotChart, HeatMap, SmallMultiples>;

/// A chart, pictures or a table, with what it shows, the command that makes it and the file that
/// holds its numbers.
struct Figure {
  std::string id;       // lower-case letters, digits and -; the address of the figure in the page
  std::string title;    // what is to be seen, in a sentence
  std::string caption;  // what was measured, and how; `code` between backticks
  std::string command;
  std::string record;  // relative path from the report; "" for none
  FigureBody body;
  // What the numbers rest on; each may be left out.
  std::vector<ClaimLink> claims = {};
  std::string counts = {};   // "128 people, 10 runs, 40 questions each"
  std::string seeds = {};    // "1 to 10"
  std::string control = {};  // what stands beside it: "C0, people relabelled"
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

/// The number under which a figure goes: "Figure 3", "Table 2". Tables have numbers of their own.
std::string figure_name(const Report& report, const std::string& id);

/// Writes render_report(report): the file is whole, or as it was before.
void write_report(const std::filesystem::path& path, const Report& report);

}  // namespace chainline::experiments
