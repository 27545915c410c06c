#pragma once

#include <string>
#include <vector>

#include "tensor/backend.h"

namespace chainline::experiments {

/// The kernels that a device chose in the class `repeatable`, as a file: on the same device and with
/// the same releases of its libraries they give the same bits.
///
///     {"format": "chainline kernels", "version": 1, "device": "NVIDIA H100 80GB HBM3",
///      "libraries": ["cuBLASLt 13.1.0"],
///      "choices": [{"op": "product", "shape": "512x384x384 nt -> bf16", "kernel": "own"}]}
std::string kernel_choices_text(const Backend& backend);

/// The choices of such a text, which `where` names. Device and libraries are for people: elsewhere
/// the choices hold too, if not to the bit.
///
/// **Errors** FileError naming what is missing, unknown, of another type, or there twice.
std::vector<KernelChoice> kernel_choices_from(const std::string& text, const std::string& where);

}  // namespace chainline::experiments
