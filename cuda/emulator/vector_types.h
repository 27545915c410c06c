#pragma once

// CUDA's built-in vector types for machines without the toolkit: the same names, members, sizes and
// alignments. They stand outside of any namespace because CUDA's do. toolkit_types_test runs kernels
// with the toolkit's, to show that the two agree.

#ifdef CHAINLINE_TOOLKIT_TYPES
#include <vector_functions.h>
#include <vector_types.h>
#else

struct uint3 {
  unsigned x, y, z;
};

/// Sizes of grids and blocks; what is left out is 1.
struct dim3 {
  unsigned x, y, z;
  constexpr dim3(unsigned x_ = 1, unsigned y_ = 1, unsigned z_ = 1) : x(x_), y(y_), z(z_) {}
  constexpr dim3(uint3 v) : x(v.x), y(v.y), z(v.z) {}
  constexpr operator uint3() const { return uint3{x, y, z}; }
};

// name, element, alignment for 1 to 4 elements; those of 3 have their element's.
#define CHAINLINE_VECTOR_TYPES(name, T, align2, align4)                 \
  struct name##1 {                                                      \
    T x;                                                                \
  };                                                                    \
  struct alignas(align2) name##2 {                                      \
    T x, y;                                                             \
  };                                                                    \
  struct name##3 {                                                      \
    T x, y, z;                                                          \
  };                                                                    \
  struct alignas(align4) name##4 {                                      \
    T x, y, z, w;                                                       \
  };                                                                    \
  constexpr name##1 make_##name##1(T x) { return {x}; }                 \
  constexpr name##2 make_##name##2(T x, T y) { return {x, y}; }         \
  constexpr name##3 make_##name##3(T x, T y, T z) { return {x, y, z}; } \
  constexpr name##4 make_##name##4(T x, T y, T z, T w) { return {x, y, z, w}; }

CHAINLINE_VECTOR_TYPES(char, signed char, 2, 4)
CHAINLINE_VECTOR_TYPES(uchar, unsigned char, 2, 4)
CHAINLINE_VECTOR_TYPES(short, short, 4, 8)
CHAINLINE_VECTOR_TYPES(ushort, unsigned short, 4, 8)
CHAINLINE_VECTOR_TYPES(int, int, 8, 16)
CHAINLINE_VECTOR_TYPES(longlong, long long, 16, 16)
CHAINLINE_VECTOR_TYPES(ulonglong, unsigned long long, 16, 16)
CHAINLINE_VECTOR_TYPES(float, float, 8, 16)
CHAINLINE_VECTOR_TYPES(double, double, 16, 16)
#undef CHAINLINE_VECTOR_TYPES

struct uint1 {
  unsigned x;
};
struct alignas(8) uint2 {
  unsigned x, y;
};
struct alignas(16) uint4 {
  unsigned x, y, z, w;
};
constexpr uint1 make_uint1(unsigned x) { return {x}; }
constexpr uint2 make_uint2(unsigned x, unsigned y) { return {x, y}; }
constexpr uint3 make_uint3(unsigned x, unsigned y, unsigned z) { return {x, y, z}; }
constexpr uint4 make_uint4(unsigned x, unsigned y, unsigned z, unsigned w) { return {x, y, z, w}; }
#endif
