#include "tensor/npy.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>
#include <string_view>

#include "tensor/atomic_file.h"
#include "tensor/byte_source.h"

static_assert(std::endian::native == std::endian::little,
              "tensor files are little-endian and are copied as they are");

namespace chainline {
namespace {

constexpr std::string_view kMagic = "\x93NUMPY";
constexpr std::uint64_t kMaxHeaderBytes = 65535;
constexpr std::size_t kAlignment = 64;  // where NumPy lets the data begin

struct DTypeName {
  std::string_view descr;
  DType dtype;
};
constexpr std::array<DTypeName, 5> kDTypes{{{"<f4", DType::f32},
                                            {"<f8", DType::f64},
                                            {"<i8", DType::i64},
                                            {"|u1", DType::u8},
                                            {"|b1", DType::u8}}};

struct Header {
  std::string descr;
  bool fortran_order = false;
  std::vector<std::int64_t> shape;
};

/// The header's grammar, a slice of Python's:
///
///   header = "{" pair { "," pair } [ "," ] "}",   each of three keys once, in any order
///   pair   = "'descr'" ":" string | "'fortran_order'" ":" ("True" | "False") | "'shape'" ":" tuple
///   tuple  = "(" [ integer { "," integer } [ "," ] ] ")",   a lone integer with its comma
class HeaderParser {
 public:
  HeaderParser(std::string_view text, std::uint64_t offset, const std::string& name)
      : text_(text), offset_(offset), name_(name) {}

  Header parse() {
    Header header;
    bool descr = false, order = false, shape = false;
    expect('{');
    while (!accept('}')) {
      const std::size_t start = at_;
      const std::string key = string();
      expect(':');
      const auto once = [&](bool& seen) {
        if (seen) fail(start, "key '" + key + "' appears twice");
        seen = true;
      };
      if (key == "descr") {
        once(descr);
        header.descr = string();
      } else if (key == "fortran_order") {
        once(order);
        header.fortran_order = boolean();
      } else if (key == "shape") {
        once(shape);
        header.shape = tuple();
      } else {
        fail(start, "expected the key 'descr', 'fortran_order' or 'shape', got '" + key + "'");
      }
      if (accept('}')) break;
      expect(',');
    }
    if (!descr || !order || !shape) {
      fail(at_, std::string("key '") +
                    (!descr   ? "descr"
                     : !order ? "fortran_order"
                              : "shape") +
                    "' is missing");
    }
    skip_space();
    if (at_ != text_.size()) fail(at_, "expected the end of the header");
    return header;
  }

 private:
  [[noreturn]] void fail(std::size_t at, const std::string& sentence) const {
    throw FileError(name_ + ": npy header: byte " + std::to_string(offset_ + at) + ": " + sentence);
  }

  void skip_space() {
    while (at_ < text_.size() && (text_[at_] == ' ' || text_[at_] == '\n')) ++at_;
  }

  bool accept(char c) {
    skip_space();
    if (at_ == text_.size() || text_[at_] != c) return false;
    ++at_;
    return true;
  }

  void expect(char c) {
    if (!accept(c)) fail(at_, std::string("expected '") + c + "'");
  }

  std::string string() {
    skip_space();
    const char quote = at_ < text_.size() ? text_[at_] : '\0';
    if (quote != '\'' && quote != '"') {
      fail(at_, quote == '[' ? "structured dtypes are not supported" : "expected a string");
    }
    const std::size_t start = ++at_;
    while (at_ < text_.size() && text_[at_] != quote) {
      const char c = text_[at_];
      if (c == '\\' || c < ' ' || c > '~') fail(at_, "expected printable text without escapes");
      ++at_;
    }
    if (at_ == text_.size()) fail(start - 1, "the string has no end");
    return std::string(text_.substr(start, at_++ - start));
  }

  bool boolean() {
    skip_space();
    for (const std::string_view word : {"True", "False"}) {
      if (text_.substr(at_, word.size()) != word) continue;
      at_ += word.size();
      return word == "True";
    }
    fail(at_, "expected True or False");
  }

