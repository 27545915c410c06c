#pragma once

#include <cmath>
#include <cstdint>
#include <string>
#include <vector>

#include "experiments/data/json.h"
#include "tensor/error.h"

namespace chainline::experiments {

/// A struct and its JSON by one list of fields, so that what is written, what is read and which
/// keys are known cannot come apart:
///
///     template <class Fields>
///     void list_fields(Fields& f, TrainingConfig& c) { f("steps", c.steps); f("clip", c.clip); }
///
/// This one reads.
class FieldReader {
 public:
  /// With `complete` every listed key must be there; otherwise a missing one leaves its field.
  FieldReader(const Json& object, std::string where, bool complete)
      : object_(object), where_(std::move(where)), complete_(complete) {
    check<FileError>(object.is_object(), where_, ": expected an object, got ", object.type_name());
  }

  void operator()(const std::string& key, std::int64_t& value) {
    if (wanted(key)) value = integer_member(object_, key, where_);
  }
  void operator()(const std::string& key, int& value) {
    std::int64_t wide = value;
    (*this)(key, wide);
    check<FileError>(wide >= INT32_MIN && wide <= INT32_MAX, where_, ": ", key,
                     ": expected a 32-bit integer, got ", wide);
    value = static_cast<int>(wide);
  }
  void operator()(const std::string& key, std::uint64_t& value) {
    if (!wanted(key)) return;
    const Json& found = member(object_, key, where_);
    check<FileError>(found.is_number_unsigned(), where_, ": ", key,
                     ": expected an integer of 0 or more, got ", excerpt(found));
    value = found.get<std::uint64_t>();
  }
  void operator()(const std::string& key, double& value) {
    if (!wanted(key)) return;
    const Json& found = member(object_, key, where_);
    check<FileError>(found.is_number(), where_, ": ", key, ": expected a number, got ",
                     excerpt(found));
    value = found.get<double>();
  }
  void operator()(const std::string& key, bool& value) {
    if (!wanted(key)) return;
    const Json& found = member(object_, key, where_);
    check<FileError>(found.is_boolean(), where_, ": ", key, ": expected true or false, got ",
                     excerpt(found));
    value = found.get<bool>();
  }
  void operator()(const std::string& key, std::string& value) {
    if (wanted(key)) value = string_member(object_, key, where_);
  }
  void operator()(const std::string& key, std::vector<std::string>& value) {
    if (!wanted(key)) return;
    const Json& found = member(object_, key, where_);
    check<FileError>(found.is_array(), where_, ": ", key, ": expected a list of strings, got ",
                     excerpt(found));
    value.clear();
    for (const Json& word : found) {
      check<FileError>(word.is_string(), where_, ": ", key, ": expected a list of strings, got ",
                       excerpt(found));
      value.push_back(word.get<std::string>());
    }
  }
  void operator()(const std::string& key, std::vector<std::int64_t>& value) {
    numbers(key, value, "whole numbers", [](const Json& n) { return n.is_number_integer(); });
  }
  void operator()(const std::string& key, std::vector<double>& value) {
    numbers(key, value, "numbers", [](const Json& n) { return n.is_number(); });
  }
  /// One of some words, each standing for a value.
  template <class Enum>
  void choice(const std::string& key, Enum& value, const std::vector<std::string>& words) {
    if (!wanted(key)) return;
    const std::string word = string_member(object_, key, where_);
    for (std::size_t i = 0; i < words.size(); ++i) {
      if (words[i] == word) return void(value = static_cast<Enum>(i));
    }
    throw FileError(where_ + ": " + key + ": expected one of " + list_words(words) + ", got " +
                    excerpt(Json(word)));
  }
  /// A key that only one value of is understood.
  void fixed(const std::string& key, const Json& only) {
    known_.push_back(key);
    const auto found = object_.find(key);
    if (found == object_.end()) return;
    check<FileError>(*found == only, where_, ": ", key, ": expected ", excerpt(only), ", got ",
                     excerpt(*found));
  }
  /// A key that may be there and changes nothing.
  void ignored(const std::string& key) { known_.push_back(key); }
  bool has(const std::string& key) {
    known_.push_back(key);
    return object_.contains(key);
  }

  /// **Errors** FileError for a key that was not listed.
  void finish() const { check_keys(object_, known_, where_); }

 private:
  template <class T, class Is>
  void numbers(const std::string& key, std::vector<T>& value, const char* what, const Is& is) {
    if (!wanted(key)) return;
    const Json& found = member(object_, key, where_);
    bool good = found.is_array();
    for (const Json& number : found) good = good && is(number);
    check<FileError>(good, where_, ": ", key, ": expected a list of ", what, ", got ",
                     excerpt(found));
    value = found.get<std::vector<T>>();
  }
  bool wanted(const std::string& key) {
    known_.push_back(key);
    return complete_ || object_.contains(key);
  }

  const Json& object_;
  std::string where_;
  bool complete_;
  std::vector<std::string> known_;
};

/// The list of fields, written.
class FieldWriter {
 public:
  template <class T>
  void operator()(const std::string& key, const T& value) {
    object_[key] = value;
  }
  template <class Enum>
  void choice(const std::string& key, const Enum& value, const std::vector<std::string>& words) {
    object_[key] = words[static_cast<std::size_t>(value)];
  }
  void fixed(const std::string& key, const Json& only) { object_[key] = only; }
  void ignored(const std::string&) {}

  const Json& object() const { return object_; }

 private:
  Json object_ = Json::object();
};

}  // namespace chainline::experiments
