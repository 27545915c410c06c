#pragma once

#include <cstdint>

namespace chainline::nn {

/// Linear warm-up, then half a cosine down to zero:
///
///   rate(s) = peak (s + 1) / W                                for s < W
///   rate(s) = peak (1 + cos(pi (s - W) / (S - W))) / 2        for W <= s < S
///
/// s counts steps from 0, W are the warm-up steps, S all steps.
class WarmupCosine {
 public:
  WarmupCosine(double peak, std::int64_t warmup_steps, std::int64_t total_steps);
  double rate(std::int64_t step) const;

 private:
  double peak_;
  std::int64_t warmup_, total_;
};

}  // namespace chainline::nn
