#pragma once

#include <cstdint>
#include <vector>

#include "experiments/probing/probe.h"

namespace chainline::experiments {

/// What the fine-tuned state H tells about the label beyond the base model's state B of the same
/// pictures (or beyond their pixels), as far as a linear probe can use it (conditional
/// V-information; Hewitt and others, 2021):
///
///     I(H -> Y | B) = H(Y | B) - H(Y | B, H),   H(Y | .) = mean -log2 p(y | .) of held-out users
///
/// The probe of [B ; 0] is that of B: a constant feature has no weight.
struct ConditionalProbe {
  double base_bits = 0;             // H(Y | B)
  double joint_bits = 0;            // H(Y | B, H)
  double information = 0;           // the difference, bits of an item
  Interval interval;                // 95 %, bootstrap over users within their class
  Control control;                  // information under relabelled users
  std::int64_t joint_folds = 0;     // that chose [B ; H]; all without a c_grid
  std::vector<double> differences;  // (items) bits of the base less those of both
  FitQuality quality;
};

/// Users (and images) are held out in the folds of leave_users_out_probe(). With a c_grid, which is
/// how it should be used, every fold chooses among B and [B ; H], each with its own c, by the inner
/// loss: a predictive family must be free to ignore what it is given, or features that tell nothing
/// would cost bits. Of equal losses B is taken.
///
/// The control relabels users: then neither state tells anything. Its p-value is exact where cards
/// were dealt to the classes at random, so that B tells nothing about Y either.
///
/// **Errors** as leave_users_out_probe(); ShapeError or ValueError when the two are not the states
/// of the same items, in the same order.
ConditionalProbe conditional_probe(const ProbeItems& base, const ProbeItems& tuned,
                                   const ProbeOptions& options);

}  // namespace chainline::experiments
