#pragma once

#include <string>

namespace chainline::experiments {

/// The SHA-256 of the sources that results follow from, as they were when the program was built:
/// tensors, gradients, layers, kernels and the experiments but for what only shows, starts or waits
/// (experiments/code_version.cmake has the list). A new report leaves it as it is.
///
/// It names source code, not bits: of the compiler and its flags the exact class of docs/numerics.md
/// is independent.
std::string code_version();

/// The same of fewer sources, those that trained weights follow from: without what measures them.
std::string training_code_version();

}  // namespace chainline::experiments
