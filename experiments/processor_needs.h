#pragma once

/// What the flags of this build demand of the processor. Constants, so that processor_check.cpp,
/// which is compiled with other flags, can read them without running any code.
extern "C" {
extern const bool chainline_needs_avx2;
extern const bool chainline_needs_avx512;
}
