#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>

#include "experiments/data/json.h"
#include "experiments/study/study.h"

namespace chainline::experiments {

/// Twins: two fine-tunings that share every stream and differ in nothing but the watermarks of a few
/// named samples.
struct TwinSpec {
  std::uint32_t run = 0;
  std::int64_t samples =
      32;  // whose watermark the second twin lacks: the first so many marked ones
  std::int64_t lora_rank = 16;
};

/// {"run", "condition", "samples", "steps", "groups", "weights": [by group][by step], "gradients":
///  same, "identical_rerun", "max_difference_at_rate_0"}
///
/// weights and gradients are relative differences (TwinCurves) of a W100 run and the same without the
/// samples' watermarks. At rate 0 the two lack nothing: they are trained as well, and must be equal in
/// every bit and differ by exactly zero.
Json do_twins(const Study& study, const TwinSpec& spec, const std::filesystem::path& base,
              const std::function<void(double)>& progress);

}  // namespace chainline::experiments
