#pragma once

#include <functional>
#include <span>
#include <vector>

namespace chainline::experiments {

struct NelderMeadOptions {
  double step = 0.1;               // of the first simplex along each axis
  double value_tolerance = 1e-13;  // of f over the simplex; both tolerances must hold
  double place_tolerance = 1e-7;   // of every coordinate over the simplex
  int max_evaluations = 2000;      // over all restarts
};

struct Minimum {
  std::vector<double> at;
  double value = 0;
  bool converged = false;  // false: max_evaluations came first, and `at` is the best seen
  int evaluations = 0;
};

/// Minimises f without derivatives: a simplex of d + 1 points is reflected (1), stretched (2),
/// contracted (1/2) and shrunk (1/2). A simplex can collapse beside the minimum, so it is built
/// anew around what it found until that finds nothing lower than the value tolerance.
///
/// A value that is NaN counts as +infinity: f may refuse places by either.
///
/// **Errors** ValueError for no coordinates, a step that is not positive, or f(start) not finite.
/// **Bits** a function of f, the start and the options; nothing is drawn.
/// **Source** Nelder and Mead (1965); Lagarias, Reeds, Wright and Wright (1998)
Minimum nelder_mead(const std::function<double(std::span<const double>)>& f,
                    std::vector<double> start, const NelderMeadOptions& options = {});

}  // namespace chainline::experiments
