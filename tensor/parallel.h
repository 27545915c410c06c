#pragma once

#include <cstdint>
#include <functional>

namespace chainline {

/// Runs body(begin, end) over [0, n) in chunks of `grain`, on the calling thread and the pool's.
///
/// The chunks follow from n and grain only, never from the number of threads, so a result that is
/// a function of its chunk is the same for any number of them. Chunks run in no promised order. A
/// body that calls parallel_for itself runs the inner loop alone. The first exception that a chunk
/// throws is thrown again here, after all chunks have ended.
void parallel_for(std::int64_t n, std::int64_t grain,
                  const std::function<void(std::int64_t, std::int64_t)>& body);

/// The number of threads that parallel_for uses, the caller included: at first the machine's.
int threads();
void set_threads(int n);

/// Threads that a parallel_for called from here would run on: 1 inside the body of another.
int threads_here();

}  // namespace chainline
