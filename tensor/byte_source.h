#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>

namespace chainline {

/// Where a loader reads from: bytes in memory, or a file. Loaders check what a header says against
/// size() before they allocate, and read tensors straight to where they belong.
class ByteSource {
 public:
  virtual ~ByteSource() = default;
  virtual std::uint64_t size() const = 0;
  /// What messages call it.
  virtual const std::string& name() const = 0;
  /// Fills `to` from `offset` on.
  ///
  /// **Errors** FileError when the bytes end before
  virtual void read(std::uint64_t offset, std::span<std::byte> to) const = 0;
};

/// Bytes that somebody else keeps.
class MemorySource final : public ByteSource {
 public:
  MemorySource(std::span<const std::byte> bytes, std::string name)
      : bytes_(bytes), name_(std::move(name)) {}
  std::uint64_t size() const override { return bytes_.size(); }
  const std::string& name() const override { return name_; }
  void read(std::uint64_t offset, std::span<std::byte> to) const override;

 private:
  std::span<const std::byte> bytes_;
  std::string name_;
};

/// A regular file. It is read, not mapped: a file that another process cuts short while it is read
/// is then an error and not a bus fault.
///
/// **Errors** FileError when it cannot be opened or is not a regular file
class FileSource final : public ByteSource {
 public:
  explicit FileSource(const std::filesystem::path& path);
  ~FileSource() override;
  FileSource(const FileSource&) = delete;
  FileSource& operator=(const FileSource&) = delete;
  std::uint64_t size() const override { return size_; }
  const std::string& name() const override { return name_; }
  void read(std::uint64_t offset, std::span<std::byte> to) const override;

 private:
  std::string name_;
  std::uint64_t size_ = 0;
  int file_ = -1;
};

}  // namespace chainline
