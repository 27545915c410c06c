#include "tensor/byte_source.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <system_error>

#include "tensor/error.h"

namespace chainline {
namespace {

std::string reason(int error) { return std::error_code(error, std::generic_category()).message(); }

}  // namespace

void MemorySource::read(std::uint64_t offset, std::span<std::byte> to) const {
  check<FileError>(offset <= bytes_.size() && to.size() <= bytes_.size() - offset, name_,
                   ": ends at byte ", bytes_.size(), ", within bytes [", offset, ", ",
                   offset + to.size(), ")");
  std::copy_n(bytes_.begin() + static_cast<std::ptrdiff_t>(offset), to.size(), to.begin());
}

FileSource::FileSource(const std::filesystem::path& path) : name_(path.string()) {
  // Without O_NONBLOCK, opening a named pipe would wait for a writer for ever.
  file_ = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  check<FileError>(file_ >= 0, name_, ": cannot open: ", file_ < 0 ? reason(errno) : "");
  struct ::stat status {};
  const int error = ::fstat(file_, &status) == 0 ? 0 : errno;
  if (error != 0 || !S_ISREG(status.st_mode)) {
    ::close(file_);
    throw FileError(name_ + ": " + (error != 0 ? reason(error) : "not a regular file"));
  }
  size_ = static_cast<std::uint64_t>(status.st_size);
}

FileSource::~FileSource() { ::close(file_); }

void FileSource::read(std::uint64_t offset, std::span<std::byte> to) const {
  while (!to.empty()) {
    const std::size_t most = std::min<std::size_t>(to.size(), std::size_t{1} << 30);
    const ::ssize_t got = ::pread(file_, to.data(), most, static_cast<::off_t>(offset));
    if (got < 0 && errno == EINTR) continue;
    check<FileError>(got >= 0, name_, ": cannot read: ", got < 0 ? reason(errno) : "");
    check<FileError>(got > 0, name_, ": ends at byte ", offset, ", ", to.size(), " bytes early");
    offset += static_cast<std::uint64_t>(got);
    to = to.subspan(static_cast<std::size_t>(got));
  }
}

}  // namespace chainline
