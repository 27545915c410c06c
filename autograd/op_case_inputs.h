#pragma once

#include <string>
#include <vector>

#include "autograd/op_cases.h"
#include "autograd/variable.h"

// What the two files of op cases share; for them only.
namespace chainline::cases {

inline constexpr int kPrimitive = 2, kFused = 3;  // orders to check

/// Uniform numbers of [low, high).
Tensor uniform(const Shape& shape, double low, double high, std::uint64_t seed);
/// Numbers between -2 and 2.
Tensor signed_numbers(const Shape& shape, std::uint64_t seed);
/// Numbers between 0.5 and 2: what may be divided by, or has a logarithm.
Tensor positive_numbers(const Shape& shape, std::uint64_t seed);
/// The numbers ..., -0.375, -0.125, 0.125, 0.375, ... in random order, plus `shift`. Any two are a
/// quarter apart and none is nearer than an eighth to a multiple of a quarter: kinks at those are
/// out of reach of the checks, which move a number by some 0.04.
Tensor spaced_numbers(const Shape& shape, std::uint64_t seed, double shift = 0);
/// Integers of [low, high).
Tensor integers(const Shape& shape, std::int64_t low, std::int64_t high, std::uint64_t seed);
/// 0 or 1 as u8.
Tensor coins(const Shape& shape, std::uint64_t seed);

/// A further operand, where the inputs are.
Tensor beside(const Variables& inputs, const Tensor& operand);

/// "(2, 3) (3)".
std::string shapes(const std::vector<Tensor>& inputs);

/// The cases of this file's half of the ops, appended.
void add_primitive_cases(std::vector<OpCase>& cases);
void add_fused_cases(std::vector<OpCase>& cases);

}  // namespace chainline::cases
