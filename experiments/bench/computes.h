#pragma once

#include <string>

namespace chainline::experiments {

/// What a benchmarked op computes, in a line; empty for one that nobody described.
std::string computes(const std::string& op);

}  // namespace chainline::experiments
