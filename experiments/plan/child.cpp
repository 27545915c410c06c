#include "experiments/plan/child.h"

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <fstream>
#include <system_error>
#include <utility>

#include "tensor/error.h"

namespace chainline::experiments {
namespace {

std::string reason(int error) { return std::error_code(error, std::generic_category()).message(); }

/// An open file that is closed in time.
struct OpenFile {
  int number;
  explicit OpenFile(int file) : number(file) {}
  ~OpenFile() {
    if (number >= 0) ::close(number);
  }
  OpenFile(const OpenFile&) = delete;
  OpenFile& operator=(const OpenFile&) = delete;
};

/// What happens between fork and exec, where other threads may have left locks taken: calls of the
/// system only.
[[noreturn]] void become(char* const* words, int nothing, int log, int kept_open, pid_t parent,
                         const sigset_t& signals) {
  ::prctl(PR_SET_PDEATHSIG, SIGTERM);
  if (::getppid() != parent) ::_exit(130);  // it was gone before it could be watched
  // Signals were held back, so that none is taken by a handler which is about to go.
  std::signal(SIGINT, SIG_DFL);
  std::signal(SIGTERM, SIG_DFL);
  sigprocmask(SIG_SETMASK, &signals, nullptr);
  ::dup2(nothing, STDIN_FILENO);
  ::dup2(log, STDOUT_FILENO);
  ::dup2(log, STDERR_FILENO);
  ::fcntl(kept_open, F_SETFD, 0);
  ::execv(words[0], words);
  constexpr char kSentence[] = "cannot be executed\n";
  if (::write(STDERR_FILENO, kSentence, sizeof kSentence - 1) < 0) ::_exit(126);
  ::_exit(127);
}

}  // namespace

Child::Child(std::vector<std::string> words, std::filesystem::path log, int kept_open)
    : log_(std::move(log)) {
  const OpenFile nothing(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  const OpenFile file(::open(log_.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666));
  check<FileError>(file.number >= 0, log_.string(), ": cannot open: ", reason(errno));
  log_start_ = std::filesystem::file_size(log_);
  std::vector<char*> arguments;
  for (std::string& word : words) arguments.push_back(word.data());
  arguments.push_back(nullptr);
  const pid_t parent = ::getpid();
  sigset_t held, before;
  sigemptyset(&held);
  sigaddset(&held, SIGINT);
  sigaddset(&held, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &held, &before);
  process_ = ::fork();
  if (process_ == 0) {
    become(arguments.data(), nothing.number, file.number, kept_open, parent, before);
  }
  const int error = errno;
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  check<Error>(process_ > 0, words[0], ": cannot start a process: ", reason(error));
}

Child::Child(Child&& other) noexcept
    : log_(std::move(other.log_)),
      log_start_(other.log_start_),
      process_(std::exchange(other.process_, -1)) {}

Child& Child::operator=(Child&& other) noexcept {
  std::swap(log_, other.log_);
  std::swap(log_start_, other.log_start_);
  std::swap(process_, other.process_);
  return *this;
}

Child::~Child() {
  if (process_ < 0) return;
  terminate();
  while (::waitpid(process_, nullptr, 0) < 0 && errno == EINTR) continue;
}

std::optional<ProcessEnd> Child::poll() {
  int status = 0;
  if (process_ < 0 || ::waitpid(process_, &status, WNOHANG) != process_) return std::nullopt;
  process_ = -1;
  if (WIFSIGNALED(status)) return ProcessEnd{0, WTERMSIG(status)};
  return ProcessEnd{WEXITSTATUS(status), 0};
}

void Child::terminate() const {
  if (process_ > 0) ::kill(process_, SIGTERM);
}

std::vector<std::string> Child::last_lines(std::size_t most) const {
  std::ifstream file(log_, std::ios::binary);
  file.seekg(static_cast<std::streamoff>(log_start_));
  std::vector<std::string> lines;
  for (std::string line; std::getline(file, line);) {
    if (line.find_first_not_of(" \t\r") == std::string::npos) continue;
    if (lines.size() == most) lines.erase(lines.begin());
    lines.push_back(line);
  }
  return lines;
}

}  // namespace chainline::experiments
