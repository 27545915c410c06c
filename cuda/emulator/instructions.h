#pragma once

// The twins of the PTX instructions in cuda/ptx.cuh. They follow the layouts that the PTX manual
// publishes; no hardware has certified them yet. Lanes read and write memory themselves, so that
// the race checker knows who does; only registers are exchanged.

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <string>

#include "cuda/emulator/bfloat16.h"
#include "cuda/emulator/language.h"

namespace chainline::emulator {

__forceinline__ void cp_async_16(void* shared, const void* global, int bytes, Where where) {
  if (reinterpret_cast<std::uintptr_t>(shared) % 16 != 0 ||
      reinterpret_cast<std::uintptr_t>(global) % 16 != 0) {
    fail("cp.async", where, "expected addresses that are multiples of 16");
  }
  if (bytes < 0 || bytes > 16) {
    fail("cp.async", where, "expected 0 to 16 bytes of the source, got " + std::to_string(bytes));
  }
  async_copy(shared, global, static_cast<std::size_t>(bytes), static_cast<std::size_t>(16 - bytes));
}

inline void ldmatrix_x4(unsigned (&registers)[4], const void* row, bool transposed, Where where) {
  if (reinterpret_cast<std::uintptr_t>(row) % 16 != 0) {
    fail("ldmatrix", where, "expected the address of a row that is a multiple of 16");
  }
  struct Rows {
    const void* own;
    const void* all[kLanes];
  } rows{row, {}};
  meet(
      kFullMask, "ldmatrix", &rows,
      [](const Meeting& m) {
        for (unsigned l = 0; l < kLanes; ++l) {
          for (unsigned k = 0; k < kLanes; ++k) {
            static_cast<Rows*>(m.operands[l])->all[k] = static_cast<Rows*>(m.operands[k])->own;
          }
        }
      },
      where);
  const unsigned l = lane(), fixed = l / 4, first = l % 4 * 2;
  for (unsigned m = 0; m < 4; ++m) {
    const auto at = [&](unsigned r, unsigned column) -> unsigned {
      return static_cast<const std::uint16_t*>(rows.all[8 * m + r])[column];
    };
    registers[m] = transposed ? at(first, fixed) | at(first + 1, fixed) << 16
                              : at(fixed, first) | at(fixed, first + 1) << 16;
  }
}

/// Sums are chains over ascending k of fused multiply-adds; hardware may round them differently.
inline void mma_m16n8k16_bf16(float (&d)[4], const unsigned (&a)[4], const unsigned (&b)[2],
                              Where where) {
  struct Registers {
    const unsigned *a, *b;
    float* d;
  } mine{a, b, d};
  meet(
      kFullMask, "mma.sync", &mine,
      [](const Meeting& m) {
        float left[16][16], right[16][8];
        const auto number = [](unsigned word, unsigned half) {
          return static_cast<float>(
              __ushort_as_bfloat16(static_cast<unsigned short>(word >> (16 * half))));
        };
        for (unsigned l = 0; l < kLanes; ++l) {
          const auto& r = *static_cast<const Registers*>(m.operands[l]);
          const unsigned g = l / 4, t = l % 4;
          for (unsigned i = 0; i < 4; ++i) {
            for (unsigned half = 0; half < 2; ++half) {
              left[g + i % 2 * 8][2 * t + half + i / 2 * 8] = number(r.a[i], half);
              if (i < 2) right[2 * t + half + i * 8][g] = number(r.b[i], half);
            }
          }
        }
        for (unsigned l = 0; l < kLanes; ++l) {
          const auto& r = *static_cast<const Registers*>(m.operands[l]);
          const unsigned g = l / 4, t = l % 4;
          for (unsigned i = 0; i < 4; ++i) {
            const unsigned row = g + i / 2 * 8, column = 2 * t + i % 2;
            for (unsigned k = 0; k < 16; ++k) {
              r.d[i] = std::fma(left[row][k], right[k][column], r.d[i]);
            }
          }
        }
      },
      where);
}

inline unsigned pack_bf16(float low, float high) {
  return __bfloat16_as_ushort(__nv_bfloat16(low)) |
         static_cast<unsigned>(__bfloat16_as_ushort(__nv_bfloat16(high))) << 16;
}

/// By f64, so that the bits don't depend on whose libm it is.
inline float exp2_approximate(float x) {
  const auto power = static_cast<float>(std::exp2(double{x}));
  return power < 0x1p-126f ? 0.0f : power;
}

}  // namespace chainline::emulator
