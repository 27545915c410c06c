#include "experiments/report/report.h"

#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>
#include <fstream>
#include <limits>
#include <sstream>

#include "experiments/report/html.h"
#include "tensor/error.h"
#include "tests/experiments/report/sample.h"
#include "tests/support.h"

namespace chainline::experiments {
namespace {

using test::message_of;

/// The first fault in the nesting of tags and the quoting of attributes; "" for a sound document.
std::string fault_of(const std::string& html) {
  const std::vector<std::string> empty_elements = {"meta", "img", "!DOCTYPE"};
  std::vector<std::string> open;
  for (std::size_t i = html.find('<'); i != html.npos; i = html.find('<', i)) {
    const std::size_t end = html.find('>', i);
    if (end == html.npos) return "unfinished tag at " + std::to_string(i);
    const std::string tag = html.substr(i + 1, end - i - 1);
    if (tag.find('<') != tag.npos) return "< within a tag: " + tag;
    if (std::count(tag.begin(), tag.end(), '"') % 2 != 0) return "odd quotes: " + tag;
    i = end;
    const std::string name =
        tag.substr(tag[0] == '/', tag.find_first_of(" /", 1) - (tag[0] == '/'));
    if (tag[0] == '/') {
      if (open.empty() || open.back() != tag.substr(1)) return "unexpected " + tag;
      open.pop_back();
    } else if (tag.back() != '/' && std::find(empty_elements.begin(), empty_elements.end(), name) ==
                                        empty_elements.end()) {
      open.push_back(name);
      if (name == "style") i = html.find("</style>", i);
    }
  }
  return open.empty() ? "" : "never closed: " + open.back();
}

Figure small_chart() {
  LineChart chart;
  chart.x.label = "step";
  chart.y.label = "loss";
  Series series;
  series.name = "clean";
  series.x = {0, 1, 2};
  series.y = {3, 2, 1};
  chart.series = {series};
  return figure_of("loss", "Loss", chart);
}

Report report_of(Figure figure) {
  Report report;
  report.title = "Sample";
  report.sections = {{"One", {"A paragraph with `code`."}, {std::move(figure)}}};
  return report;
}

TEST(EscapeHtml, LeavesNoMarkup) {
  EXPECT_EQ(escape_html("<a href=\"x\">&'"), "&lt;a href=&quot;x&quot;&gt;&amp;&#39;");
  EXPECT_EQ(escape_html("na\xC3\xAFve \xE2\x86\x92 \xF0\x9F\x98\x80\n\t"),
            "na\xC3\xAFve \xE2\x86\x92 \xF0\x9F\x98\x80\n\t");
}

// A lone continuation, a cut character, an overlong form, a surrogate; NUL, DEL and a C1 control.
TEST(EscapeHtml, ReplacesWhatHtmlCannotHold) {
  const std::string replacement = "\xEF\xBF\xBD";
  EXPECT_EQ(escape_html("a\x80z"), "a" + replacement + "z");
  EXPECT_EQ(escape_html("\xE2\x86"), replacement + replacement);
  EXPECT_EQ(escape_html("\xC0\xAF"), replacement + replacement);
  EXPECT_EQ(escape_html("\xED\xA0\x80"), replacement + replacement + replacement);
  EXPECT_EQ(escape_html(std::string_view("\0\x7F", 2)), replacement + replacement);
  EXPECT_EQ(escape_html("\xC2\x85"), replacement);
}

TEST(InlineHtml, SetsCodeBetweenBackticks) {
  EXPECT_EQ(inline_html("run `a<b` now"), "run <code>a&lt;b</code> now");
  EXPECT_EQ(inline_html("a lone ` stays"), "a lone ` stays");
  EXPECT_EQ(inline_html("50 % of %"), "50\xC2\xA0% of %");
}

// The vectors of RFC 4648, section 10.
TEST(Base64, GivesThePublishedVectors) {
  const auto encode = [](std::string_view text) {
    return base64(std::as_bytes(std::span(text.data(), text.size())));
  };
  EXPECT_EQ(encode(""), "");
  EXPECT_EQ(encode("f"), "Zg==");
  EXPECT_EQ(encode("fo"), "Zm8=");
  EXPECT_EQ(encode("foo"), "Zm9v");
  EXPECT_EQ(encode("foob"), "Zm9vYg==");
  EXPECT_EQ(encode("fooba"), "Zm9vYmE=");
  EXPECT_EQ(encode("foobar"), "Zm9vYmFy");
  EXPECT_EQ(encode("\xFF\xFF\xFE"), "///+");
}

TEST(FaultOf, SeesTheFaults) {
  EXPECT_EQ(fault_of("<p>a<br/></p>"), "");
  EXPECT_EQ(fault_of("<p><b></p></b>"), "unexpected /p");
  EXPECT_EQ(fault_of("<p>"), "never closed: p");
  EXPECT_EQ(fault_of("<p class=\"a>"), "odd quotes: p class=\"a");
}

TEST(Report, IsWellFormedAndTheSameTwice) {
  const std::string html = render_report(sample_report());
  EXPECT_EQ(fault_of(html), "");
  EXPECT_EQ(html, render_report(sample_report()));
}

TEST(Report, FetchesNothing) {
  const std::string html = render_report(sample_report());
  for (const char* fetch : {"http:", "https:", "//", "<script", "<link", "@import", "url("})
    EXPECT_EQ(html.find(fetch), html.npos) << fetch;
  EXPECT_NE(html.find("content=\"default-src 'none';"), html.npos);
  for (std::size_t i = html.find("src=\""); i != html.npos; i = html.find("src=\"", i + 1))
    EXPECT_EQ(html.substr(i, 26), "src=\"data:image/png;base64");
}

TEST(Report, SaysOfEveryFigureWhatMadeIt) {
  const std::string html = render_report(sample_report());
  EXPECT_NE(html.find("Made by <code>chainline probe <span>--run</span> runs/r50 "
                      "<span>--folds</span> 8</code> from "
                      "<a href=\"probe.jsonl\">probe.jsonl</a>"),
            html.npos);
}

TEST(Report, EscapesWhateverItIsGiven) {
  const std::string evil = "</title><script>alert(\"1\")</script>'&";
  Figure figure = small_chart();
  auto& chart = std::get<LineChart>(figure.body);
  figure.title = figure.caption = figure.command = figure.record = evil;
  chart.x.label = chart.y.label = chart.series[0].name = evil;
  chart.x.names = {evil, evil, evil};
  chart.references = {{2, evil}};
  Report report = report_of(figure);
  report.title = report.summary = report.sections[0].title = report.sections[0].paragraphs[0] =
      evil;
  report.facts = {{evil, evil, evil}};
  report.manifest = {{evil, evil}};
  const std::string html = render_report(report);
  EXPECT_EQ(fault_of(html), "");
  EXPECT_EQ(html.find("<script"), html.npos);
}

TEST(Report, RefusesAnEmptyFigureByName) {
  const auto refusal = [](Figure figure) {
    return message_of<ValueError>([&] { render_report(report_of(figure)); });
  };
  EXPECT_EQ(refusal(figure_of("probe", "t", LineChart{})),
            "report: probe: expected a point to draw, got none");
  Figure gaps = small_chart();
  std::get<LineChart>(gaps.body).series[0].y.assign(3, std::nan(""));
  EXPECT_EQ(refusal(gaps), "report: loss: expected a point to draw, got none");
  EXPECT_EQ(refusal(figure_of("samples", "t", Gallery{})),
            "report: samples: expected pictures, got none");
  EXPECT_EQ(refusal(figure_of("samples", "t", Gallery{{{Image{}, "p", {}}}})),
            "report: samples: expected pixels in picture p, got 0 x 0");
  EXPECT_EQ(refusal(figure_of("rates", "t", Table{{{"a"}}, {}})),
            "report: rates: expected rows, got none");
}

TEST(Report, RefusesPartsThatDoNotFit) {
  const auto refusal = [](auto change) {
    Figure figure = small_chart();
    change(figure, std::get<LineChart>(figure.body));
    return message_of<ValueError>([&] { render_report(report_of(figure)); });
  };
  EXPECT_EQ(refusal([](Figure& f, LineChart&) { f.command = ""; }),
            "report: loss: expected the command that makes it, got none");
  EXPECT_EQ(refusal([](Figure& f, LineChart&) { f.title = ""; }),
            "report: loss: expected a title, got none");
  EXPECT_EQ(refusal([](Figure& f, LineChart&) { f.record = "/tmp/log"; }),
            "report: loss: expected a relative path to its record, got /tmp/log");
  EXPECT_EQ(refusal([](Figure& f, LineChart&) { f.id = "a b"; }),
            "report: figure id: expected lower-case letters, digits and -, got \"a b\"");
  EXPECT_EQ(refusal([](Figure&, LineChart& c) { c.series[0].y.pop_back(); }),
            "report: loss: series clean: expected as many x as y, got 3 and 2");
  EXPECT_EQ(refusal([](Figure&, LineChart& c) { c.series[0].x[2] = 0; }),
            "report: loss: series clean: expected ascending x, got 0 at point 2");
  EXPECT_EQ(
      refusal([](Figure&, LineChart& c) { c.series[0].low = {1}; }),
      "report: loss: series clean: expected an interval for each of 3 points, got 1 and 0 ends");
  EXPECT_EQ(refusal([](Figure&, LineChart& c) {
              c.series[0].low = {0, 0, 0};
              c.series[0].high = {4, 1.5, 4};
            }),
            "report: loss: series clean: expected an interval around 2, got 0 .. 1.5");
  EXPECT_EQ(refusal([](Figure&, LineChart& c) { c.series.resize(7, c.series[0]); }),
            "report: loss: expected at most 6 series, got 7");
  Report twice = report_of(small_chart());
  twice.sections[0].figures.push_back(small_chart());
  EXPECT_EQ(message_of<ValueError>([&] { render_report(twice); }),
            "report: figure id: expected a new one, got loss again");
  EXPECT_EQ(message_of<ValueError>([] {
              render_report(report_of(figure_of("t", "t", Table{{{"a"}, {"b"}}, {{"1"}}})));
            }),
            "report: t: expected 2 cells a row, got 1");
}

TEST(Report, SaysWhatAFigureRestsOn) {
  const std::string html = render_report(sample_report());
  EXPECT_NE(html.find("<dt>Claims</dt><dd><a href=\"#k5\">K5</a> <span class=\"badge refuted\">"
                      "<span aria-hidden=\"true\">✗ </span>not supported</span>, K6</dd>"),
            html.npos);
  EXPECT_NE(html.find("<dt>Counts</dt><dd>128 people, 10 runs, 500 questions each</dd>"),
            html.npos);
  EXPECT_NE(html.find("<dt>Seeds</dt><dd>1 to 10</dd>"), html.npos);
  EXPECT_NE(html.find("<dt>Control</dt><dd>people relabelled, 200 times</dd>"), html.npos);
  EXPECT_EQ(render_report(report_of(small_chart())).find("class=\"basis\""), html.npos);
}

TEST(Report, ListsEveryFigureAndLeadsToIt) {
  const Report report = sample_report();
  const std::string html = render_report(report);
  for (const Section& section : report.sections)
    for (const Figure& figure : section.figures) {
      const std::string name = figure_name(report, figure.id);
      EXPECT_NE(html.find("<a href=\"#" + figure.id + "\">" + name + "</a>. "), html.npos) << name;
      EXPECT_NE(html.find("<figure id=\"" + figure.id + "\""), html.npos);
      EXPECT_NE(html.find(">" + name + ". "), html.npos);
    }
  EXPECT_EQ(figure_name(report, "claims"), "Table 2");
  EXPECT_EQ(message_of<ValueError>([&] { figure_name(report, "none"); }),
            "report: figure id: expected one of the report, got none");
}

TEST(Report, GivesTablesHeadingsNotesAndTheKeyboard) {
  const std::string html = render_report(sample_report());
  EXPECT_NE(html.find("<th scope=\"colgroup\" colspan=\"2\"><span>Against the rule</span></th>"),
            html.npos);
  EXPECT_NE(html.find("<li>The rule never sees a picture; <code>rule.json</code>.</li>"),
            html.npos);
  EXPECT_NE(html.find("<div class=\"scroll\" tabindex=\"0\" role=\"region\" "
                      "aria-labelledby=\"accuracy-title\">"),
            html.npos);
  EXPECT_NE(html.find("<tr id=\"k4\">"), html.npos);
}

TEST(Report, StandsSentencesBelowTheirColumnsNamesOnAPhone) {
  const auto table = [](std::size_t length) {
    return render_report(report_of(
        figure_of("t", "t", Table{{{"id"}, {"why <so>"}}, {{"K1", std::string(length, 'w')}}})));
  };
  EXPECT_NE(table(200).find("<table class=\"sentences\""), std::string::npos);
  EXPECT_NE(table(200).find("data-column=\"why &lt;so&gt;\""), std::string::npos);
  EXPECT_EQ(table(20).find("<table class=\"sentences\""), std::string::npos);
}

TEST(Report, RefusesTablesWhosePartsDoNotFit) {
  const auto refusal = [](auto change) {
    Figure figure = sample_claims();
    change(std::get<Table>(figure.body));
    return message_of<ValueError>([&] { render_report(report_of(figure)); });
  };
  EXPECT_EQ(refusal([](Table& t) { t.rows[0][1] = "maybe"; }),
            "report: claims: column Verdict: expected supported, not supported or not decidable, "
            "got maybe");
  EXPECT_EQ(refusal([](Table& t) {
              t.groups = {{"a", 2}, {"b", 2}};
            }),
            "report: claims: expected groups over 5 columns, got 4");
  EXPECT_EQ(refusal([](Table& t) { t.row_ids.pop_back(); }),
            "report: claims: expected 3 ids of rows, got 2");
  EXPECT_EQ(refusal([](Table& t) { t.row_ids[1] = "k1"; }),
            "report: row id: expected a new one, got k1 again");
  EXPECT_EQ(refusal([](Table& t) { t.row_ids[1] = "manifest"; }),
            "report: row id: expected a new one, got manifest again");
}

TEST(WriteReport, WritesWhatItRenders) {
  const auto path = std::filesystem::path(testing::TempDir()) / "report_test.html";
  write_report(path, sample_report());
  std::ifstream file(path);
  std::stringstream text;
  text << file.rdbuf();
  EXPECT_EQ(text.str(), render_report(sample_report()));
}

}  // namespace
}  // namespace chainline::experiments
