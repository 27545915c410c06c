#pragma once

#include <string>

#include "cuda/fast/attention.h"

/// cuDNN as a contender of attention in the fast class: its fused kernels, asked for by a graph of
/// what they compute. Its `stats` are our lse, so a forward of one contender and a backward of
/// another fit together. Of backwards only those are taken that give the same bits every time.
namespace chainline::cuda::vendor {

/// "cuDNN 9.19.0", by the library that is there, or why there is none.
std::string cudnn_description();

/// It can what is causal only where T = S, where the two ways to align the diagonal are one; and of
/// that what the release at hand has a kernel for on the device at hand.
extern const AttentionContender cudnn;

/// Whether cuDNN has a kernel for an attention, or its gradient, on a device that is not here,
/// described by cuDNN's JSON; for a test on machines without one.
bool cudnn_has_plan(const FastAttention& a, bool backward, const std::string& device);

}  // namespace chainline::cuda::vendor
