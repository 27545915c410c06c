#include "tensor/atomic_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <string>
#include <system_error>

#include "tensor/error.h"

namespace chainline {
namespace {

[[noreturn]] void fail(const std::filesystem::path& path, const char* step, int error) {
  throw FileError(path.string() + ": " + step + ": " +
                  std::error_code(error, std::generic_category()).message());
}

/// A new file beside the one it is to replace; removed again unless it is kept.
class TemporaryFile {
 public:
  explicit TemporaryFile(const std::filesystem::path& target) : target_(target) {
    // Process and counter keep writers of the same target apart. A name that a dead process left
    // is passed over: it may as well be a living one's of another machine.
    static std::atomic<std::uint64_t> counter{0};
    do {
      path_ = target;
      path_ += ".tmp-" + std::to_string(::getpid()) + "-" + std::to_string(counter++);
      file_ = ::open(path_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    } while (file_ < 0 && (errno == EEXIST || errno == EINTR));
    if (file_ < 0) fail(target_, "cannot create a temporary file beside it", errno);
  }
  ~TemporaryFile() {
    if (file_ >= 0) ::close(file_);
    if (!path_.empty()) ::unlink(path_.c_str());
  }
  TemporaryFile(const TemporaryFile&) = delete;
  TemporaryFile& operator=(const TemporaryFile&) = delete;

  void write(std::span<const std::byte> bytes) {
    while (!bytes.empty()) {
      // Linux writes at most 2 GiB at a time.
      const std::size_t most = std::min<std::size_t>(bytes.size(), std::size_t{1} << 30);
      const ::ssize_t written = ::write(file_, bytes.data(), most);
      if (written < 0 && errno == EINTR) continue;
      if (written < 0) fail(target_, "cannot write", errno);
      bytes = bytes.subspan(static_cast<std::size_t>(written));
    }
  }

  /// After this the bytes are on the disk. A failed fsync must not be tried again: the kernel may
  /// have dropped the pages and would then claim success.
  void finish() {
    if (::fsync(file_) != 0) fail(target_, "cannot bring it to the disk", errno);
    const int file = file_;
    file_ = -1;
    if (::close(file) != 0 && errno != EINTR) fail(target_, "cannot close", errno);
  }

  void take_name() {
    if (::rename(path_.c_str(), target_.c_str()) != 0) fail(target_, "cannot replace", errno);
    path_.clear();
  }

 private:
  std::filesystem::path target_, path_;
  int file_ = -1;
};

}  // namespace

void write_file_atomically(const std::filesystem::path& path,
                           std::span<const std::span<const std::byte>> pieces) {
  TemporaryFile file(path);
  for (const std::span<const std::byte> piece : pieces) file.write(piece);
  file.finish();
  file.take_name();
  sync_folder(path.has_parent_path() ? path.parent_path() : ".");
}

void write_file_atomically(const std::filesystem::path& path, std::span<const std::byte> bytes) {
  write_file_atomically(path, std::span<const std::span<const std::byte>>(&bytes, 1));
}

void sync_folder(const std::filesystem::path& folder) {
  const int file = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (file < 0) fail(folder, "cannot open the folder", errno);
  const int error = ::fsync(file) == 0 ? 0 : errno;
  ::close(file);
  if (error != 0 && error != EINVAL) fail(folder, "cannot bring the folder to the disk", error);
}

}  // namespace chainline
