#pragma once

#include <functional>
#include <vector>

// Work that is recorded for a graph instead of done: the emulator keeps it as functions.

namespace chainline::emulator {

/// Where work is recorded now, or nullptr where it is done at once.
std::vector<std::function<void()>>* recording();

}  // namespace chainline::emulator
