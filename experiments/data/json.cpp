#include "experiments/data/json.h"

#include <algorithm>
#include <iterator>
#include <set>

#include "experiments/data/paths.h"
#include "tensor/error.h"

namespace chainline::experiments {
namespace {

constexpr int kMaxDepth = 256;

/// Walks over the text and shares how far the parser has come with everyone who asks.
class CountingIterator {
 public:
  using iterator_category = std::input_iterator_tag;
  using value_type = char;
  using difference_type = std::ptrdiff_t;
  using pointer = const char*;
  using reference = const char&;

  CountingIterator(const char* at, const char** progress) : at_(at), progress_(progress) {}
  reference operator*() const { return *at_; }
  CountingIterator& operator++() {
    ++at_;
    *progress_ = at_;
    return *this;
  }
  CountingIterator operator++(int) {
    CountingIterator before = *this;
    ++*this;
    return before;
  }
  friend bool operator==(const CountingIterator& a, const CountingIterator& b) {
    return a.at_ == b.at_;
  }
  friend bool operator!=(const CountingIterator& a, const CountingIterator& b) { return !(a == b); }

 private:
  const char* at_;
  const char** progress_;
};

/// The parser's own sentence without its "[json.exception...] parse error at line ...:" prefix.
std::string plain(const std::string& what) {
  const std::size_t cut = what.find(": ");
  return cut == std::string::npos ? what.substr(what.find("] ") + 2) : what.substr(cut + 2);
}

int distance(std::string_view a, std::string_view b) {
  // Rows i - 2, i - 1 and i of the table of distances between prefixes.
  std::vector<int> two(b.size() + 1), one(b.size() + 1), row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) row[j] = static_cast<int>(j);
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::swap(two, one);
    std::swap(one, row);
    row[0] = static_cast<int>(i);
    for (std::size_t j = 1; j <= b.size(); ++j) {
      row[j] = std::min({one[j] + 1, row[j - 1] + 1, one[j - 1] + (a[i - 1] != b[j - 1])});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
        row[j] = std::min(row[j], two[j - 2] + 1);
    }
  }
  return row[b.size()];
}

}  // namespace

Json parse_json(std::string_view text, const std::string& name) {
  const std::size_t nul = text.find('\0');  // the parser would take it for the end of the text
  check<FileError>(nul == std::string_view::npos, name, ": byte ", nul, ": NUL byte");
  const char* progress = text.data();
  const auto offset = [&] { return progress - text.data(); };
  std::vector<std::set<std::string>> keys;  // those of every open object, outermost first
  const Json::parser_callback_t refuse = [&](int depth, Json::parse_event_t event, Json& parsed) {
    using Event = Json::parse_event_t;
    if (event == Event::object_start || event == Event::array_start)
      check<FileError>(depth < kMaxDepth, name, ": byte ", offset(), ": nested deeper than ",
                       kMaxDepth);
    if (event == Event::object_start) keys.emplace_back();
    if (event == Event::object_end) keys.pop_back();
    if (event == Event::key)
      check<FileError>(keys.back().insert(parsed.get<std::string>()).second, name, ": byte ",
                       offset(), ": duplicate key ", excerpt(parsed));
    return true;
  };
  try {
    return Json::parse(CountingIterator(text.data(), &progress),
                       CountingIterator(text.data() + text.size(), &progress), refuse);
  } catch (const Json::exception& e) {
    throw FileError(name + ": byte " + std::to_string(offset()) + ": " + plain(e.what()));
  }
}

Json read_json(const std::filesystem::path& path, std::uint64_t max_bytes) {
  const std::vector<std::byte> bytes = read_file(path, max_bytes);
  return parse_json({reinterpret_cast<const char*>(bytes.data()), bytes.size()}, path.string());
}

void check_keys(const Json& object, const std::vector<std::string>& known,
                const std::string& where) {
  check<FileError>(object.is_object(), where, ": expected an object, got ", object.type_name());
  for (const auto& item : object.items()) {
    if (std::find(known.begin(), known.end(), item.key()) != known.end()) continue;
    const std::string meant = nearest_spelling(item.key(), known);
    throw FileError(where + ": unknown key " + excerpt(item.key()) + ", known keys are " +
                    list_words(known) + (meant.empty() ? "" : "; did you mean \"" + meant + "\"?"));
  }
}

const Json& member(const Json& object, const std::string& key, const std::string& where) {
  check<FileError>(object.is_object(), where, ": expected an object, got ", object.type_name());
  const auto found = object.find(key);
  check<FileError>(found != object.end(), where, ": missing key \"", key, "\"");
  return *found;
}

std::string string_member(const Json& object, const std::string& key, const std::string& where) {
  const Json& value = member(object, key, where);
  check<FileError>(value.is_string(), where, ": ", key, ": expected a string, got ",
                   value.type_name());
  return value.get<std::string>();
}

std::int64_t integer_member(const Json& object, const std::string& key, const std::string& where) {
  const Json& value = member(object, key, where);
  const bool fits =
      value.is_number_integer() &&
      !(value.is_number_unsigned() && value.get<std::uint64_t>() > std::uint64_t{INT64_MAX});
  check<FileError>(fits, where, ": ", key, ": expected a 64-bit integer, got ",
                   value.is_number() ? value.dump() : value.type_name());
  return value.get<std::int64_t>();
}

std::string excerpt(const Json& value) {
  constexpr std::size_t kMost = 100;
  // A word of the command line may be no UTF-8.
  const std::string text = value.dump(-1, ' ', true, Json::error_handler_t::replace);
  return text.size() <= kMost ? text : text.substr(0, kMost - 3) + "...";
}

std::string nearest_spelling(std::string_view word, const std::vector<std::string>& candidates) {
  if (word.size() > 64) return "";
  std::string best;
  int least = std::max(1, static_cast<int>(word.size()) / 3) + 1;
  for (const std::string& candidate : candidates) {
    const int d = distance(word, candidate);
    if (d < least) least = d, best = candidate;
  }
  return best;
}

std::string list_words(const std::vector<std::string>& words) {
  std::string text;
  for (const std::string& word : words) text += (text.empty() ? "" : ", ") + word;
  return text;
}

}  // namespace chainline::experiments
