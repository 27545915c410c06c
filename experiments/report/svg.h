#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace chainline::experiments {

/// The distance of two lines of that text.
inline constexpr double kLineHeight = 15;

/// Colours and marks that the style sheet has for series and groups: more cannot be told apart.
inline constexpr std::size_t kMaxSeries = 6;

/// How wide a line of the drawing's 12-pixel text is, about: as in DejaVu Sans, which is wider than
/// most fonts that a reader may have.
double text_width(std::string_view text);

/// A place on a drawing.
struct Point {
  double x, y;
};

/// A coordinate with a digit after the point, "-0.0" avoided.
std::string at(double value);

/// "M1.0 2.0 L3.0 4.0" through the points.
std::string path(const std::vector<Point>& points);

/// The mark of series `number`, which has a form of its own besides its colour: disc, square,
/// triangle, diamond, triangle upside down, flat bar.
std::string mark(std::size_t number, double x, double y);

enum class Anchor { start, middle, end };

/// A line of text; `style` is "" or classes of the style sheet. The text is escaped here.
std::string svg_text(double x, double y, std::string_view text, Anchor anchor = Anchor::start,
                     std::string_view style = "");

/// The opening of the wide or the narrow version of a figure's drawing, with the title and the
/// description for those who cannot see it.
std::string open_svg(bool narrow, double width, double height, const std::string& figure,
                     const std::string& title, const std::string& description);

/// A name with a small picture drawn around (6, 0), at most 12 wide.
struct Key {
  std::string picture, name;
};

/// The keys side by side between `left` and `right`, in as many rows as they need; `y` is the base
/// line of the first. Returns the base line of the row that would follow.
double draw_keys(const std::vector<Key>& keys, double left, double right, double y,
                 std::string& svg);

/// The same as a list in HTML, which the style sheet shows on phones.
std::string html_keys(const std::vector<Key>& keys);

}  // namespace chainline::experiments
