#pragma once

#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <cstddef>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <span>
#include <string>
#include <vector>

namespace chainline::test {

/// A folder of its own for one test, removed when it ends.
class Folder {
 public:
  Folder() {
    std::string name = (std::filesystem::temp_directory_path() / "chainline-XXXXXX").string();
    if (::mkdtemp(name.data()) == nullptr) throw std::filesystem::filesystem_error("mkdtemp", {});
    path_ = name;
  }
  ~Folder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;

  std::filesystem::path operator/(const std::string& name) const { return path_ / name; }
  std::filesystem::path path() const { return path_; }

  /// The names of its files, sorted.
  std::vector<std::string> names() const {
    std::vector<std::string> all;
    for (const auto& entry : std::filesystem::directory_iterator(path_)) {
      all.push_back(entry.path().filename().string());
    }
    std::sort(all.begin(), all.end());
    return all;
  }

 private:
  std::filesystem::path path_;
};

inline std::string content_of(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

inline std::span<const std::byte> bytes_of(const std::string& text) {
  return std::as_bytes(std::span(text));
}

inline std::string text_of(std::span<const std::byte> bytes) {
  return std::string(reinterpret_cast<const char*>(bytes.data()), bytes.size());
}

/// Calls f with every copy of `file` that lacks its end, that has one bit flipped, or that has one
/// byte set to a value that loaders stumble over.
template <class F>
void for_each_mutation(const std::string& file, const F& f) {
  for (std::size_t n = 0; n < file.size(); ++n) f(file.substr(0, n));
  f(file + '\0');
  for (std::size_t i = 0; i < file.size(); ++i) {
    std::string changed = file;
    for (int bit = 0; bit < 8; ++bit) {
      changed[i] = static_cast<char>(static_cast<unsigned char>(file[i]) ^ (1u << bit));
      f(changed);
    }
    for (const char c : {'\0', '\xff', '\x7f', ' ', '"', '\'', ',', '{', '}', '[', '(', '-', '9'}) {
      changed[i] = c;
      f(changed);
    }
  }
}

}  // namespace chainline::test
