#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace chainline::experiments {

/// A file of lines that grows by whole lines. A kill leaves it with what was put, and perhaps with
/// the start of one more line (complete_lines leaves that out).
class LineFile {
 public:
  /// Begins with this content, whole or not at all.
  ///
  /// **Errors** FileError naming the file.
  LineFile(std::filesystem::path path, const std::string& content);
  ~LineFile();
  LineFile(const LineFile&) = delete;
  LineFile& operator=(const LineFile&) = delete;

  void put(const std::string& text);
  /// Brings what was put to the disk.
  void sync();

 private:
  std::filesystem::path path_;
  int file_ = -1;
};

/// The lines of a file that have their end, without it.
std::vector<std::string> complete_lines(const std::filesystem::path& path);

}  // namespace chainline::experiments
