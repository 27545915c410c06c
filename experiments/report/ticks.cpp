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

Ticks power_ticks(int base, double low, double high, int most) {
  check<ValueError>(
      std::isfinite(low) && std::isfinite(high) && low <= high && most >= 2,
      "power_ticks: range: expected finite bounds in order and at least 2 ticks, got ", low, " .. ",
      high, " and ", most);
  Ticks ticks;
  const auto within = [&](double value) {
    const double power = std::log(value) / std::log(base);
    return power >= low - 1e-9 && power <= high + 1e-9;
  };
  if (base == 10) {
    for (double power = std::floor(low); power <= high + 1; ++power)
      for (const int multiple : {1, 2, 5}) {
        const double value = power < 0 ? multiple / std::pow(10.0, -power)  // rounds once
                                       : multiple * std::pow(10.0, power);
        if (within(value)) ticks.values.push_back(value);
      }
    if (ticks.values.size() > 1 && ticks.values.size() <= static_cast<std::size_t>(most))
      return ticks;
    ticks.values.clear();
  }
  const double first = std::ceil(low - 1e-9), last = std::floor(high + 1e-9);
  double step = 1;
  while (std::floor((last - first) / step) + 1 > most) ++step;
  // Multiples of the step, so that 1 is among them where it lies in the range.
  for (double power = std::ceil(first / step) * step; power <= last; power += step)
    ticks.values.push_back(power < 0 ? 1 / std::pow(base, -power) : std::pow(base, power));
  if (ticks.values.size() > 1) return ticks;
  return nice_ticks(std::pow(base, low), std::pow(base, high), most);
}

}  // namespace chainline::experiments
