#include "tensor/safetensors_header.h"

#include <array>
#include <nlohmann/json.hpp>

#include "tensor/error.h"
#include "tensor/shape.h"

namespace chainline::detail {
namespace {

using Json = nlohmann::json;

struct DTypeName {
  std::string_view name;
  DType dtype;
};
constexpr std::array<DTypeName, 5> kDTypes{{{"F32", DType::f32},
                                            {"F64", DType::f64},
                                            {"BF16", DType::bf16},
                                            {"I64", DType::i64},
                                            {"U8", DType::u8}}};

/// How messages name a tensor of a file; put together only when there is something to say.
struct Where {
  const std::string& file;
  const std::string& tensor;
};
std::ostream& operator<<(std::ostream& out, const Where& where) {
  return out << where.file << ": tensor " << Quoted{where.tensor};
}

/// Takes the header's JSON event by event. No tree of values is built, so a hostile header costs
/// what it says and not what it nests; the format has three places where a value may stand, and
/// whatever else comes is refused at once.
class HeaderReader final : public nlohmann::json_sax<Json> {
 public:
  HeaderReader(SafetensorsHeader& header, const std::string& name) : header_(header), name_(name) {}

  bool start_object(std::size_t) override {
    if (place_ == Place::start) {
      place_ = Place::top;
    } else if (place_ == Place::top && key_ == "__metadata__") {
      place_ = Place::metadata;
    } else if (place_ == Place::top) {
      place_ = Place::tensor;
      entry_ = {};
      seen_ = {};
    } else {
      refuse("an object");
    }
    return true;
  }

  bool key(string_t& key) override {
    if (place_ == Place::top) {
      key_ = key;
      begin_tensor_or_metadata();
    } else if (place_ == Place::metadata) {
      note_ = key;
      check<FileError>(!header_.metadata.contains(note_), name_, ": __metadata__: key ",
                       Quoted{note_}, " appears twice");
    } else {
      begin_field(key);
    }
    return true;
  }

  bool end_object() override {
    if (place_ == Place::tensor) {
      end_tensor();
      place_ = Place::top;
    } else if (place_ == Place::metadata) {
      place_ = Place::top;
    } else {
      place_ = Place::end;
    }
    return true;
  }

  bool string(string_t& value) override {
    if (place_ == Place::metadata) {
      header_.metadata[note_] = value;
    } else if (place_ == Place::tensor && field_ == kDType) {
      read_dtype(value);
    } else {
      refuse("a string");
    }
    return true;
  }

  bool start_array(std::size_t) override {
    if (place_ != Place::tensor || field_ == kDType) refuse("an array");
    place_ = Place::array;
    offsets_ = 0;
    return true;
  }

  bool number_unsigned(number_unsigned_t value) override {
    if (place_ != Place::array) refuse("a number");
    if (field_ == kShape) {
      check<FileError>(entry_.shape.size() < static_cast<std::size_t>(kMaxRank), where(),
                       ": shape: expected at most 16 dimensions");
      check<FileError>(value <= static_cast<std::uint64_t>(INT64_MAX), where(),
                       ": shape: the size ", value, " has more than 63 bits");
      entry_.shape.push_back(static_cast<std::int64_t>(value));
    } else {
      check<FileError>(offsets_ < 2, where(), ": data_offsets: expected two numbers, got more");
      (offsets_++ == 0 ? entry_.begin : entry_.end) = value;
    }
    return true;
  }

  bool end_array() override {
    check<FileError>(field_ == kShape || offsets_ == 2, where(),
                     ": data_offsets: expected two numbers, got ", offsets_);
    place_ = Place::tensor;
    return true;
  }

  bool null() override { return refuse("null"); }
  bool boolean(bool) override { return refuse("true or false"); }
  bool number_integer(number_integer_t) override { return refuse("a negative number"); }
  bool number_float(number_float_t, const string_t&) override {
    return refuse("a number that is no integer of 64 bits");
  }
  bool binary(binary_t&) override { return refuse("binary data"); }
  bool parse_error(std::size_t at, const std::string&, const Json::exception&) override {
    // The position counts the bytes read so far, the wrong one included; the header follows the 8
    // bytes of its length.
    throw FileError(name_ + ": safetensors header: byte " + std::to_string(at + 7) +
                    ": not JSON, or not UTF-8");
  }

 private:
  enum class Place { start, top, metadata, tensor, array, end };
  static constexpr std::size_t kDType = 0, kShape = 1;  // places in kFields
  static constexpr std::array<std::string_view, 3> kFields{"dtype", "shape", "data_offsets"};

  Where where() const { return {name_, key_}; }

  /// Throws: `got` stands where something else is expected. Returns what the events return.
  bool refuse(const char* got) const {
    const char* expected = "an object";
    if (place_ == Place::metadata) expected = "a string";
    if (place_ == Place::tensor) expected = field_ == kDType ? "a string" : "an array";
    if (place_ == Place::array) expected = "integers of 0 or more";
    const auto say = [&](const auto&... at) {
      check<FileError>(false, at..., ": expected ", expected, ", got ", got);
      return false;
    };
    if (place_ == Place::start || place_ == Place::end) return say(name_, ": safetensors header");
    if (place_ == Place::top) return say(where());
    if (place_ == Place::metadata) return say(name_, ": __metadata__: ", Quoted{note_});
    return say(where(), ": ", kFields[field_]);
  }

