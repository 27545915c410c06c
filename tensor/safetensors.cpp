#include "tensor/safetensors.h"

#include <algorithm>
#include <array>
#include <bit>
#include <tuple>

#include "tensor/atomic_file.h"
#include "tensor/byte_source.h"
#include "tensor/safetensors_header.h"

static_assert(std::endian::native == std::endian::little,
              "tensor files are little-endian and are copied as they are");

namespace chainline {
namespace {

using detail::Quoted;
using detail::SafetensorsEntry;
using detail::SafetensorsHeader;

constexpr std::uint64_t kLengthBytes = 8;

/// The tensors must cover the data exactly once: in the order of their offsets each begins where
/// the one before ended, and the last ends with the data.
void check_cover(const SafetensorsHeader& header, std::uint64_t data_bytes,
                 const std::string& name) {
  std::vector<const std::pair<const std::string, SafetensorsEntry>*> order;
  order.reserve(header.tensors.size());
  for (const auto& tensor : header.tensors) order.push_back(&tensor);
  std::sort(order.begin(), order.end(), [](const auto* a, const auto* b) {
    return std::tie(a->second.begin, a->second.end) < std::tie(b->second.begin, b->second.end);
  });
  std::uint64_t covered = 0;
  for (const auto* tensor : order) {
    const SafetensorsEntry& entry = tensor->second;
    check<FileError>(entry.end <= data_bytes, name, ": tensor ", Quoted{tensor->first},
                     ": data_offsets: ends at byte ", entry.end, " of ", data_bytes);
    check<FileError>(entry.begin >= covered, name, ": tensor ", Quoted{tensor->first},
                     ": data_offsets: begins at byte ", entry.begin,
                     ", within a tensor that ends at ", covered);
    check<FileError>(entry.begin <= covered, name, ": tensor ", Quoted{tensor->first},
                     ": data_offsets: begins at byte ", entry.begin, ", no tensor covers bytes [",
                     covered, ", ", entry.begin, ")");
    covered = entry.end;
  }
  check<FileError>(covered == data_bytes, name, ": no tensor covers bytes [", covered, ", ",
                   data_bytes, ") of the data");
}

Safetensors load(const ByteSource& source) {
  const std::string& name = source.name();
  check<FileError>(source.size() >= kLengthBytes, name,
                   ": expected a safetensors file of at least 8 bytes, got ", source.size());
  std::array<unsigned char, kLengthBytes> prefix{};
  source.read(0, std::as_writable_bytes(std::span(prefix)));
  std::uint64_t length = 0;
  for (std::size_t i = kLengthBytes; i-- > 0;) length = length << 8 | prefix[i];
  check<FileError>(length <= detail::kMaxHeaderBytes, name,
                   ": expected a safetensors header of at most ", detail::kMaxHeaderBytes,
                   " bytes, got ", length);
  check<FileError>(length <= source.size() - kLengthBytes, name, ": the safetensors header of ",
                   length, " bytes goes past the end of the file");
  std::string json(static_cast<std::size_t>(length), '\0');
  source.read(kLengthBytes, std::as_writable_bytes(std::span(json)));
  SafetensorsHeader header = detail::parse_safetensors_header(json, name);
  const std::uint64_t data = kLengthBytes + length;
  check_cover(header, source.size() - data, name);

  Safetensors content;
  content.metadata = std::move(header.metadata);
  for (const auto& named : header.tensors) {
    const SafetensorsEntry& entry = named.second;
    Tensor tensor = Tensor::empty(Shape(entry.shape), entry.dtype);
    visit_any(entry.dtype, [&]<class T>(Type<T>) {
      const std::span<T> elements(tensor.mutable_data<T>(),
                                  static_cast<std::size_t>(tensor.numel()));
      source.read(data + entry.begin, std::as_writable_bytes(elements));
    });
    content.tensors.emplace(named.first, std::move(tensor));
  }
  return content;
}

/// A file about to be written: the header with its length, and the dense tensors in the order of
/// their data.
struct Layout {
  std::string header;
  std::vector<Tensor> tensors;

  std::vector<std::span<const std::byte>> pieces() const {
    std::vector<std::span<const std::byte>> all{std::as_bytes(std::span(header))};
    for (const Tensor& tensor : tensors) {
      visit_any(tensor.dtype(), [&]<class T>(Type<T>) {
        all.push_back(
            std::as_bytes(std::span(tensor.data<T>(), static_cast<std::size_t>(tensor.numel()))));
      });
    }
    return all;
  }
};

Layout lay_out(const Safetensors& content) {
  check<ValueError>(content.tensors.size() <= detail::kMaxTensors, "safetensors: expected at most ",
                    detail::kMaxTensors, " tensors, got ", content.tensors.size());
  std::vector<const std::pair<const std::string, Tensor>*> order;
  for (const auto& named : content.tensors) {
    check<ValueError>(named.second.defined(), "safetensors: tensor ", Quoted{named.first},
                      ": expected a tensor, got an undefined one");
    order.push_back(&named);
  }
  std::stable_sort(order.begin(), order.end(), [](const auto* a, const auto* b) {
    return size_of(a->second.dtype()) > size_of(b->second.dtype());
  });
  Layout layout;
  SafetensorsHeader header;
  header.metadata = content.metadata;
  std::uint64_t end = 0;
  for (const auto* named : order) {
    const Tensor& tensor = named->second;
    const std::uint64_t begin = end;
    end += static_cast<std::uint64_t>(tensor.numel()) * size_of(tensor.dtype());
    const auto sizes = tensor.shape().span();
    header.tensors[named->first] = {tensor.dtype(), {sizes.begin(), sizes.end()}, begin, end};
    layout.tensors.push_back(tensor.contiguous().to(kCpu));
  }
  std::string json = detail::safetensors_header_text(header);
  json.resize((json.size() + 7) / 8 * 8, ' ');
  check<ValueError>(json.size() <= detail::kMaxHeaderBytes,
                    "safetensors: expected a header of at most ", detail::kMaxHeaderBytes,
                    " bytes, got ", json.size());
  for (std::size_t i = 0; i < kLengthBytes; ++i) {
    layout.header += static_cast<char>(json.size() >> (8 * i) & 0xff);
  }
  layout.header += json;
  return layout;
}

}  // namespace

Safetensors parse_safetensors(std::span<const std::byte> bytes, const std::string& name) {
  return load(MemorySource(bytes, name));
}

Safetensors read_safetensors(const std::filesystem::path& path) { return load(FileSource(path)); }

std::vector<std::byte> safetensors_bytes(const Safetensors& content) {
  const Layout layout = lay_out(content);
  std::vector<std::byte> bytes;
  for (const auto piece : layout.pieces()) bytes.insert(bytes.end(), piece.begin(), piece.end());
  return bytes;
}

void write_safetensors(const std::filesystem::path& path, const Safetensors& content) {
  const Layout layout = lay_out(content);
  write_file_atomically(path, layout.pieces());
}

}  // namespace chainline
