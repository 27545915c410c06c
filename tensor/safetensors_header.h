#pragma once

#include <cstdint>
#include <map>
#include <ostream>
#include <string>
#include <string_view>
#include <vector>

#include "tensor/dtype.h"

namespace chainline::detail {

inline constexpr std::uint64_t kMaxHeaderBytes = 100'000'000;
inline constexpr std::size_t kMaxTensors = 100'000;
inline constexpr std::size_t kMaxNameBytes = 4096;

/// What the header of a safetensors file says of one tensor. The data is bytes [begin, end) after
/// the header.
struct SafetensorsEntry {
  DType dtype = DType::f32;
  std::vector<std::int64_t> shape;
  std::uint64_t begin = 0, end = 0;
};

struct SafetensorsHeader {
  std::map<std::string, SafetensorsEntry> tensors;
  std::map<std::string, std::string> metadata;
};

/// Reads a header's JSON and checks each entry by itself: shape, dtype and offsets agree. `name`
/// starts the messages.
SafetensorsHeader parse_safetensors_header(std::string_view json, const std::string& name);

/// The JSON text, without padding. ValueError for a name or a note that is not UTF-8, and for names
/// that the reader refuses.
std::string safetensors_header_text(const SafetensorsHeader& header);

/// A text from a file as messages show it: in quotes, without control characters, not endless.
struct Quoted {
  const std::string& text;
};
std::ostream& operator<<(std::ostream& out, const Quoted& quoted);

}  // namespace chainline::detail
