#include "experiments/plan/folder_lock.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>

#include "tensor/error.h"

namespace chainline::experiments {
namespace {

[[noreturn]] void fail(const std::filesystem::path& path, const char* step) {
  throw FileError(path.string() + ": " + step + ": " +
                  std::error_code(errno, std::generic_category()).message());
}

bool lock(int file) {
  while (::flock(file, LOCK_EX | LOCK_NB) != 0) {
    if (errno != EINTR) return false;
  }
  return true;
}

}  // namespace

std::optional<FolderLock> FolderLock::take(const std::filesystem::path& folder) {
  const std::filesystem::path path = folder / "lock";
  const int opened = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666);
  if (opened < 0) fail(path, "cannot open");
  // Numbers below 3 will be a child's standard files.
  const int file = ::fcntl(opened, F_DUPFD_CLOEXEC, 3);
  ::close(opened);
  if (file < 0) fail(path, "cannot open");
  FolderLock taken(file);
  if (lock(file)) return taken;
  if (errno != EWOULDBLOCK) fail(path, "cannot lock");
  return std::nullopt;
}

FolderLock FolderLock::inherited(const std::filesystem::path& folder, int file) {
  struct stat wanted {
  }, got{};
  const std::filesystem::path path = folder / "lock";
  const bool same = ::stat(path.c_str(), &wanted) == 0 && ::fstat(file, &got) == 0 &&
                    wanted.st_dev == got.st_dev && wanted.st_ino == got.st_ino;
  check<ValueError>(same && lock(file), "lock: expected the open lock of ", folder.string(),
                    ", got file ", file);
  ::fcntl(file, F_SETFD, FD_CLOEXEC);
  return FolderLock(file);
}

FolderLock::~FolderLock() {
  if (file_ >= 0) ::close(file_);
}

}  // namespace chainline::experiments
