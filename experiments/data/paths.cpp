#include "experiments/data/paths.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <system_error>
#include <utility>

#include "tensor/error.h"

namespace chainline::experiments {
namespace {

constexpr std::size_t kMaxPathBytes = 4096;
// O_NONBLOCK: opening a named pipe must not wait for its writer.
constexpr int kReadFlags = O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY;

/// An open file that closes itself.
class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  Descriptor(Descriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Descriptor& operator=(Descriptor&&) = delete;
  ~Descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  int get() const { return fd_; }
  /// Closes now and says whether that worked: some file systems report a failed write only here.
  bool close() { return ::close(std::exchange(fd_, -1)) == 0; }

 private:
  int fd_;
};

std::string reason(int error) { return std::generic_category().message(error); }

std::vector<std::byte> read_all(const Descriptor& file, const std::string& name,
                                std::uint64_t max_bytes) {
  struct stat status {};
  check<FileError>(::fstat(file.get(), &status) == 0, name, ": ", reason(errno));
  check<FileError>(S_ISREG(status.st_mode), name, ": expected a regular file, got a ",
                   S_ISDIR(status.st_mode) ? "folder" : "device, pipe or socket");
  const auto size = static_cast<std::uint64_t>(status.st_size);
  check<FileError>(size <= max_bytes, name, ": expected at most ", max_bytes, " bytes, got ", size);
  std::vector<std::byte> bytes(static_cast<std::size_t>(size));
  std::size_t have = 0;
  while (have < bytes.size()) {
    const ssize_t got = ::read(file.get(), bytes.data() + have, bytes.size() - have);
    if (got < 0 && errno == EINTR) continue;
    check<FileError>(got >= 0, name, ": ", reason(errno));
    check<FileError>(got > 0, name, ": became shorter while it was read: expected ", size,
                     " bytes, got ", have);
    have += static_cast<std::size_t>(got);
  }
  return bytes;
}

/// The path resolved and compared with its root, for kernels before 5.6 and for sandboxes that
/// refuse openat2. Between the comparison and the opening a link could be exchanged; O_NOFOLLOW on
/// the resolved path leaves only its folders to that race.
int open_compared(const std::filesystem::path& root, const std::string& relative) {
  std::error_code error;
  const std::filesystem::path base = std::filesystem::canonical(root, error);
  if (error) return errno = error.value(), -1;
  const std::filesystem::path full = std::filesystem::canonical(base / relative, error);
  if (error) return errno = error.value(), -1;
  const auto [left_of_base, left_of_full] =
      std::mismatch(base.begin(), base.end(), full.begin(), full.end());
  if (left_of_base != base.end()) return errno = EXDEV, -1;
  return ::open(full.c_str(), kReadFlags | O_NOFOLLOW);
}

int open_beneath(const std::filesystem::path& root, const std::string& relative) {
  const Descriptor folder(::open(root.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (folder.get() < 0) return -1;
  struct open_how how {};
  how.flags = kReadFlags;
  how.resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS;
  int fd;
  do {  // EAGAIN: a folder was renamed meanwhile and the kernel could not be sure
    fd = static_cast<int>(::syscall(SYS_openat2, folder.get(), relative.c_str(), &how, sizeof how));
  } while (fd < 0 && (errno == EAGAIN || errno == EINTR));
  if (fd < 0 && (errno == ENOSYS || errno == EPERM)) return open_compared(root, relative);
  return fd;
}

}  // namespace

std::vector<std::byte> read_file(const std::filesystem::path& path, std::uint64_t max_bytes) {
  const Descriptor file(::open(path.c_str(), kReadFlags));
  check<FileError>(file.get() >= 0, path.string(), ": ", reason(errno));
  return read_all(file, path.string(), max_bytes);
}

std::vector<std::byte> read_beneath(const std::filesystem::path& root, const std::string& relative,
                                    std::uint64_t max_bytes) {
  const std::string where = root.string() + ": ";
  check<FileError>(!relative.empty(), where, "path: expected a file name, got nothing");
  check<FileError>(relative.size() <= kMaxPathBytes, where, "path: expected at most ",
                   kMaxPathBytes, " bytes, got ", relative.size());
  check<FileError>(relative.find('\0') == std::string::npos, where,
                   "path: expected a file name, got one with a NUL byte: \"",
                   relative.substr(0, relative.find('\0')), "\"");
  check<FileError>(relative.front() != '/', where, "path: expected a relative path, got \"",
                   relative, "\"");
  const Descriptor file(open_beneath(root, relative));
  const int error = file.get() < 0 ? errno : 0;
  check<FileError>(error != EXDEV, where, "path: expected a file inside this folder, but \"",
                   relative, "\" leads out of it");
  check<FileError>(error == 0, (root / relative).string(), ": ", reason(error));
  return read_all(file, (root / relative).string(), max_bytes);
}

void check_is_folder(const std::filesystem::path& path, const std::string& what) {
  std::error_code error;
  const std::filesystem::file_status status = std::filesystem::status(path, error);
  check<FileError>(std::filesystem::is_directory(status), path.string(), ": expected ", what,
                   ", got ", std::filesystem::exists(status) ? "a file" : "nothing");
}

void write_atomically(const std::filesystem::path& path, std::span<const std::byte> bytes) {
  const std::filesystem::path folder = path.has_parent_path() ? path.parent_path() : ".";
  std::string temporary = path.string() + ".XXXXXX";
  Descriptor file(::mkostemp(temporary.data(), O_CLOEXEC));
  check<FileError>(file.get() >= 0, path.string(), ": ", reason(errno));
  int error = ::fchmod(file.get(), 0644) == 0 ? 0 : errno;
  while (error == 0 && !bytes.empty()) {
    const ssize_t wrote = ::write(file.get(), bytes.data(), bytes.size());
    if (wrote >= 0)
      bytes = bytes.subspan(static_cast<std::size_t>(wrote));
    else if (errno != EINTR)
      error = errno;
  }
  if (error == 0 && ::fsync(file.get()) != 0) error = errno;
  if (!file.close() && error == 0) error = errno;
  if (error == 0 && std::rename(temporary.c_str(), path.c_str()) != 0) error = errno;
  if (error != 0) ::unlink(temporary.c_str());
  check<FileError>(error == 0, path.string(), ": ", reason(error));
  // The rename itself is durable once the folder is. Some file systems can't sync a folder
  // (EINVAL).
  const Descriptor parent(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  const bool durable = parent.get() >= 0 && (::fsync(parent.get()) == 0 || errno == EINVAL);
  check<FileError>(durable, folder.string(), ": ", reason(errno));
}

}  // namespace chainline::experiments
