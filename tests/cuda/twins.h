#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace chainline::test {

/// What one warp holds after an instruction: values[l] are lane l's registers.
struct TwinDump {
  std::string instruction;
  std::vector<std::vector<std::uint32_t>> values;
};

/// Runs every instruction of cuda/ptx.cuh, and wmma, on inputs that are the same everywhere, and
/// whose sums are exact in any order. exp2_approximate is left out: its bits are not the hardware's.
std::vector<TwinDump> dump_twins();

}  // namespace chainline::test
