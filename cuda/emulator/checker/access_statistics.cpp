#include "cuda/emulator/checker/access_statistics.h"

#include <algorithm>
#include <cstdio>
#include <set>
#include <tuple>

#include "cuda/emulator/checker/source_lines.h"

namespace chainline::emulator {
namespace {

constexpr std::uintptr_t kBanks = 32, kWordBytes = 4, kSectorBytes = 32;

struct Cost {
  std::uint64_t units = 0, ideal = 0;
};

Cost bank_cycles(const std::vector<std::uintptr_t>& addresses, std::size_t bytes) {
  std::set<std::uintptr_t> words;
  for (const std::uintptr_t a : addresses) {
    for (std::uintptr_t w = a / kWordBytes; w <= (a + bytes - 1) / kWordBytes; ++w) words.insert(w);
  }
  std::array<std::uint64_t, kBanks> in_bank{};
  for (const std::uintptr_t w : words) ++in_bank[w % kBanks];
  return {*std::max_element(in_bank.begin(), in_bank.end()), (words.size() + kBanks - 1) / kBanks};
}

Cost sectors(const std::vector<std::uintptr_t>& addresses, std::size_t bytes) {
  std::set<std::uintptr_t> touched, places(addresses.begin(), addresses.end());
  for (const std::uintptr_t a : places) {
    for (std::uintptr_t s = a / kSectorBytes; s <= (a + bytes - 1) / kSectorBytes; ++s) {
      touched.insert(s);
    }
  }
  return {touched.size(), (places.size() * bytes + kSectorBytes - 1) / kSectorBytes};
}

}  // namespace

AccessStatistics::AccessStatistics() { race_checker().set_statistics(this); }
AccessStatistics::~AccessStatistics() { race_checker().set_statistics(nullptr); }

void AccessStatistics::record(const void* return_address, Memory memory, Access kind,
                              unsigned thread, const void* address, std::size_t bytes) {
  Site& site = sites_[{return_address, memory, kind}];
  if (site.executions.empty()) {
    site.executions.resize(kMaxThreads);
    site.by_warp.resize(kMaxThreads / kLanes);
  }
  const std::size_t k = site.executions[thread]++;
  std::vector<WarpAccess>& accesses = site.by_warp[thread / kLanes];
  if (k >= accesses.size()) accesses.resize(k + 1);
  WarpAccess& access = accesses[k];
  access.address[thread % kLanes] = reinterpret_cast<std::uintptr_t>(address);
  access.lanes |= 1u << (thread % kLanes);
  access.bytes = static_cast<std::uint8_t>(bytes);
}

void AccessStatistics::block_ends() {
  std::vector<std::uintptr_t> addresses;
  for (auto& [key, site] : sites_) {
    const bool shared = std::get<Memory>(key) == Memory::shared;
    for (std::vector<WarpAccess>& accesses : site.by_warp) {
      for (const WarpAccess& access : accesses) {
        ++site.warp_accesses;
        const unsigned group = !shared || access.bytes <= 4 ? kLanes
                               : access.bytes <= 8          ? kLanes / 2
                                                            : kLanes / 4;
        for (unsigned first = 0; first < kLanes; first += group) {
          addresses.clear();
          for (unsigned l = first; l < first + group; ++l) {
            if ((access.lanes >> l & 1) != 0) addresses.push_back(access.address[l]);
          }
          if (addresses.empty()) continue;
          const Cost cost =
              shared ? bank_cycles(addresses, access.bytes) : sectors(addresses, access.bytes);
          site.units += cost.units;
          site.ideal += cost.ideal;
        }
      }
      accesses.clear();
    }
    std::fill(site.executions.begin(), site.executions.end(), 0u);
  }
}

std::vector<LineStatistics> AccessStatistics::lines() {
  block_ends();
  std::vector<const void*> addresses;
  for (const auto& [key, site] : sites_) addresses.push_back(std::get<0>(key));
  const std::vector<std::string> texts = source_lines(addresses);
  struct Sum {
    std::uint64_t warp_accesses = 0, units = 0, ideal = 0;
  };
  std::map<std::tuple<std::string, Memory, Access>, Sum> sums;  // a line may have many instructions
  auto text = texts.begin();
  for (const auto& [key, site] : sites_) {
    Sum& sum = sums[{*text++, std::get<Memory>(key), std::get<Access>(key)}];
    sum.warp_accesses += site.warp_accesses;
    sum.units += site.units;
    sum.ideal += site.ideal;
  }
  std::vector<LineStatistics> result;
  for (const auto& [key, sum] : sums) {
    const auto& [line, memory, kind] = key;
    const auto count = static_cast<double>(sum.warp_accesses);
    result.push_back({line, memory, kind, sum.warp_accesses, static_cast<double>(sum.units) / count,
                      static_cast<double>(sum.ideal) / count});
  }
  return result;
}

std::string AccessStatistics::table() {
  std::string all;
  for (const LineStatistics& l : lines()) {
    const bool shared = l.memory == Memory::shared;
    char row[160];
    std::snprintf(row, sizeof(row),
                  "%-20s %s %s: %6llu warp accesses, %5.2f %s each (ideal %.2f)\n", l.line.c_str(),
                  shared ? "shared" : "global", l.kind == Access::read ? "read " : "write",
                  static_cast<unsigned long long>(l.warp_accesses), l.each,
                  shared ? "bank cycles" : "sectors", l.ideal);
    all += row;
  }
  return all;
}

}  // namespace chainline::emulator
