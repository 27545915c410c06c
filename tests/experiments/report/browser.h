#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "experiments/data/image.h"
#include "experiments/report/style.h"
#include "tests/experiments/report/chromium.h"

namespace chainline::test {

/// How a page is looked at.
struct View {
  std::string name;
  int width = 1200, height = 900;
  bool phone = false, dark = false, paper = false;
};

/// A desk, a desk in the dark, a phone, a phone in the dark, and a sheet of A4 within its margins.
inline std::vector<View> all_views() {
  return {{"wide"},
          {"dark", 1200, 900, false, true, false},
          {"phone", 390, 844, true, false, false},
          {"dark phone", 390, 844, true, true, false},
          {"paper", 673, 1000, false, true, true}};
}

/// A report in a browser. The expectations are gtest's and name figure and view, so that any test
/// may hold any report to them.
class ReportInBrowser {
 public:
  explicit ReportInBrowser(const std::filesystem::path& html)
      : address_("file://" + std::filesystem::canonical(html).string()) {}

  /// Loads the page anew, as `view` has it.
  void show(const View& view) {
    view_ = view;
    browser_.call("Emulation.setDeviceMetricsOverride", {{"width", view.width},
                                                         {"height", view.height},
                                                         {"deviceScaleFactor", 1},
                                                         {"mobile", view.phone}});
    browser_.call(
        "Emulation.setEmulatedMedia",
        {{"media", view.paper ? "print" : "screen"},
         {"features",
          {{{"name", "prefers-color-scheme"}, {"value", view.dark ? "dark" : "light"}}}}});
    browser_.open(address_);
  }

  /// The page asks for itself and for the pictures within it, and for nothing else, allowed or not;
  /// the browser has no complaint, for instance that the content policy refused something.
  void expect_nothing_fetched() {
    for (const Json& event : browser_.events) {
      const std::string method = event.at("method");
      if (method == "Network.requestWillBeSent") {
        const std::string url = event.at("params").at("request").at("url");
        EXPECT_TRUE(url == address_ || url.starts_with("data:image/png;base64,")) << url;
      }
      if (method == "Log.entryAdded" || method == "Runtime.exceptionThrown" ||
          method == "Runtime.consoleAPICalled")
        ADD_FAILURE() << view_.name << ": " << event.dump();
    }
    EXPECT_TRUE(browser_.seen("Network.requestWillBeSent"));  // or else nothing was watched
    // Names that are looked up ahead and pages opened ahead are no requests; only these ask for it.
    EXPECT_EQ(browser_.evaluate("document.querySelectorAll('script, link, base, iframe, object, "
                                "embed, video, audio, form').length"),
              0);
  }

  /// The style sheet in force is the one for this view.
  void expect_colours() {
    using experiments::Theme;
    const bool dark = view_.dark && !view_.paper;
    const std::string_view paper = theme_colour(dark ? Theme::dark : Theme::light, "paper");
    EXPECT_EQ(browser_.evaluate("getComputedStyle(document.body).backgroundColor"), rgb_text(paper))
        << view_.name;
  }

  /// Nothing is wider than the window but what scrolls by itself.
  void expect_fits_the_width() {
    EXPECT_LE(browser_.evaluate("document.documentElement.scrollWidth").get<int>(), view_.width)
        << view_.name;
    const Json wide = browser_.evaluate(R"js(
      [...document.querySelectorAll('body *')]
        .filter(e => !e.closest('.scroll') && !e.closest('svg g, svg text, svg path') &&
                     e.getClientRects().length > 0 &&
                     e.getBoundingClientRect().right > document.documentElement.clientWidth + 1)
        .map(e => e.tagName + '.' + (e.getAttribute('class') || '') + ' ' + e.textContent.slice(0, 40))
    )js");
    EXPECT_EQ(wide, Json::array()) << view_.name;
  }

