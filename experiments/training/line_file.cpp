#include "experiments/training/line_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <span>
#include <string_view>
#include <utility>

#include "experiments/data/json.h"
#include "experiments/data/paths.h"
#include "tensor/atomic_file.h"
#include "tensor/error.h"

namespace chainline::experiments {

LineFile::LineFile(std::filesystem::path path, const std::string& content)
    : path_(std::move(path)) {
  write_file_atomically(path_, std::as_bytes(std::span(content)));
  file_ = ::open(path_.c_str(), O_WRONLY | O_APPEND | O_CLOEXEC);
  check<FileError>(file_ >= 0, path_.string(), ": ", std::strerror(errno));
}

LineFile::~LineFile() {
  if (file_ >= 0) ::close(file_);
}

void LineFile::put(const std::string& text) {
  for (std::size_t done = 0; done < text.size();) {
    const ssize_t n = ::write(file_, text.data() + done, text.size() - done);
    if (n < 0 && errno == EINTR) continue;
    check<FileError>(n >= 0, path_.string(), ": writing: ", std::strerror(errno));
    done += static_cast<std::size_t>(n);
  }
}

void LineFile::sync() {
  check<FileError>(::fsync(file_) == 0, path_.string(), ": syncing: ", std::strerror(errno));
}

std::vector<std::string> complete_lines(const std::filesystem::path& path) {
  const std::vector<std::byte> bytes = read_file(path, kMaxJsonDataBytes);
  const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  std::vector<std::string> lines;
  for (std::size_t begin = 0;;) {
    const std::size_t end = text.find('\n', begin);
    if (end == std::string_view::npos) return lines;
    lines.emplace_back(text.substr(begin, end - begin));
    begin = end + 1;
  }
}

}  // namespace chainline::experiments
