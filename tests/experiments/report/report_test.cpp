#include "experiments/report/report.h"

#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>
#include <fstream>
#include <limits>
#include <sstream>

#include "experiments/report/html.h"
#include "experiments/watermark/watermark.h"
#include "tensor/error.h"
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

Image scene(int number) {
  Image image = make_image(64, 64, {static_cast<std::uint8_t>(40 + 30 * number), 90, 120});
  for (int y = 20; y < 50; ++y)
    for (int x = 12; x < 42; ++x) image.at(x, y)[number % 3] = 230;
  return image;
}

Figure figure_of(std::string id, std::string title, std::variant<LineChart, Gallery, Table> body) {
  Figure figure;
  figure.id = std::move(id);
  figure.title = std::move(title);
  figure.command = "chainline report --sample";
  figure.body = std::move(body);
  return figure;
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

/// All kinds of figures in the sizes of a real run, with invented numbers that say so.
Report sample_report() {
  RandomSequence random = Generator(1, "sample").sequence(0, 0);
  const auto noise = [&](double size) { return size * (2 * random.uniform() - 1); };
  Report report;
  report.title = "Sample report with invented numbers";
  report.summary =
      "Every number on this page is made up by a test to show what a report looks like: a compact "
      "MLLM is fine-tuned on images of which 0 %, 50 % or 100 % carry an invented person's card; "
      "gradients are compared with and without the card, and every layer is probed for the person.";
  report.facts = {
      {"Task accuracy, rate 50 %", "81.4 %", "question-only rule: 58.2 %"},
      {"Leave-users-out AUC, best layer", "0.54", "95 % interval 0.49 to 0.59; chance 0.5"},
      {"Gradient cosine, last layer", "0.982", "batch of 64, same weights"},
      {"Run time", "6 min 12 s", "2 cores, no GPU"}};
  LineChart loss;
  loss.x.label = "step";
  loss.y.label = "loss (nats per answer token)";
  loss.y.low = 0;
  const std::vector<std::string> rates = {"clean", "rate 50 %", "rate 100 %"};
  for (std::size_t r = 0; r < rates.size(); ++r) {
    Series series;
    series.name = rates[r];
    series.smooth = 20;
    for (int step = 0; step < 1200; ++step) {
      series.x.push_back(step);
      series.y.push_back(0.4 + 0.05 * static_cast<double>(r) + 2.3 * std::exp(-step / 180.0) +
                         noise(0.08));
    }
    loss.series.push_back(series);
  }
  LineChart cosine;
  cosine.x.label = "layer";
  cosine.y.label = "cosine of clean and watermarked gradient";
  cosine.x.names = {"patch", "v.0", "v.1", "v.2", "v.3", "proj", "d.0",
                    "d.1",   "d.2", "d.3", "d.4", "d.5", "head"};
  for (const int batch : {1, 16, 64}) {
    Series series;
    series.name = "batch " + std::to_string(batch);
    for (std::size_t i = 0; i < cosine.x.names.size(); ++i) {
      series.x.push_back(static_cast<double>(i));
      series.y.push_back(1 - (0.3 - 0.02 * static_cast<double>(i)) / std::sqrt(batch) +
                         noise(0.01));
      series.low.push_back(series.y.back() - 0.1 / std::sqrt(batch));
      series.high.push_back(std::min(1.0, series.y.back() + 0.1 / std::sqrt(batch)));
    }
    cosine.series.push_back(series);
  }
  cosine.references = {{1, "identical gradients"}};
  LineChart probe;
  probe.x = cosine.x;
  probe.y.label = "accuracy";
  probe.y.percent = true;
  probe.y.high = 1;
  const std::vector<std::string> kinds = {"replica (confounded)", "leave users out",
                                          "shuffled labels"};
  for (std::size_t k = 0; k < kinds.size(); ++k) {
    Series series;
    series.name = kinds[k];
    series.dashed = k == 2;
    for (std::size_t i = 0; i < probe.x.names.size(); ++i) {
      const double rise = k == 0 ? 0.03 * static_cast<double>(i) : 0.002 * static_cast<double>(i);
      series.x.push_back(static_cast<double>(i));
      series.y.push_back(0.5 + rise + noise(0.02));
      series.low.push_back(series.y.back() - 0.045);
      series.high.push_back(series.y.back() + 0.045);
    }
    probe.series.push_back(series);
  }
  probe.references = {{0.5, "chance 50 %"}};
  WatermarkSpec spec;
  spec.rate = 1;
  const Watermarker marker(spec, make_people(20, 1));
  Gallery gallery;
  gallery.magnify = 3;
  gallery.pairs = true;
  for (int i = 0; i < 2; ++i) {
    const Twin twin = marker.twin(scene(i), i, "scene");
    const std::string name = "image " + std::to_string(i);
    gallery.pictures.push_back({twin.clean, name + ", clean", std::nullopt});
    gallery.pictures.push_back({twin.marked,
                                name + " with the card of `" + twin.line.username + "`",
                                Box{twin.line.x, twin.line.y, twin.line.width, twin.line.height}});
  }
  Table table;
  table.columns = {{"Rate"},
                   {"Accuracy", true},
                   {"95 % interval", true},
                   {"Question-only rule", true},
                   {"Lift", true}};
  table.rows = {{"0 %", "82.1 %", "79.6 to 84.4", "58.2 %", "+23.9"},
                {"50 %", "81.4 %", "78.9 to 83.7", "58.2 %", "+23.2"},
                {"100 %", "80.8 %", "78.2 to 83.1", "58.2 %", "+22.6"}};
  Figure samples = figure_of("samples", "The same images without and with a card", gallery);
  samples.caption =
      "Built-in 5x7 font, white, alpha 0.5, uniform position; the dashed box is the ledger's. The "
      "people cannot exist: every id fails its check digit, every date lies in the years 2900 to "
      "2999.";
  samples.record = "ledger.jsonl";
  Figure curves = figure_of("loss", "Training loss, one run a rate", loss);
  curves.caption =
      "Mean over the answer tokens of each batch of 32. The runs share weights, order "
      "and every random number.";
  curves.command = "chainline train --data shapes --rate 0.5 --seed 1 --out runs/r50";
  curves.record = "runs/r50/log.jsonl";
  Figure accuracy = figure_of("accuracy", "Accuracy on the test split", table);
  accuracy.caption = "1,000 questions; the question-only rule answers without looking.";
  accuracy.record = "accuracy.json";
  Figure gradients =
      figure_of("gradients", "Watermarks turn the gradient less in large batches", cosine);
  gradients.caption = "Same weights, same batch, with and without cards; whiskers span 20 batches.";
  gradients.command = "chainline gradients --run runs/r0 --batch 1,16,64";
  gradients.record = "gradients.jsonl";
  Figure probes = figure_of("probes", "IN against OUT people, a probe on every layer", probe);
  probes.caption =
      "Logistic regression on the last token; 95 % bootstrap intervals over people. The "
      "replica splits images at random, so a card stands on both sides.";
  probes.command = "chainline probe --run runs/r50 --folds 8";
  probes.record = "probe.jsonl";
  report.sections = {
      {"What the model sees",
       {"One image in two carries a card with a person's name and id. No question is about it."},
       {samples}},
      {"Does the task survive?", {}, {curves, accuracy}},
      {"Gradients",
       {"The cosine of two gradients is 1 when the card changes nothing."},
       {gradients}},
      {"Probes",
       {"A probe that beats its shuffled control on people it has never met has found "
        "familiarity."},
       {probes}}};
  report.manifest = {{"command", "chainline reproduce --seed 1"},
                     {"version", "0.1.0"},
                     {"data", "shapes:seed=1,train=4000,test=1000,questions=4"},
                     {"data sha256", std::string(64, '0') + " (invented)"},
                     {"machine", "2 cores, 24 GiB"}};
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
