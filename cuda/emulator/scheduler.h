#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "cuda/emulator/vector_types.h"
#include "tensor/error.h"

/// The index variables of CUDA. They are plain variables, which the scheduler sets whenever another
/// thread goes on, so that debuggers show them and stop on conditions about them. Without constinit
/// each use would call a function that asks whether they are initialized.
extern constinit thread_local uint3 threadIdx;
extern constinit thread_local uint3 blockIdx;
extern constinit thread_local dim3 blockDim;
extern constinit thread_local dim3 gridDim;

namespace chainline::emulator {

/// What a kernel did wrong, with thread and source line. Whoever launched it gets it, as CUDA's
/// device errors are DeviceErrors too.
class KernelError : public DeviceError {
  using DeviceError::DeviceError;
};

/// In which order the threads of a block run between two points where they wait for each other, and
/// the blocks of a grid. A correct kernel gives the same bits in each.
enum class Order { index, reverse, random };

/// How kernels run. At first it is what the environment says:
///
///   CHAINLINE_EMULATOR_ORDER     index (default), reverse, or the seed of a random order
///   CHAINLINE_EMULATOR_WORKERS   how many OS threads take blocks, 1 by default
///
/// Errors   ValueError at the first use, for values that are none of these
struct Settings {
  Order order = Order::index;
  std::uint64_t seed = 0;
  int workers = 1;
  /// Hardware since Volta lets threads return while others wait at a barrier. It is refused unless
  /// this is set: more often than not the return was meant to guard a store.
  bool allow_early_return = false;
  /// How much memory the emulated device has.
  std::size_t memory_bytes = std::size_t{4} << 30;
};
const Settings& settings();
void set_settings(const Settings& settings);

/// A line of a kernel's source, from __builtin_FILE() and __builtin_LINE() at the call.
struct Where {
  const char* file = nullptr;
  int line = 0;
};

struct Grid {
  dim3 grid, block;
  std::size_t shared_bytes = 0;  // of dynamic shared memory
};

/// Runs kernel(arguments) once for each thread of the grid and comes back when all have returned.
///
/// Errors   DeviceError for a grid that no GPU would take, KernelError for what a kernel did wrong
///          (its threads are unwound), and whatever a kernel throws
void run_grid(const Grid& grid, void (*kernel)(const void* arguments), const void* arguments);

/// The most bytes of shared memory that a block may have: 227 KiB, as on compute capability 9.0.
inline constexpr std::size_t kMaxSharedBytes = 232448;

// The rest is called by kernels, through the names of CUDA in language.h.

inline constexpr unsigned kLanes = 32;
inline constexpr unsigned kFullMask = 0xffffffffu;

enum class Vote { none, all, any, count };

/// Waits until all threads of the block are here. With a vote, the answer over all predicates.
int block_barrier(Vote vote, int predicate, const char* name, Where where);

/// Lanes of a warp that come together, each with a pointer to what it brings.
struct Meeting {
  unsigned mask = 0;     // lanes that were asked for, as far as the block has them
  unsigned arrived = 0;  // all of them when `all` is called, but for allow_early_return
  const char* name = nullptr;
  void (*all)(const Meeting&) = nullptr;
  void* operands[kLanes] = {};
  Where where[kLanes] = {};
};

/// Waits until all lanes in mask have called it with this mask and name. The last one to come calls
/// all(meeting), unless it is null, before any goes on.
void meet(unsigned mask, const char* name, void* operand, void (*all)(const Meeting&), Where where);

/// Value exchange of the warp: the bits that lane `source` brought to the meeting.
std::uint64_t shuffle(unsigned mask, std::uint64_t bits, unsigned source, const char* name,
                      Where where);
/// A mask of the lanes whose predicate is not zero.
unsigned ballot(unsigned mask, bool predicate, const char* name, Where where);
/// Only waits; what lanes wrote before it, the others see after it.
void warp_barrier(unsigned mask, Where where);

/// The lane of the calling thread: the lowest five bits of its number in the block.
unsigned lane();
unsigned thread_number();

/// Lets others run. A kernel that waits for another thread's store must call it (__nanosleep).
void pause(Where where);

/// Copies from global to shared memory when the caller waits for it, and not before; `zeros` bytes
/// behind are filled.
void async_copy(void* shared, const void* global, std::size_t bytes, std::size_t zeros);
void async_commit();
void async_wait(std::size_t pending_groups);

/// Throws a KernelError that begins with the block, thread and line of the caller.
[[noreturn]] void fail(const char* name, Where where, const std::string& what);

/// The dynamic shared memory of the block: exactly the launch's size, so that AddressSanitizer sees
/// the first byte behind it, and filled with 0xff, which reads as NaN.
void* dynamic_shared_memory();
std::size_t dynamic_shared_bytes();

/// "(1,2,3)"
std::string text(uint3 index);
/// "layer_norm.cu:12"
std::string text(Where where);

}  // namespace chainline::emulator
