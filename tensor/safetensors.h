#pragma once

#include <cstddef>
#include <filesystem>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "tensor/tensor.h"

namespace chainline {

/// What a safetensors file holds: tensors by name, and notes that no tensor depends on.
struct Safetensors {
  std::map<std::string, Tensor> tensors;
  std::map<std::string, std::string> metadata;
};

/// Reads a safetensors file. Everything that its header claims is checked before anything is
/// allocated, and the data must be covered by the tensors exactly once.
///
/// DTypes   F32, F64, BF16, I64, U8
/// Errors   FileError naming `name`, and the tensor or the byte: a header over 100,000,000 bytes or
///          past the end, JSON that is not the format's, a key given twice or unknown, over 100,000
///          tensors, over 16 dimensions, a name over 4,096 bytes or with a NUL, another dtype,
///          sizes whose bytes overflow or are not those of the data, a hole, an overlap
/// Source   github.com/huggingface/safetensors, README
Safetensors parse_safetensors(std::span<const std::byte> bytes, const std::string& name);
Safetensors read_safetensors(const std::filesystem::path& path);

/// The safetensors file of these tensors, as bytes and as a file (see write_file_atomically). Equal
/// content gives equal bytes: the header's keys are sorted (after the metadata, if there is any),
/// and padded with spaces to a multiple of 8; the data lies by falling element size, then by name,
/// so that every tensor is aligned. Tensors on other devices are copied; what is read is on the CPU.
///
/// Errors   ValueError for a name that could not be read again; FileError
std::vector<std::byte> safetensors_bytes(const Safetensors& content);
void write_safetensors(const std::filesystem::path& path, const Safetensors& content);

}  // namespace chainline
