#pragma once

#include <string>
#include <vector>

#include "autograd/gradcheck.h"
#include "autograd/op_bounds.h"

namespace chainline {

/// One op at one set of inputs: what tests, benchmarks and `chainline gradcheck` all run, said
/// once. It lives in the library, not among the tests, because the program checks its users'
/// builds with it.
///
/// The inputs stay away from kinks by more than a check's largest step, and where an op reads
/// further operands (indices, masks, targets, options) they are part of `run`.
struct OpCase {
  std::string op;              ///< the name in autograd/ops.h
  std::string name;            ///< what is special about the inputs; unique within the op
  std::vector<Tensor> inputs;  ///< f64, on the CPU; `run` takes them on any device
  Function run;
  Function composed;  ///< the same function made of primitive ops; empty where there is none
  int order = 2;      ///< the derivatives to check; 0 where rounding hides them from differences
  ErrorBound bound;   ///< of `run` in f32 against the formula

  /// "op: name", for messages.
  std::string title() const { return op + ": " + name; }
};

/// Cases of every op of autograd/ops.h, over shapes that hurt: sizes of 1, primes, rows that fill
/// no lane, more rows than one chunk holds, operands that broadcast, and nothing at all.
///
/// Order   2 for primitive ops, 3 for fused ones: their third derivative is the first that only
///         the composition inside the rule of their rule can give
/// Bits    the same inputs in every process
std::vector<OpCase> op_cases();

}  // namespace chainline
