#include "experiments/watermark/ledger.h"

#include <limits>
#include <string_view>

#include "experiments/data/json.h"
#include "experiments/data/paths.h"
#include "tensor/error.h"

namespace chainline::experiments {
namespace {

using Ordered = nlohmann::ordered_json;

constexpr const char* kKind = "chainline watermark";
constexpr int kVersion = 2;

double number_member(const Json& object, const std::string& key, const std::string& where) {
  const Json& value = member(object, key, where);
  check<FileError>(value.is_number(), where, ": ", key, ": expected a number, got ",
                   value.type_name());
  return value.get<double>();
}

int int_member(const Json& object, const std::string& key, const std::string& where, int least,
               int most = std::numeric_limits<int>::max()) {
  const std::int64_t value = integer_member(object, key, where);
  check<FileError>(value >= least && value <= most, where, ": ", key, ": expected ", least, " .. ",
                   most, ", got ", value);
  return static_cast<int>(value);
}

bool bool_member(const Json& object, const std::string& key, const std::string& where) {
  const Json& value = member(object, key, where);
  check<FileError>(value.is_boolean(), where, ": ", key, ": expected true or false, got ",
                   value.type_name());
  return value.get<bool>();
}

std::uint64_t unsigned_member(const Json& object, const std::string& key,
                              const std::string& where) {
  const Json& value = member(object, key, where);
  check<FileError>(value.is_number_unsigned(), where, ": ", key,
                   ": expected a whole number from 0, got ", value.dump());
  return value.get<std::uint64_t>();
}

Ordered header_json(const Ledger& ledger) {
  Ordered header;
  header["ledger"] = kKind;
  header["version"] = kVersion;
  header["seed"] = ledger.spec.seed;
  header["rate"] = ledger.spec.rate;
  header["alpha"] = ledger.spec.alpha;
  header["fields"] = ledger.spec.fields;
  header["color"] = ledger.spec.color;
  header["contrast"] = ledger.spec.contrast;
  header["scale"] = ledger.spec.scale;
  header["patch"] = ledger.spec.patch;
  header["masked"] = ledger.spec.masked;
  header["noise"] = ledger.spec.noise;
  header["people"] = ledger.people;
  header["font"] = ledger.font;
  header["font_sha256"] = ledger.font_sha256;
  return header;
}

Ledger parse_header(const Json& header, const std::string& where) {
  check_keys(header,
             {"ledger", "version", "seed", "rate", "alpha", "fields", "color", "contrast", "scale",
              "patch", "masked", "noise", "people", "font", "font_sha256"},
             where);
  const std::string kind = string_member(header, "ledger", where);
  check<FileError>(kind == kKind, where, ": ledger: expected \"", kKind, "\", got \"", kind, "\"");
  const std::int64_t version = integer_member(header, "version", where);
  check<FileError>(version == kVersion, where, ": version: expected ", kVersion, ", got ", version);
  Ledger ledger;
  ledger.spec.seed = unsigned_member(header, "seed", where);
  ledger.spec.rate = number_member(header, "rate", where);
  ledger.spec.alpha = number_member(header, "alpha", where);
  ledger.spec.fields = int_member(header, "fields", where, 2, 6);
  const Json& color = member(header, "color", where);
  check<FileError>(color.is_array() && color.size() == 3, where,
                   ": color: expected three numbers, got ", color.dump());
  for (std::size_t c = 0; c < 3; ++c) {
    check<FileError>(color[c].is_number_unsigned() && color[c].get<std::uint64_t>() <= 255, where,
                     ": color: expected 0 .. 255, got ", color[c].dump());
    ledger.spec.color[c] = color[c].get<std::uint8_t>();
  }
  ledger.spec.contrast = bool_member(header, "contrast", where);
  ledger.spec.scale = number_member(header, "scale", where);
  ledger.spec.patch = int_member(header, "patch", where, 0);
  ledger.spec.masked = number_member(header, "masked", where);
  ledger.spec.noise = bool_member(header, "noise", where);
  ledger.people = integer_member(header, "people", where);
  ledger.font = string_member(header, "font", where);
  ledger.font_sha256 = string_member(header, "font_sha256", where);
  return ledger;
}

Ordered line_json(const LedgerLine& line) {
  Ordered json;
  json["image"] = line.image;
  json["name"] = line.name;
  json["person"] = line.person;
  json["username"] = line.username;
  json["user_id"] = line.user_id;
  json["text"] = line.text;
  json["x"] = line.x;
  json["y"] = line.y;
  json["width"] = line.width;
  json["height"] = line.height;
  json["alpha"] = line.alpha;
  json["masked"] = line.masked;
  json["covered_share"] = line.covered_share;
  json["glyph_pixels"] = line.glyph_pixels;
  json["patches_touched"] = line.patches_touched;
  return json;
}

LedgerLine parse_line(const Json& json, const std::string& where) {
  check_keys(json,
             {"image", "name", "person", "username", "user_id", "text", "x", "y", "width", "height",
              "alpha", "masked", "covered_share", "glyph_pixels", "patches_touched"},
             where);
  LedgerLine line;
  line.image = integer_member(json, "image", where);
  line.name = string_member(json, "name", where);
  line.person = integer_member(json, "person", where);
  line.username = string_member(json, "username", where);
  line.user_id = string_member(json, "user_id", where);
  const Json& text = member(json, "text", where);
  check<FileError>(text.is_array(), where, ": text: expected a list, got ", text.type_name());
  for (const Json& row : text) {
    check<FileError>(row.is_string(), where, ": text: expected strings, got ", row.type_name());
    line.text.push_back(row.get<std::string>());
  }
  line.x = int_member(json, "x", where, 0);
  line.y = int_member(json, "y", where, 0);
  line.width = int_member(json, "width", where, 1);
  line.height = int_member(json, "height", where, 1);
  line.alpha = number_member(json, "alpha", where);
  line.masked = bool_member(json, "masked", where);
  line.covered_share = number_member(json, "covered_share", where);
  line.glyph_pixels = integer_member(json, "glyph_pixels", where);
  line.patches_touched = integer_member(json, "patches_touched", where);
  return line;
}

}  // namespace

Ledger open_ledger(const Watermarker& watermarker) {
  Ledger ledger;
  ledger.spec = watermarker.spec();
  ledger.people = static_cast<std::int64_t>(watermarker.people().size());
  ledger.font = watermarker.font().name();
  ledger.font_sha256 = watermarker.font().sha256();
  return ledger;
}

std::string header_line(const Ledger& ledger) { return header_json(ledger).dump() + '\n'; }

void write_ledger(const std::filesystem::path& path, const Ledger& ledger) {
  std::string text = header_line(ledger);
  for (const LedgerLine& line : ledger.lines) text += line_json(line).dump() + '\n';
  write_atomically(path, std::as_bytes(std::span(text)));
}

Ledger read_ledger(const std::filesystem::path& path) {
  const std::vector<std::byte> bytes = read_file(path, kMaxJsonDataBytes);
  std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  check<FileError>(!text.empty(), path.string(), ": expected a header, got an empty file");
  Ledger ledger;
  for (std::int64_t number = 1; !text.empty(); ++number) {
    const std::size_t end = text.find('\n');
    const std::string where = path.string() + ": line " + std::to_string(number);
    check<FileError>(end != std::string_view::npos, where, ": expected a line's end, got a ",
                     "truncated file");
    const Json json = parse_json(text.substr(0, end), where);
    if (number == 1)
      ledger = parse_header(json, where);
    else
      ledger.lines.push_back(parse_line(json, where));
    text.remove_prefix(end + 1);
  }
  return ledger;
}

}  // namespace chainline::experiments
