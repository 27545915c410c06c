#pragma once

#include <cstddef>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "tensor/tensor.h"

namespace chainline {

/// Reads an array in NumPy's .npy format, versions 1, 2 and 3. Arrays in Fortran order are
/// transposed into rows. The header is read by a grammar of its five words; nothing is evaluated.
///
/// DTypes   <f4, <f8, <i8, |u1; |b1 becomes u8, 0 or 1
/// Errors   FileError naming `name` and the byte: other versions and dtypes, a header over 65,535
///          bytes, more than 16 dimensions, sizes whose bytes overflow, more or fewer bytes of data
///          than the shape says
/// Source   NumPy Enhancement Proposal 1
Tensor parse_npy(std::span<const std::byte> bytes, const std::string& name);
Tensor read_npy(const std::filesystem::path& path);

/// The .npy file of a tensor, version 1, as bytes and as a file (see write_file_atomically). A
/// tensor on another device is copied; what is read is on the CPU.
///
/// Errors   DTypeError for bf16, which the format has no name for; FileError
std::vector<std::byte> npy_bytes(const Tensor& tensor);
void write_npy(const std::filesystem::path& path, const Tensor& tensor);

}  // namespace chainline
