#pragma once

#include <string>
#include <string_view>

namespace chainline::experiments {

/// The colours of light screens and paper, and of dark screens.
enum class Theme { light, dark };

/// "#rrggbb" of a name of the style sheet, as s0 .. s5 for the series.
///
/// **Errors** ValueError for a name that it lacks.
std::string_view theme_colour(Theme theme, std::string_view name);

/// The style sheet of a report. It knows light and dark screens, phones and paper.
std::string page_style();

/// The style sheet of a drawing alone, light, without variables, which not all programs know that
/// draw SVG.
std::string drawing_style();

}  // namespace chainline::experiments
