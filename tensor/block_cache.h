#pragma once

#include <cstdint>

#include "tensor/device.h"

namespace chainline {

// The caches that storages take their blocks from, one for each device; see also memory_use() in
// tensor/storage.h.

/// How often memory was asked of the device's system since the program began. A training step that
/// finds all its blocks in the cache asks for none.
std::uint64_t system_allocations(Device device = kCpu);

/// Says that the blocks of a whole step are in the caches.
///
/// Until then a storage gets a block of its own size class, so that the same step finds every block
/// again. From then on, where a class has none left, a free block of up to four times the size
/// serves: steps whose texts have other lengths share the blocks that are there.
/// release_cached_memory() starts over.
void settle_block_cache();

// The memory of graphs (tensor/device_graph.h), which they write to at each replay. While there are
// graphs of a device, blocks that were lent to one go to no one else, and not back to the system.

/// From here on blocks are lent to a graph, those first that another graph has done with.
void enter_graph_memory(Device device);
/// The graph is recorded, or `kept` is false and there is none.
void leave_graph_memory(Device device, bool kept);
/// A graph is gone. With the last one its free blocks are everybody's again.
void forget_graph(Device device);

}  // namespace chainline