  std::vector<std::int64_t> tuple() {
    std::vector<std::int64_t> sizes;
    expect('(');
    while (!accept(')')) {
      if (sizes.size() == static_cast<std::size_t>(kMaxRank)) {
        fail(at_, "expected at most 16 dimensions");
      }
      sizes.push_back(integer());
      const bool comma = accept(',');
      if (!comma) {
        expect(')');
        if (sizes.size() == 1) fail(at_ - 1, "expected ',' after the only size");
        break;
      }
    }
    return sizes;
  }

  std::int64_t integer() {
    skip_space();
    const std::size_t start = at_;
    std::int64_t value = 0;
    while (at_ < text_.size() && text_[at_] >= '0' && text_[at_] <= '9') {
      if (__builtin_mul_overflow(value, 10, &value) ||
          __builtin_add_overflow(value, text_[at_] - '0', &value)) {
        fail(start, "the size has more than 63 bits");
      }
      ++at_;
    }
    if (at_ == start) fail(at_, "expected a size of 0 or more");
    if (text_[start] == '0' && at_ > start + 1) fail(start, "a size starts with 0");
    return value;
  }

  std::string_view text_;
  std::uint64_t offset_;
  const std::string& name_;
  std::size_t at_ = 0;
};

DType dtype_of_descr(const std::string& descr, const std::string& name) {
  for (const DTypeName& known : kDTypes) {
    if (known.descr == descr) return known.dtype;
  }
  throw FileError(name + ": npy header: expected dtype <f4, <f8, <i8, |u1 or |b1, got '" + descr +
                  "'" +
                  (descr == "<u2" ? "; if it holds the bits of bf16, keep it as safetensors" : ""));
}

/// The bytes of a shape's elements, when the sizes and they fit into 63 bits. A size of 0 must not
/// hide the others' overflow: Shape counts them too.
std::int64_t byte_count(const std::vector<std::int64_t>& shape, DType dtype,
                        const std::string& name) {
  auto bytes = static_cast<std::int64_t>(size_of(dtype));
  bool empty = false;
  for (const std::int64_t size : shape) {
    empty = empty || size == 0;
    check<FileError>(size == 0 || !__builtin_mul_overflow(bytes, size, &bytes), name,
                     ": npy header: the shape has more bytes than 63 bits can count");
  }
  return empty ? 0 : bytes;
}

Tensor load(const ByteSource& source) {
  const std::string& name = source.name();
  std::array<unsigned char, 12> start{};
  const std::uint64_t prefix = std::min<std::uint64_t>(source.size(), start.size());
  source.read(0, std::as_writable_bytes(std::span(start)).first(static_cast<std::size_t>(prefix)));
  check<FileError>(prefix >= 10 && std::equal(kMagic.begin(), kMagic.end(), start.begin(),
                                              [](char a, unsigned char b) {
                                                return static_cast<unsigned char>(a) == b;
                                              }),
                   name, ": expected an npy file to start with \\x93NUMPY, a version and a length");
  const int major = start[6], minor = start[7];
  check<FileError>(major >= 1 && major <= 3 && minor == 0, name,
                   ": expected npy version 1.0, 2.0 or 3.0, got ", major, ".", minor);
  std::uint64_t length = start[8] | std::uint64_t{start[9]} << 8, offset = 10;
  if (major > 1) {
    check<FileError>(prefix == 12, name, ": ends within the length of the npy header");
    length |= std::uint64_t{start[10]} << 16 | std::uint64_t{start[11]} << 24;
    offset = 12;
  }
  check<FileError>(length <= kMaxHeaderBytes, name, ": expected an npy header of at most ",
                   kMaxHeaderBytes, " bytes, got ", length);
  check<FileError>(length <= source.size() - offset, name, ": the npy header of ", length,
                   " bytes goes past the end of the file");
  std::string text(static_cast<std::size_t>(length), '\0');
  source.read(offset, std::as_writable_bytes(std::span(text)));
  const Header header = HeaderParser(text, offset, name).parse();
  offset += length;

  const DType dtype = dtype_of_descr(header.descr, name);
  const auto expected = static_cast<std::uint64_t>(byte_count(header.shape, dtype, name));
  check<FileError>(expected == source.size() - offset, name, ": npy data: expected ", expected,
                   " bytes for shape ", Shape(header.shape), " of ", header.descr, ", got ",
                   source.size() - offset);
  std::vector<std::int64_t> stored = header.shape;
  if (header.fortran_order) std::reverse(stored.begin(), stored.end());
  Tensor tensor = Tensor::empty(Shape(stored), dtype);
  visit_any(dtype, [&]<class T>(Type<T>) {
    const std::span<T> elements(tensor.mutable_data<T>(),
                                static_cast<std::size_t>(expected / sizeof(T)));
    source.read(offset, std::as_writable_bytes(elements));
  });
  if (header.descr == "|b1") {
    const std::uint8_t* p = tensor.data<std::uint8_t>();
    for (std::int64_t i = 0; i < tensor.numel(); ++i) {
      check<FileError>(p[i] <= 1, name, ": npy data: byte ", offset + static_cast<std::uint64_t>(i),
                       ": expected 0 or 1 for |b1, got ", int{p[i]});
    }
  }
  if (!header.fortran_order) return tensor;
  std::vector<std::int64_t> order(header.shape.size());
  for (std::size_t d = 0; d < order.size(); ++d) {
    order[d] = static_cast<std::int64_t>(order.size() - 1 - d);
  }
  return tensor.permute(order).contiguous();
}

std::string header_of(const Tensor& tensor) {
  const auto known = std::find_if(kDTypes.begin(), kDTypes.end(),
                                  [&](const DTypeName& d) { return d.dtype == tensor.dtype(); });
  check<DTypeError>(known != kDTypes.end(), "npy: tensor: expected dtype f32, f64, i64 or u8, got ",
                    tensor.dtype(), "; keep it as safetensors");
  std::string text =
      "{'descr': '" + std::string(known->descr) + "', 'fortran_order': False, 'shape': (";
  for (const std::int64_t size : tensor.shape()) text += std::to_string(size) + ", ";
  if (tensor.rank() > 0) text.pop_back();  // the last space
  if (tensor.rank() > 1) text.pop_back();  // the last comma
  text += "), }";
  const std::size_t prefix = kMagic.size() + 4;
  const std::size_t whole = (prefix + text.size() + 1 + kAlignment - 1) / kAlignment * kAlignment;
  text.resize(whole - prefix - 1, ' ');
  text += '\n';
  std::string header(kMagic);
  header +=
      {'\x01', '\x00', static_cast<char>(text.size() & 0xff), static_cast<char>(text.size() >> 8)};
  return header + text;
}

std::span<const std::byte> elements_of(const Tensor& dense) {
  return visit_any(dense.dtype(), [&]<class T>(Type<T>) {
    return std::as_bytes(std::span(dense.data<T>(), static_cast<std::size_t>(dense.numel())));
  });
}

}  // namespace

Tensor parse_npy(std::span<const std::byte> bytes, const std::string& name) {
  return load(MemorySource(bytes, name));
}

Tensor read_npy(const std::filesystem::path& path) { return load(FileSource(path)); }

std::vector<std::byte> npy_bytes(const Tensor& tensor) {
  const std::string header = header_of(tensor);
  const Tensor dense = tensor.contiguous().to(kCpu);
  const auto head = std::as_bytes(std::span(header));
  const auto data = elements_of(dense);
  std::vector<std::byte> bytes(head.begin(), head.end());
  bytes.insert(bytes.end(), data.begin(), data.end());
  return bytes;
}

void write_npy(const std::filesystem::path& path, const Tensor& tensor) {
  const std::string header = header_of(tensor);
  const Tensor dense = tensor.contiguous().to(kCpu);
  const std::array pieces{std::as_bytes(std::span(header)), elements_of(dense)};
  write_file_atomically(path, pieces);
}

}  // namespace chainline
