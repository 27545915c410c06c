#pragma once

#include <string>
#include <vector>

#include "autograd/variable.h"

namespace chainline {

struct GradientCheckOptions {
  int order = 2;           ///< 1 checks the gradient, 2 also the gradient of the gradient, ...
  std::uint64_t seed = 7;  ///< of the random directions
  double step = 1e-2;      ///< the largest step of the differences
};

/// What one order of a check found: <v, J u> by differences and by backward, their distance and
/// the bound it is held to.
struct GradientCheckOrder {
  int order = 0;
  double numeric = 0, backward = 0, error = 0, bound = 0;
  bool ok = false;
};

struct GradientCheck {
  std::vector<GradientCheckOrder> orders;
  bool ok() const;
  /// The check that came closest to its bound, or went furthest beyond it.
  const GradientCheckOrder& worst() const;
  /// A sentence for a test's failure message.
  std::string describe() const;
};

/// Compares <v, J u> computed two ways, in f64, for random directions u and v: J u by central
/// differences of f, and J^T v by backward. One number stands for the whole Jacobian, so it costs
/// a few forwards and one backward whatever the size. Each further order checks the backward of
/// the order below as the function (inputs, v) -> J^T v.
///
///   D(h) = <v, f(x + h u) - f(x - h u)> / 2h,  extrapolated from h, h/2, h/4, ... (Romberg) until
///   two estimates agree best; bound = the distance of those two + the rounding of that difference
///   quotient + the rounding of backward
///
/// The bound follows from the data: the truncation that the extrapolation itself shows, and
/// 2^-53 times the magnitudes that were summed, those of the inputs times their gradients among
/// them, divided by the step. A bound above 1e-6 of the
/// magnitude is too blunt to tell right from wrong, and fails the check.
///
/// DTypes   f64 inputs with a gradient; anything else belongs into the closure
/// Errors   DTypeError for other inputs; AutogradError from the function's own rules
/// Bits     the same for any number of threads; directions are functions of the seed
/// Source   the projection is that of HIPS/autograd's check_vjp; Romberg (1955)
GradientCheck check_gradients(const Function& f, const std::vector<Tensor>& at,
                              const GradientCheckOptions& options = {});

}  // namespace chainline
