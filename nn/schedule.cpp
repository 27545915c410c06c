#include "nn/schedule.h"

#include <numbers>

#include "tensor/error.h"
#include "tensor/math.h"

namespace chainline::nn {

WarmupCosine::WarmupCosine(double peak, std::int64_t warmup_steps, std::int64_t total_steps)
    : peak_(peak), warmup_(warmup_steps), total_(total_steps) {
  check<ValueError>(warmup_steps >= 0 && total_steps >= 1 && warmup_steps <= total_steps,
                    "schedule: expected 0 <= warm-up steps <= steps, got ", warmup_steps, " of ",
                    total_steps);
}

double WarmupCosine::rate(std::int64_t step) const {
  if (step < warmup_) {
    return peak_ * static_cast<double>(step + 1) / static_cast<double>(warmup_);
  }
  if (step >= total_) return 0;
  const double progress =
      static_cast<double>(step - warmup_) / static_cast<double>(total_ - warmup_);
  return peak_ * (1 + math::cos(std::numbers::pi * progress)) / 2;
}

}  // namespace chainline::nn
