#include "experiments/report/ticks.h"

#include <algorithm>
#include <cmath>

#include "tensor/error.h"

namespace chainline::experiments {

Ticks nice_ticks(double low, double high, int most) {
  check<ValueError>(std::isfinite(low) && std::isfinite(high) && low <= high && most >= 2,
                    "nice_ticks: range: expected finite bounds in order and at least 2 ticks, got ",
                    low, " .. ", high, " and ", most);
  Ticks ticks;
  if (low == high) {
    ticks.values = {low};
    return ticks;
  }
  // The smallest power of ten whose tenth surely is too fine, then 1, 2, 5, 10, ... of it.
  int power = static_cast<int>(std::floor(std::log10((high - low) / most)));
  for (int multiple = 1;; multiple = multiple == 1 ? 2 : multiple == 2 ? 5 : 1) {
    const auto value = [&](double i) {  // dividing by a power of ten rounds once
      return power < 0 ? i * multiple / std::pow(10.0, -power)
                       : i * multiple * std::pow(10.0, power);
    };
    const double step = value(1);
    // A bound that misses a multiple by rounding alone counts as that multiple.
    const double first = std::ceil(low / step - 1e-9), last = std::floor(high / step + 1e-9);
    if (last - first < most) {
      for (double i = first; i <= last; ++i) ticks.values.push_back(value(i) + 0.0);
      ticks.decimals = std::max(0, -power);
      return ticks;
    }
    if (multiple == 5) ++power;
  }
}

}  // namespace chainline::experiments
