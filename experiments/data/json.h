#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace chainline::experiments {

using Json = nlohmann::json;

inline constexpr std::uint64_t kMaxJsonBytes = std::uint64_t{64} << 20;
inline constexpr std::uint64_t kMaxJsonDataBytes = std::uint64_t{1} << 30;

/// Reads JSON and refuses what a lenient reader lets pass: a key given twice, nesting beyond 256,
/// invalid UTF-8, numbers that overflow, anything after the value.
///
/// **Errors** FileError naming `name`, the byte offset and what is wrong.
Json parse_json(std::string_view text, const std::string& name);

/// parse_json of a file of at most `max_bytes`.
Json read_json(const std::filesystem::path& path, std::uint64_t max_bytes = kMaxJsonBytes);

/// Refuses a value that is not an object or that has a key outside of `known`. `where` starts the
/// sentence: "config.json: vision_config".
///
/// **Errors** FileError naming the key, the known ones and, for a slip, the one probably meant.
void check_keys(const Json& object, const std::vector<std::string>& known,
                const std::string& where);

/// The members of an object that must be there with the right type.
///
/// **Errors** FileError naming `where`, the key and the type found.
const Json& member(const Json& object, const std::string& key, const std::string& where);
std::string string_member(const Json& object, const std::string& key, const std::string& where);
std::int64_t integer_member(const Json& object, const std::string& key, const std::string& where);

/// The value as a message may quote it: in ASCII, at most 100 characters.
std::string excerpt(const Json& value);

/// The candidate that was probably meant: the nearest by insertions, deletions, replacements and
/// swaps of neighbours, at most a third of the word's letters (and at least one). "" if none is.
std::string nearest_spelling(std::string_view word, const std::vector<std::string>& candidates);

/// "a, b, c", as messages list what is known.
std::string list_words(const std::vector<std::string>& words);

}  // namespace chainline::experiments
