// A report in a real browser. Debian's chromium must be there: ./run test installs it.

#include "tests/experiments/report/browser.h"

#include <gtest/gtest-spi.h>

#include <fstream>

#include "experiments/report/report.h"
#include "tests/experiments/report/sample.h"

namespace chainline::experiments {
namespace {

using test::ReportInBrowser;

class Browser : public testing::Test {
 protected:
  std::filesystem::path write(const std::string& html) {
    std::ofstream(folder_ / "report.html", std::ios::binary) << html;
    return folder_ / "report.html";
  }

  test::Folder folder_;
};

TEST_F(Browser, ShowsEveryKindOfFigureInEveryView) {
  const Report report = sample_report();
  std::set<std::size_t> kinds;
  for (const Section& section : report.sections)
    for (const Figure& figure : section.figures) kinds.insert(figure.body.index());
  ASSERT_EQ(kinds.size(), std::variant_size_v<FigureBody>);
  test::expect_readable_report(write(render_report(report)));
}

// Three short sections, which would have room on one page.
TEST_F(Browser, PrintsSectionsOnPagesOfTheirOwn) {
  Report report;
  report.title = "Short";
  for (const char* title : {"One", "Two", "Three"})
    report.sections.push_back({title, {"A sentence."}, {}});
  ReportInBrowser page(write(render_report(report)));
  page.show({"wide"});
  const std::string pdf = page.pdf(), object = "/Type /Page\n";
  std::size_t pages = 0;
  for (std::size_t i = pdf.find(object); i != pdf.npos; i = pdf.find(object, i + 1)) ++pages;
  EXPECT_EQ(pages, 3u);
}

/// Among the expectations of the call one must not hold, and say `part`.
template <class Call>
void expect_fault(const Call& call, const std::string& part) {
  testing::TestPartResultArray faults;
  {
    const testing::ScopedFakeTestPartResultReporter catcher(&faults);
    call();
  }
  std::string text;
  for (int i = 0; i < faults.size(); ++i) text += faults.GetTestPartResult(i).message();
  EXPECT_NE(text.find(part), text.npos) << part << " is not in: " << text;
}

// The checks see what they are for: each of these pages breaks one of them.
TEST_F(Browser, FindsWhatIsWrongWithAPage) {
  const std::string sound = render_report(sample_report());
  const auto with = [&](const std::string& body) {
    std::string html = sound;
    return html.insert(html.find("<main>") + 6, body);
  };
  {
    ReportInBrowser page(write(with("<img src=\"http://example.org/dot.png\" alt=\"\">")));
    page.show({"wide"});
    expect_fault([&] { page.expect_nothing_fetched(); }, "http://example.org/dot.png");
  }
  {
    ReportInBrowser page(write(with("<div style=\"width:500px\">wide</div>")));
    page.show({"phone", 390, 844, true});
    expect_fault([&] { page.expect_fits_the_width(); }, "DIV. wide");
  }
  {
    ReportInBrowser page(
        write(with("<figure id=\"none\"><svg class=\"wide\" viewBox=\"0 0 792 340\">"
                   "<path d=\"M10 10 h700\"/></svg></figure>")));
    page.show({"wide"});
    expect_fault([&] { page.expect_no_empty_figure(); }, "wide: none");
  }
  {
    ReportInBrowser page(
        write(with("<figure id=\"over\"><svg class=\"wide\" viewBox=\"0 0 792 340\"><text x=\"10\" "
                   "y=\"20\">one</text><text x=\"14\" y=\"22\">two</text></svg></figure>")));
    page.show({"wide"});
    expect_fault([&] { page.expect_legible_drawings(); }, "one lies over two");
  }
  {
    std::string html = sound;
    html.replace(html.find("prefers-color-scheme: dark"), 26, "prefers-color-scheme: none");
    ReportInBrowser page(write(html));
    page.show({"dark", 1200, 900, false, true});
    expect_fault([&] { page.expect_colours(); }, "rgb(255, 255, 255)");
  }
}

}  // namespace
}  // namespace chainline::experiments