  void begin_tensor_or_metadata() {
    if (key_ == "__metadata__") {
      check<FileError>(!metadata_seen_, name_, ": __metadata__ appears twice");
      metadata_seen_ = true;
      return;
    }
    check<FileError>(key_.size() <= kMaxNameBytes, name_,
                     ": safetensors header: expected names of at most ", kMaxNameBytes,
                     " bytes, got ", key_.size());
    check<FileError>(key_.find('\0') == std::string::npos, name_,
                     ": safetensors header: a name contains a NUL");
    check<FileError>(!header_.tensors.contains(key_), where(), ": appears twice");
    check<FileError>(header_.tensors.size() < kMaxTensors, name_,
                     ": safetensors header: expected at most ", kMaxTensors, " tensors");
  }

  void begin_field(const std::string& field) {
    for (field_ = 0; field_ < kFields.size() && kFields[field_] != field; ++field_) {
    }
    check<FileError>(field_ < kFields.size(), where(),
                     ": expected the keys dtype, shape and data_offsets, got ", Quoted{field});
    check<FileError>(!seen_[field_], where(), ": ", field, " appears twice");
    seen_[field_] = true;
  }

  void read_dtype(const std::string& value) {
    for (const DTypeName& known : kDTypes) {
      if (known.name != value) continue;
      entry_.dtype = known.dtype;
      return;
    }
    check<FileError>(false, where(), ": dtype: expected F32, F64, BF16, I64 or U8, got ",
                     Quoted{value});
  }

  void end_tensor() {
    for (std::size_t i = 0; i < kFields.size(); ++i) {
      check<FileError>(seen_[i], where(), ": ", kFields[i], " is missing");
    }
    check<FileError>(entry_.begin <= entry_.end, where(), ": data_offsets: begin ", entry_.begin,
                     " lies after end ", entry_.end);
    // A size of 0 must not hide that the others overflow: Shape counts them too.
    auto bytes = static_cast<std::int64_t>(size_of(entry_.dtype));
    bool empty = false;
    for (const std::int64_t size : entry_.shape) {
      empty = empty || size == 0;
      check<FileError>(size == 0 || !__builtin_mul_overflow(bytes, size, &bytes), where(),
                       ": shape: has more bytes than 63 bits can count");
    }
    const std::uint64_t expected = empty ? 0 : static_cast<std::uint64_t>(bytes);
    check<FileError>(entry_.end - entry_.begin == expected, where(), ": data_offsets: expected ",
                     expected, " bytes for shape ", Shape(entry_.shape), " of ", entry_.dtype,
                     ", got ", entry_.end - entry_.begin);
    header_.tensors.emplace(key_, std::move(entry_));
  }

  SafetensorsHeader& header_;
  const std::string& name_;
  Place place_ = Place::start;
  std::string key_, note_;
  bool metadata_seen_ = false;
  SafetensorsEntry entry_;
  std::size_t field_ = 0;
  std::array<bool, 3> seen_{};
  int offsets_ = 0;
};

/// A JSON string; ValueError when the text is not UTF-8.
std::string json_text(const std::string& text) {
  try {
    return Json(text).dump();
  } catch (const Json::type_error&) {
    check<ValueError>(false, "safetensors: expected names and notes in UTF-8, got ", Quoted{text});
    throw;
  }
}

}  // namespace

std::ostream& operator<<(std::ostream& out, const Quoted& quoted) {
  constexpr std::size_t kMost = 200;
  const auto replace = Json::error_handler_t::replace;
  out << Json(quoted.text.substr(0, kMost)).dump(-1, ' ', false, replace);
  return out << (quoted.text.size() > kMost ? "..." : "");
}

SafetensorsHeader parse_safetensors_header(std::string_view json, const std::string& name) {
  check<FileError>(json.starts_with('{'), name,
                   ": safetensors header: byte 8: expected '{' to start it");
  // The JSON reader takes a NUL for the end of its input, and would leave the rest unread.
  const std::size_t nul = json.find('\0');
  check<FileError>(nul == std::string_view::npos, name, ": safetensors header: byte ", nul + 8,
                   ": not JSON, or not UTF-8");
  SafetensorsHeader header;
  HeaderReader reader(header, name);
  Json::sax_parse(json.begin(), json.end(), &reader);
  return header;
}

std::string safetensors_header_text(const SafetensorsHeader& header) {
  std::string text = "{";
  if (!header.metadata.empty()) {
    text += "\"__metadata__\":{";
    for (const auto& note : header.metadata) {
      if (!text.ends_with('{')) text += ',';
      text += json_text(note.first);
      text += ':';
      text += json_text(note.second);
    }
    text += '}';
  }
  for (const auto& tensor : header.tensors) {
    const std::string& name = tensor.first;
    const SafetensorsEntry& entry = tensor.second;
    check<ValueError>(name != "__metadata__" && name.size() <= kMaxNameBytes &&
                          name.find('\0') == std::string::npos,
                      "safetensors: expected a tensor's name of at most ", kMaxNameBytes,
                      " bytes without NUL, other than __metadata__, got ", Quoted{name});
    if (text.size() > 1) text += ',';
    text += json_text(name);
    text += ":{\"dtype\":\"";
    for (const DTypeName& known : kDTypes) {
      if (known.dtype == entry.dtype) text += known.name;
    }
    text += "\",\"shape\":[";
    for (const std::int64_t size : entry.shape) {
      if (!text.ends_with('[')) text += ',';
      text += std::to_string(size);
    }
    text += "],\"data_offsets\":[";
    text += std::to_string(entry.begin);
    text += ',';
    text += std::to_string(entry.end);
    text += "]}";
  }
  text += '}';
  return text;
}

}  // namespace chainline::detail
