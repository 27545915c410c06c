#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace chainline {

class Storage;

/// Memory of one holder.
struct HeldMemory {
  std::string holder;
  std::size_t bytes = 0;
};

/// The moment at which most memory was in use.
struct MemoryPeak {
  std::size_t bytes = 0;
  std::vector<HeldMemory> holders;  ///< most bytes first; they add up
  std::string op;                   ///< what was being computed
  std::string module;               ///< where in the model; empty outside of modules
  std::string period;               ///< begin_memory_period()'s
};

/// While it lives, every new storage is entered under its holder: the innermost MemoryScope, or the
/// op that returned or saved its value first, or "other". There can be one at a time.
///
///   MemoryLedger ledger;
///   train();
///   for (const HeldMemory& held : ledger.peak().holders) print(held);
///
/// Units    bytes of whole blocks, as memory_use() counts them; storages that were there before
///          are not counted
/// Errors   ValueError when there is one already
class MemoryLedger {
 public:
  MemoryLedger();
  ~MemoryLedger();
  MemoryLedger(const MemoryLedger&) = delete;
  MemoryLedger& operator=(const MemoryLedger&) = delete;

  /// The peak since the ledger began.
  MemoryPeak peak() const;
};

/// Names the holder of what this thread allocates while it lives ("parameters", "images"), and the
/// module if it is known. Nests. Costs one look at a flag while there is no ledger.
class MemoryScope {
 public:
  explicit MemoryScope(std::string_view holder) : MemoryScope("", holder, "") {}
  /// "gradient of linear": a prefix and a name that are joined only if there is a ledger.
  MemoryScope(std::string_view prefix, std::string_view holder, std::string_view module);
  ~MemoryScope();
  MemoryScope(const MemoryScope&) = delete;
  MemoryScope& operator=(const MemoryScope&) = delete;

 private:
  friend struct MemoryEntries;
  bool entered_ = false;
  std::string holder_, module_;
  const MemoryScope* before_ = nullptr;
};

/// Says that an op made this value. It counts if nobody was named before.
void name_memory(const Storage& storage, std::string_view op, std::string_view module);

/// Names the time from now on, such as "step 3", for MemoryPeak.
void begin_memory_period(std::string_view name);

// --- the storage's side ---
void enter_memory(const Storage& storage, std::size_t bytes);
void leave_memory(const Storage& storage) noexcept;

}  // namespace chainline
