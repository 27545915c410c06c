#include "tensor/isa.h"

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <sstream>
#include <string>

#include "tensor/error.h"

namespace chainline {
namespace {

constexpr Isa kAll[] = {Isa::scalar,
#if defined(__x86_64__)
                        Isa::avx2, Isa::avx512
#elif defined(__aarch64__)
                        Isa::neon
#endif
};

/// Whether this processor runs what CMakeLists.txt lets the compiler use for the set.
bool available(Isa isa) {
#if defined(__x86_64__)
  // The levels v3 and v4 of the x86-64 psABI, by the features that tell processors apart.
  const bool v3 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") &&
                  __builtin_cpu_supports("bmi") && __builtin_cpu_supports("bmi2");
  const bool v4 = v3 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                  __builtin_cpu_supports("avx512cd") && __builtin_cpu_supports("avx512dq") &&
                  __builtin_cpu_supports("avx512vl");
  if (isa == Isa::avx2) return v3;
  return isa == Isa::scalar || v4;
#else
  return isa == Isa::scalar || kIsas == 2;  // every 64-bit ARM has NEON
#endif
}

std::string names(const std::vector<Isa>& isas) {
  std::ostringstream text;
  for (std::size_t i = 0; i < isas.size(); ++i)
    text << (i == 0 ? "" : i + 1 == isas.size() ? " or " : ", ") << name(isas[i]);
  return text.str();
}

void check_available(Isa isa, const char* who) {
  check<DeviceError>(available(isa), who, ": expected one that this processor has, ",
                     names(available_isas()), ", got ", name(isa));
}

Isa chosen_at_start() {
  const char* wanted = std::getenv("CHAINLINE_ISA");
  if (wanted == nullptr || *wanted == '\0') return available_isas().back();
  const auto* const found =
      std::find_if(std::begin(kAll), std::end(kAll), [&](Isa isa) { return name(isa) == wanted; });
  check<ValueError>(found != std::end(kAll), "CHAINLINE_ISA: expected ",
                    names({std::begin(kAll), std::end(kAll)}), ", got ", wanted);
  check_available(*found, "CHAINLINE_ISA");
  return *found;
}

std::atomic<Isa>& in_use() {
  static std::atomic<Isa> isa{chosen_at_start()};
  return isa;
}

}  // namespace

std::string_view name(Isa isa) {
#if defined(__x86_64__)
  constexpr std::string_view kNames[] = {"scalar", "avx2", "avx512", "free_order"};
#else
  constexpr std::string_view kNames[] = {"scalar", "neon"};
#endif
  return kNames[static_cast<std::size_t>(isa)];
}

std::vector<Isa> available_isas() {
  std::vector<Isa> isas;
  std::copy_if(std::begin(kAll), std::end(kAll), std::back_inserter(isas), available);
  return isas;
}

Isa isa() { return in_use().load(std::memory_order_relaxed); }

void set_isa(Isa isa) {
  check_available(isa, "set_isa");
  in_use() = isa;
}

}  // namespace chainline
