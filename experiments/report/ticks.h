#pragma once

#include <vector>

namespace chainline::experiments {

/// Round numbers that divide a range: multiples of 1, 2 or 5 times a power of ten.
struct Ticks {
  std::vector<double> values;
  int decimals = 0;  // that write every value exactly
};

/// The finest ticks of [low, high] that are at most `most`.
///
/// **Errors** ValueError for low > high, a non-finite bound or most < 2.
Ticks nice_ticks(double low, double high, int most);

/// At most `most` ticks of a logarithmic axis between base^low and base^high: powers of the base,
/// every one, every second, ...; for base 10 also 2 and 5 times the powers where that leaves few
/// enough. Where no two would fit, round numbers as of nice_ticks.
///
/// **Errors** those of nice_ticks.
Ticks power_ticks(int base, double low, double high, int most);

}  // namespace chainline::experiments
