#pragma once

#include <string>
#include <vector>

#include "cuda/emulator/scheduler.h"

namespace chainline::emulator {

/// The lines of the instructions before these return addresses, as "layer_norm.cu:12"; where there
/// is no debug information, or no addr2line, the address itself.
std::vector<std::string> source_lines(const std::vector<const void*>& return_addresses);

}  // namespace chainline::emulator
