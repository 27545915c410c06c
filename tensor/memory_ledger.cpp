#include "tensor/memory_ledger.h"

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <map>
#include <mutex>
#include <unordered_map>

#include "tensor/error.h"

namespace chainline {
namespace {

std::atomic<bool> on{false};
thread_local const MemoryScope* innermost = nullptr;

constexpr std::string_view kOther = "other";

}  // namespace

/// The entries of the one ledger. What every holder has at the peak is copied only when the first
/// storage goes after a new peak, so that a rise of a thousand storages costs one copy.
struct MemoryEntries {
  struct Holder {
    std::size_t now = 0, at_peak = 0;
  };
  struct Entry {
    std::size_t bytes;
    Holder* holder;
    std::uint64_t number;
  };

  std::mutex mutex;
  std::unordered_map<const Storage*, Entry> entries;
  std::map<std::string, Holder, std::less<>> holders;
  std::size_t total = 0;
  std::uint64_t entered = 0, entered_at_peak = 0;
  bool copied = true;  // every at_peak is of the newest peak
  MemoryPeak peak;
  std::string period;

  Holder* of(std::string_view name) {
    const auto found = holders.find(name);
    return found != holders.end() ? &found->second : &holders.emplace(name, Holder{}).first->second;
  }

  void enter(const Storage& storage, std::size_t bytes) {
    const MemoryScope* scope = innermost;
    const std::string_view holder = scope == nullptr ? kOther : std::string_view(scope->holder_);
    const Entry entry{bytes, of(holder), ++entered};
    entries[&storage] = entry;
    entry.holder->now += bytes;
    total += bytes;
    if (total <= peak.bytes) return;
    peak.bytes = total;
    peak.op = holder;
    while (scope != nullptr && scope->module_.empty()) scope = scope->before_;
    peak.module = scope == nullptr ? "" : scope->module_;
    peak.period = period;
    entered_at_peak = entered;
    copied = false;
  }

  void copy() {
    for (auto& [name, holder] : holders) holder.at_peak = holder.now;
    copied = true;
  }

  void leave(const Storage& storage) {
    const auto found = entries.find(&storage);
    if (found == entries.end()) return;
    if (!copied) copy();
    found->second.holder->now -= found->second.bytes;
    total -= found->second.bytes;
    entries.erase(found);
  }

  void name(const Storage& storage, std::string_view op, std::string_view module) {
    const auto found = entries.find(&storage);
    Holder* const nobody = of(kOther);
    if (found == entries.end() || found->second.holder != nobody) return;
    Entry& entry = found->second;
    entry.holder = of(op);
    nobody->now -= entry.bytes;
    entry.holder->now += entry.bytes;
    if (entry.number == entered_at_peak) {
      peak.op = op;
      peak.module = module;
    }
    if (copied && entry.number <= entered_at_peak) {  // it was there at the peak, still nameless
      nobody->at_peak -= entry.bytes;
      entry.holder->at_peak += entry.bytes;
    }
  }

  void clear() {
    entries.clear();
    holders.clear();
    total = 0;
    entered = entered_at_peak = 0;
    copied = true;
    peak = {};
    period.clear();
  }
};

namespace {

/// Never destroyed, as the storages that it counts may outlive every other object.
MemoryEntries& all() {
  static MemoryEntries* const instance = new MemoryEntries;
  return *instance;
}

}  // namespace

MemoryLedger::MemoryLedger() {
  const std::lock_guard lock(all().mutex);
  check<ValueError>(!on, "memory_ledger: expected one at a time, got a second one");
  all().clear();
  on = true;
}

MemoryLedger::~MemoryLedger() { on = false; }

MemoryPeak MemoryLedger::peak() const {
  const std::lock_guard lock(all().mutex);
  if (!all().copied) all().copy();
  MemoryPeak peak = all().peak;
  for (const auto& [name, holder] : all().holders) {
    if (holder.at_peak > 0) peak.holders.push_back({name, holder.at_peak});
  }
  std::stable_sort(peak.holders.begin(), peak.holders.end(),
                   [](const auto& a, const auto& b) { return a.bytes > b.bytes; });
  return peak;
}

MemoryScope::MemoryScope(std::string_view prefix, std::string_view holder, std::string_view module)
    : entered_(on.load(std::memory_order_relaxed)) {
  if (!entered_) return;
  holder_.append(prefix).append(holder);
  module_ = module;
  before_ = innermost;
  innermost = this;
}

MemoryScope::~MemoryScope() {
  if (entered_) innermost = before_;
}

void name_memory(const Storage& storage, std::string_view op, std::string_view module) {
  if (!on.load(std::memory_order_relaxed)) return;
  const std::lock_guard lock(all().mutex);
  all().name(storage, op, module);
}

void begin_memory_period(std::string_view name) {
  if (!on.load(std::memory_order_relaxed)) return;
  const std::lock_guard lock(all().mutex);
  all().period = name;
}

void enter_memory(const Storage& storage, std::size_t bytes) {
  if (!on.load(std::memory_order_relaxed)) return;
  const std::lock_guard lock(all().mutex);
  all().enter(storage, bytes);
}

void leave_memory(const Storage& storage) noexcept {
  if (!on.load(std::memory_order_relaxed)) return;
  const std::lock_guard lock(all().mutex);
  all().leave(storage);
}

}  // namespace chainline
