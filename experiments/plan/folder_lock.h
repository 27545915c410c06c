#pragma once

#include <filesystem>
#include <optional>

namespace chainline::experiments {

/// A lock on the file `lock` of a folder, which one process at a time can have; the processes that
/// it starts may share it. It ends with them, however they end, so it needs no clearing.
class FolderLock {
 public:
  /// nullopt where another has it.
  ///
  /// **Errors** FileError for a folder that cannot be locked.
  static std::optional<FolderLock> take(const std::filesystem::path& folder);
  /// The lock that the starter of this process took and left open under this number.
  ///
  /// **Errors** ValueError for a number that is no such lock.
  static FolderLock inherited(const std::filesystem::path& folder, int file);

  FolderLock(FolderLock&& other) noexcept : file_(other.file_) { other.file_ = -1; }
  FolderLock& operator=(FolderLock&&) = delete;
  ~FolderLock();

  /// Its file descriptor. It is closed when another program is executed, unless made to stay.
  int file() const { return file_; }

 private:
  explicit FolderLock(int file) : file_(file) {}

  int file_;
};

}  // namespace chainline::experiments