  /// Every figure has one visible body, which is as large as to be seen and has something in it: a
  /// drawing of marks, loaded pictures, or rows; on the screen that is more than a colour.
  void expect_no_empty_figure() {
    const Json figures = browser_.evaluate(R"js(
      [...document.querySelectorAll('main figure[id]')].map(f => {
        const shown = e => e.getClientRects().length > 0;
        const body = [...f.children].filter(
            e => ['svg', 'DIV'].includes(e.tagName) && shown(e))[0];
        if (!body) return {id: f.id, parts: 0, x: 0, y: 0, width: 0, height: 0};
        const box = body.getBoundingClientRect();
        const parts = [...body.querySelectorAll('path, circle, rect, img, tbody tr')].filter(e => {
          const b = e.getBoundingClientRect();
          return (b.width > 0 || b.height > 0) && (e.tagName != 'IMG' || e.naturalWidth > 0);
        });
        return {id: f.id, parts: parts.length, x: box.left + scrollX, y: box.top + scrollY,
                width: box.width, height: box.height};
      })
    )js");
    EXPECT_GT(figures.size(), 0u);
    for (const Json& figure : figures) {
      const std::string where = view_.name + ": " + figure.at("id").get<std::string>();
      EXPECT_GT(figure.at("parts").get<int>(), 0) << where;
      ASSERT_GT(figure.at("width").get<double>(), 40) << where;
      ASSERT_GT(figure.at("height").get<double>(), 20) << where;
      // Paper and one ink, blended at the edges of letters, already make more.
      EXPECT_GT(colours_of(screenshot(figure)), 8u) << where;
    }
  }

  /// Within a drawing no line of text lies over another or beyond the drawing's edges.
  void expect_legible_drawings() {
    const Json faults = browser_.evaluate(R"js(
      [...document.querySelectorAll('main figure > svg')].filter(s => s.getClientRects().length)
        .flatMap(s => {
          const id = s.closest('figure').id, frame = s.getBoundingClientRect();
          const texts = [...s.querySelectorAll('text')].filter(t => t.textContent).map(
              t => ({text: t.textContent, box: t.getBoundingClientRect()}));
          const faults = texts.filter(t => t.box.left < frame.left - 2 || t.box.top < frame.top - 2 ||
                                           t.box.right > frame.right + 2 ||
                                           t.box.bottom > frame.bottom + 2)
                              .map(t => id + ': beyond the edge: ' + t.text);
          texts.forEach((a, i) => texts.slice(i + 1).forEach(b => {
            const across = Math.min(a.box.right, b.box.right) - Math.max(a.box.left, b.box.left);
            const along = Math.min(a.box.bottom, b.box.bottom) - Math.max(a.box.top, b.box.top);
            if (across > 1 && along > 4) faults.push(id + ': ' + a.text + ' lies over ' + b.text);
          }));
          return faults;
        })
    )js");
    EXPECT_EQ(faults, Json::array()) << view_.name;
  }

  /// The page as a PDF file, on A4 as the style sheet asks.
  std::string pdf() {
    browser_.call("Emulation.setEmulatedMedia", {{"media", ""}});  // a screen's would be printed
    return from_base64(browser_.call("Page.printToPDF", {{"preferCSSPageSize", true}}).at("data"));
  }

  /// A part of the page, in its pixels.
  experiments::Image screenshot(const Json& box) {
    const Json clip = {{"x", box.at("x")},
                       {"y", box.at("y")},
                       {"width", box.at("width")},
                       {"height", box.at("height")},
                       {"scale", 1}};
    const std::string png = from_base64(
        browser_.call("Page.captureScreenshot", {{"clip", clip}, {"captureBeyondViewport", true}})
            .at("data"));
    return experiments::decode_image(bytes_of(png), "screenshot");
  }

  Json evaluate(const std::string& expression) { return browser_.evaluate(expression); }

 private:
  static std::size_t colours_of(const experiments::Image& image) {
    std::set<unsigned> colours;
    for (std::size_t i = 0; i + 2 < image.pixels.size(); i += 3)
      colours.insert(image.pixels[i] * 65536u + image.pixels[i + 1] * 256u + image.pixels[i + 2]);
    return colours.size();
  }

  /// "#14171b" as browsers write it, "rgb(20, 23, 27)".
  static std::string rgb_text(std::string_view colour) {
    std::string text = "rgb(";
    for (std::size_t i = 1; i < 7; i += 2)
      text += std::to_string(std::stoi(std::string(colour.substr(i, 2)), nullptr, 16)) +
              (i < 5 ? ", " : ")");
    return text;
  }

  std::string address_;
  View view_;
  Chromium browser_;
};

/// Every expectation that any report must meet, in every view.
inline void expect_readable_report(const std::filesystem::path& html) {
  ReportInBrowser page(html);
  for (const View& view : all_views()) {
    page.show(view);
    page.expect_nothing_fetched();
    page.expect_colours();
    page.expect_fits_the_width();
    page.expect_no_empty_figure();
    page.expect_legible_drawings();
  }
  EXPECT_TRUE(page.pdf().starts_with("%PDF-"));
}

}  // namespace chainline::test
