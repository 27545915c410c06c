#pragma once

#include <cstdint>
#include <vector>

#include "experiments/probing/probe.h"

namespace chainline::experiments {

/// How few bits the labels need for one who has the states: the online code of Voita and Titov
/// (2020). The sender fits a probe on what was sent and codes the next block by it:
///
///     L = t_1 log2 2 - sum_i log2 p_theta_i(y of block i | x),   compression = n log2 2 / L
///
/// It rewards a probe that needs few examples, which accuracy at the end does not.
struct DescriptionLength {
  struct Block {
    std::int64_t users = 0, items = 0;  // in the block
    double bits = 0;                    // for its labels
    double c = 0;                       // of the probe; 0: sent by the uniform code
  };
  std::vector<Block> blocks;
  double bits = 0;         // L
  double compression = 0;  // 1: as long as the labels themselves
  Control control;         // compressions under relabelled users
  FitQuality quality;
};

/// Blocks are of users, in an order drawn without regard to their labels, and end at 0.1, 0.2, 0.4,
/// 0.8, 1.6, 3.2, 6.25, 12.5, 25, 50 and 100 % of them (rounded up; equal ends are one). The probe
/// of a block is fitted, on standardized features, to the items of all earlier users that share no
/// image with the block (unless hold_out_images is off); where those have one class alone, the
/// block is sent by the uniform code, as the first one is.
///
/// With a c_grid a block takes the c that would have coded the earlier blocks in the fewest bits,
/// which the receiver can work out as well; the first one, and of equal ones, the smallest.
///
/// The control gives the users other labels and keeps the order, so its p-value is exact.
///
/// **Errors** as replica_probe() for items; ValueError for users of one class alone.
DescriptionLength description_length(const ProbeItems& items, const ProbeOptions& options);

}  // namespace chainline::experiments
