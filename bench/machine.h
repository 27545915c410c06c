#pragma once

#include <string>

#include "tensor/isa.h"

namespace chainline::bench {

/// What this machine can do at the moment, measured in the same run as the figures that are given
/// as shares of it.
///
/// The processor time of the calling thread is what one thread is measured by, so that the
/// neighbours on a shared machine take less part; several threads are measured by the wall's clock.
class Stopwatch {
 public:
  explicit Stopwatch(int threads);
  /// Seconds since it was made.
  double seconds() const;

 private:
  int clock_;
  double start_;
};

/// The most f32 operations per second of `threads` threads that do nothing but fused multiply-adds
/// on registers, with the instructions of `isa`; a multiply-add counts as two. The best of 20
/// trials; measured once and then remembered.
///
/// Without an instruction for it (scalar, on x86-64) a fused multiply-add is a call of the C
/// library, as it is in the library's kernels.
double fma_peak(Isa isa, int threads);

/// Bytes per second of `threads` threads that copy a block of 128 MiB, far beyond the caches; a
/// byte counts twice, once read and once written. The best of 8 trials; measured once.
double copy_bandwidth(int threads);

/// The processor's name as the system gives it, and the load of the last minute.
std::string processor_name();
double load_average();

/// The most memory that the process ever held, in bytes, since the last reset. Zero, and no reset,
/// where the system doesn't say.
double peak_resident_bytes();
void reset_peak_resident_bytes();

}  // namespace chainline::bench
