// Stops a program that was built for a newer processor with a sentence; without this it would die
// of an illegal instruction, perhaps before main(). CMake compiles this file for every x86-64, and
// it calls nothing compiled otherwise: no inline function of the standard library either, since
// the linker may keep another file's copy of it.

#include <unistd.h>

#include "experiments/processor_needs.h"

#if defined(__x86_64__)

namespace {

template <int n>
[[noreturn]] void stop(const char (&sentence)[n]) {
  constexpr int kDevice = 4;  // the exit code for a machine that cannot do what is asked
  [[maybe_unused]] const auto written = write(STDERR_FILENO, sentence, n - 1);
  _exit(kDevice);
}

// Priority 101 is the first that programs may use: before the initializers of any namespace.
[[gnu::constructor(101)]] void check_processor() {
  __builtin_cpu_init();
  if (chainline_needs_avx2 && !(__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))) {
    stop(
        "chainline: this build needs a processor with AVX2 and FMA; for this one configure with "
        "-DCHAINLINE_ARCH=x86-64 and build again\n");
  }
  if (chainline_needs_avx512 && !__builtin_cpu_supports("avx512f")) {
    stop(
        "chainline: this build needs a processor with AVX-512; for this one configure with "
        "-DCHAINLINE_ARCH=x86-64-v3 and build again\n");
  }
}

}  // namespace

#endif
