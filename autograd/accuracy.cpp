#include "autograd/accuracy.h"

#include <cmath>
#include <limits>

namespace chainline {
namespace {

Variables constants(const std::vector<Tensor>& values) { return {values.begin(), values.end()}; }

}  // namespace

Accuracy measure_accuracy(const OpCase& c) {
  const NoGradGuard off;
  std::vector<Tensor> inputs, same_in_f64;
  for (const Tensor& x : c.inputs) {
    inputs.push_back(x.to(DType::f32));
    same_in_f64.push_back(inputs.back().to(DType::f64));
  }
  const Variables computed = c.run(constants(inputs)), exact = c.run(constants(same_in_f64));
  Accuracy worst;
  for (std::size_t k = 0; k < exact.size(); ++k) {
    const std::vector<double> got = computed[k].value().to(DType::f64).to_vector<double>();
    const std::vector<double> want = exact[k].value().to_vector<double>();
    const std::vector<double> bounds = c.bound.of(same_in_f64, exact[k].value());
    check<ShapeError>(got.size() == want.size() && bounds.size() == want.size(),
                      "measure_accuracy: ", c.title(), ": expected ", want.size(),
                      " numbers and bounds, got ", got.size(), " and ", bounds.size());
    for (std::size_t i = 0; i < want.size(); ++i) {
      const double error = std::abs(got[i] - want[i]), ulp = f32_ulp(want[i]);
      // f64 rounds as f32 does, 2^-29 as much.
      const double bound = bounds[i] * (1 + 0x1p-28);
      double share = error == 0 ? 0 : error / bound;
      // No case has one: a NaN is an error without bound.
      if (std::isnan(share)) share = std::numeric_limits<double>::infinity();
      worst.share = std::max(worst.share, share);
      if (!(error / ulp <= worst.ulps)) {
        worst.ulps = error / ulp;
        worst.bound = bound / ulp;
      }
    }
  }
  return worst;
}

}  // namespace chainline
