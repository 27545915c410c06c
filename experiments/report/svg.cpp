#include "experiments/report/svg.h"

#include <fmt/format.h>

#include "experiments/report/html.h"

namespace chainline::experiments {

namespace {

double letter_width(char c) {
  constexpr std::string_view kNarrow = " ijl.,:;|!'", kSlim = "frt()[]-/", kBroad = "mwMW%@";
  if ((static_cast<unsigned char>(c) & 0xC0) == 0x80) return 0;  // continues a character
  if (kNarrow.find(c) != kNarrow.npos) return 3.8;
  if (kSlim.find(c) != kSlim.npos) return 4.8;
  if (kBroad.find(c) != kBroad.npos) return 11.3;
  const bool small = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
  return small ? 7.5 : 8.6;
}

}  // namespace

double text_width(std::string_view text) {
  double width = 0;
  for (const char c : text) width += letter_width(c);
  return width;
}

std::string at(double value) {
  const std::string text = fmt::format("{:.1f}", value);
  return text == "-0.0" ? "0.0" : text;
}

std::string path(const std::vector<Point>& points) {
  std::string d;
  for (const Point& point : points) d += (d.empty() ? "M" : " L") + at(point.x) + ' ' + at(point.y);
  return d;
}

std::string mark(std::size_t number, double x, double y) {
  if (number == 0)
    return fmt::format("<circle class=\"mark f0\" cx=\"{}\" cy=\"{}\" r=\"4\"/>", at(x), at(y));
  std::vector<Point> corners;
  if (number == 1) corners = {{-3.6, -3.6}, {3.6, -3.6}, {3.6, 3.6}, {-3.6, 3.6}};
  if (number == 2) corners = {{0, -4.8}, {4.6, 3.4}, {-4.6, 3.4}};
  if (number == 3) corners = {{0, -5}, {5, 0}, {0, 5}, {-5, 0}};
  if (number == 4) corners = {{0, 4.8}, {4.6, -3.4}, {-4.6, -3.4}};
  if (number == 5) corners = {{-5, -2.2}, {5, -2.2}, {5, 2.2}, {-5, 2.2}};
  for (Point& corner : corners) corner = {corner.x + x, corner.y + y};
  return fmt::format("<path class=\"mark f{}\" d=\"{} Z\"/>", number, path(corners));
}

std::string svg_text(double x, double y, std::string_view text, Anchor anchor,
                     std::string_view style) {
  const char* const side = anchor == Anchor::start    ? ""
                           : anchor == Anchor::middle ? " text-anchor=\"middle\""
                                                      : " text-anchor=\"end\"";
  return fmt::format("<text{} x=\"{}\" y=\"{}\"{}>{}</text>\n",
                     style.empty() ? "" : fmt::format(" class=\"{}\"", style), at(x), at(y), side,
                     escape_html(text));
}

std::string open_svg(bool narrow, double width, double height, const std::string& figure,
                     const std::string& title, const std::string& description) {
  const std::string name = narrow ? "narrow" : "wide", id = escape_html(figure + '-' + name);
  return fmt::format(
      "<svg class=\"{0}\" viewBox=\"0 0 {1:g} {2:g}\" role=\"img\" aria-labelledby=\"{3}-title "
      "{3}-desc\">\n<title id=\"{3}-title\">{4}</title>\n<desc id=\"{3}-desc\">{5}</desc>\n",
      name, width, height, id, escape_html(title), escape_html(description));
}

double draw_keys(const std::vector<Key>& keys, double left, double right, double y,
                 std::string& svg) {
  double x = left;
  for (const Key& key : keys) {
    const double width = 18 + text_width(key.name);
    if (x > left && x + width > right) x = left, y += kLineHeight + 2;
    svg += fmt::format("<g transform=\"translate({} {})\">{}</g>", at(x), at(y - 4), key.picture) +
           svg_text(x + 17, y, key.name);
    x += width + 14;
  }
  return y + kLineHeight + 2;
}

std::string html_keys(const std::vector<Key>& keys) {
  std::string html = "<ul class=\"legend\">\n";
  for (const Key& key : keys)
    html += "<li><svg viewBox=\"0 0 16 12\" aria-hidden=\"true\"><g transform=\"translate(2 6)\">" +
            key.picture + "</g></svg>" + escape_html(key.name) + "</li>\n";
  return html + "</ul>\n";
}

}  // namespace chainline::experiments
