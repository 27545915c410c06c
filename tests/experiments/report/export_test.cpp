// Copies of figures as files. rsvg-convert must be there: ./run test installs it.

#include "experiments/report/export.h"

#include <gtest/gtest.h>

#include <chrono>
#include <cstdlib>
#include <thread>

#include "experiments/report/rsvg.h"
#include "tensor/error.h"
#include "tests/experiments/report/sample.h"
#include "tests/support.h"
#include "tests/tensor/folder.h"

namespace chainline::experiments {
namespace {

using test::content_of;
using test::message_of;

std::vector<std::string> names_of(const std::vector<std::filesystem::path>& paths) {
  std::vector<std::string> names;
  for (const std::filesystem::path& path : paths) names.push_back(path.filename().string());
  return names;
}

/// PATH is `value` while one lives.
class OtherPath {
 public:
  explicit OtherPath(const char* value) : before_(std::getenv("PATH")) {
    ::setenv("PATH", value, 1);
  }
  ~OtherPath() { ::setenv("PATH", before_.c_str(), 1); }
  OtherPath(const OtherPath&) = delete;
  OtherPath& operator=(const OtherPath&) = delete;

 private:
  std::string before_;
};

TEST(ExportFigures, WritesADrawingAPictureOrATableOfEachFigure) {
  const test::Folder folder;
  const auto written = export_figures(sample_report(), folder / "figures", Copies::svg);
  EXPECT_EQ(names_of(written),
            (std::vector<std::string>{"samples-1.png", "samples-2.png", "samples-3.png",
                                      "samples-4.png", "loss.svg", "accuracy.csv", "gradients.svg",
                                      "probes.svg", "effects.svg", "maps.svg", "plateau.svg",
                                      "grid.svg", "utility.svg", "conditions.svg", "claims.csv"}));
  for (const std::filesystem::path& path : written)
    EXPECT_GT(std::filesystem::file_size(path), 100u) << path;
}

TEST(ExportFigures, NeedsNoProgramForSvg) {
  const OtherPath nowhere("/nonexistent");
  const test::Folder folder;
  EXPECT_NO_THROW(export_figures(sample_report(), folder.path(), Copies::svg));
  EXPECT_EQ(
      message_of<DeviceError>(
          [&] { export_figures(sample_report(), folder / "more", Copies::svg_pdf_and_png); }),
      "rsvg-convert: expected Debian's librsvg2-bin in the PATH, got none; install it, or ask "
      "for SVG alone");
  EXPECT_FALSE(std::filesystem::exists(folder / "more"));  // refused before anything was written
}

TEST(ExportFigures, DrawsPdfAndPngOfEveryChart) {
  const test::Folder folder;
  export_figures(sample_report(), folder.path(), Copies::svg_pdf_and_png);
  for (const char* id : {"loss", "gradients", "probes", "effects", "maps", "plateau", "grid",
                         "utility", "conditions"}) {
    EXPECT_TRUE(content_of(folder / (std::string(id) + ".pdf")).starts_with("%PDF-")) << id;
    const Image png = load_image(folder / (std::string(id) + ".png"));
    EXPECT_EQ(png.width, 2040) << id;  // 2.5 times 792 and two margins of 12
    // Black, and not this style sheet's colours, is what a renderer takes where it knows no style.
    int black = 0;
    bool coloured = false;
    for (std::size_t i = 0; i < png.pixels.size(); i += 3) {
      const int r = png.pixels[i], g = png.pixels[i + 1], b = png.pixels[i + 2];
      black += r + g + b == 0;
      coloured |= std::abs(r - g) + std::abs(g - b) > 60;
    }
    EXPECT_TRUE(coloured) << id;
    EXPECT_LT(black, png.width * png.height / 100) << id;
  }
}

TEST(ExportFigures, GivesTheSameBytesTwice) {
  const test::Folder first, second;
  export_figures(sample_report(), first.path(), Copies::svg);
  export_figures(sample_report(), second.path(), Copies::svg);
  ASSERT_EQ(first.names(), second.names());
  for (const std::string& name : first.names())
    EXPECT_EQ(content_of(first / name), content_of(second / name)) << name;
}

// Programs that draw PDF put the date in; a second later it would be another.
TEST(ConvertSvg, GivesTheSameBytesTwice) {
  const std::string svg = standalone_svg(sample_plateau());
  for (const DrawnFormat format : {DrawnFormat::pdf, DrawnFormat::png}) {
    const std::vector<std::byte> first = convert_svg(svg, format);
    std::this_thread::sleep_for(std::chrono::milliseconds(1100));
    EXPECT_EQ(first, convert_svg(svg, format));
  }
}

TEST(StandaloneSvg, HasItsColoursInItAndNoVariables) {
  for (const Section& section : sample_report().sections)
    for (const Figure& figure : section.figures) {
      const std::string svg = standalone_svg(figure);
      if (std::holds_alternative<Table>(figure.body) ||
          std::holds_alternative<Gallery>(figure.body)) {
        EXPECT_EQ(svg, "");
        continue;
      }
      EXPECT_TRUE(svg.starts_with("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<svg xmlns=\""))
          << svg;
      EXPECT_EQ(svg.find("var("), svg.npos);
      EXPECT_NE(svg.find("#0067a5"), svg.npos);
      EXPECT_NE(svg.find("-wide-desc\">"), svg.npos);
    }
}

TEST(ConvertSvg, SaysWhatTheProgramRefuses) {
  const std::string said = message_of<DeviceError>([] { convert_svg("<svg", DrawnFormat::png); });
  EXPECT_TRUE(said.starts_with("rsvg-convert: expected a drawing, got ")) << said;
}

// Quotes are doubled, cells with commas, quotes or lines quoted (RFC 4180, section 2).
TEST(TableCsv, QuotesAsTheStandardSays) {
  Table table;
  table.columns = {{"a"}, {"b"}, {"c"}};
  table.groups = {{"", 1}, {"both", 2}};
  table.rows = {{"1", "x, y", "say \"no\""}, {"2", "", "two\nlines"}};
  EXPECT_EQ(table_csv(table),
            "a,both: b,both: c\r\n1,\"x, y\",\"say \"\"no\"\"\"\r\n2,,\"two\nlines\"\r\n");
}

}  // namespace
}  // namespace chainline::experiments
