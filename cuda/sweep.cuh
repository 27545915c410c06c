#pragma once

#include <cstdint>
#include <utility>
#include <vector>

#include "cuda/grid.cuh"

// One launch for many tensors, as if they were one: hundreds of parameters, most of them small, cost
// as much as one large one. The table of the tensors travels with the launch's arguments, for which
// there are 32764 bytes; tensors beyond those of a table get another launch.

namespace chainline::cuda {

/// Some tensors cut into chunks of kChunk elements. Entry says where a tensor lies, and its `n` how
/// many elements it has.
template <class Entry, int kChunkSize>
struct SweepTable {
  static constexpr std::int64_t kChunk = kChunkSize;
  static constexpr int kMost = static_cast<int>(32000 / (sizeof(Entry) + sizeof(std::int64_t)));

  int count = 0;
  std::int64_t ends[kMost];  // chunks up to and with each tensor's
  Entry entries[kMost];

  std::int64_t chunks() const { return count == 0 ? 0 : ends[count - 1]; }

  /// The tensor that chunk number c lies in.
  __device__ int tensor_of(std::int64_t c) const {
    int low = 0, high = count - 1;
    while (low < high) {
      const int middle = (low + high) / 2;
      if (ends[middle] > c) {
        high = middle;
      } else {
        low = middle + 1;
      }
    }
    return low;
  }
  /// Its first chunk.
  __device__ std::int64_t first_chunk(int tensor) const {
    return tensor == 0 ? 0 : ends[tensor - 1];
  }
};

/// Calls f(table, number of its first tensor) with tables that have all the entries but the empty
/// ones, in their order.
template <class Table, class Entry, class F>
void for_each_table(const std::vector<Entry>& entries, const F& f) {
  Table table;
  std::int64_t first = 0;
  for (const Entry& e : entries) {
    table.ends[table.count] = table.chunks() + (e.n + Table::kChunk - 1) / Table::kChunk;
    table.entries[table.count] = e;
    if (++table.count < Table::kMost) continue;
    f(std::as_const(table), first);
    first += table.count;
    table.count = 0;
  }
  if (table.count > 0) f(std::as_const(table), first);
}

template <class Entry, class F>
__global__ void sweep_kernel(const __grid_constant__ SweepTable<Entry, 1024> table, F f) {
  using Table = SweepTable<Entry, 1024>;
  for (std::int64_t c = blockIdx.x; c < table.ends[table.count - 1]; c += gridDim.x) {
    const int tensor = table.tensor_of(c);
    const Entry& entry = table.entries[tensor];
    const std::int64_t begin = (c - table.first_chunk(tensor)) * Table::kChunk;
    const std::int64_t rest = entry.n - begin,
                       end = begin + (rest < Table::kChunk ? rest : Table::kChunk);
#pragma unroll 4
    for (std::int64_t i = begin + threadIdx.x; i < end; i += blockDim.x) f(entry, i);
  }
}

/// f(entry, i) for each element i < entry.n of each entry, a thread each. F is a struct whose
/// operator() runs on the device.
template <class Entry, class F>
void sweep(const std::vector<Entry>& entries, const F& f) {
  using Table = SweepTable<Entry, 1024>;
  for_each_table<Table>(entries, [&](const Table& table, std::int64_t) {
    const std::int64_t chunks = table.chunks();
    if (chunks == 0) return;
    constexpr std::int64_t kMostBlocks = 1 << 16;
    launch({dim3(static_cast<unsigned>(chunks < kMostBlocks ? chunks : kMostBlocks)),
            dim3(kThreads), 0, stream()},
           &sweep_kernel<Entry, F>, table, f);
  });
}

}  // namespace chainline::cuda
