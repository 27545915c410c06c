#pragma once

#include <sys/types.h>

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace chainline::experiments {

/// How a process ended: with an exit code, or by a signal.
struct ProcessEnd {
  int code = 0;    ///< 0 for one that a signal ended
  int signal = 0;  ///< 0 for one that exited
};

/// Another program in a process of its own. What it says is added to a log file; it hears SIGTERM
/// when this process is gone, however that went.
///
/// It stays in this process's group: a Ctrl-C reaches it, too, and Ctrl-Z stops and fg continues
/// both.
class Child {
 public:
  /// Starts words[0], a path, with all words as its arguments. `kept_open` is a file descriptor
  /// that it inherits under the same number.
  ///
  /// **Errors** FileError for a log that cannot be written, Error where there can be no more
  /// processes.
  Child(std::vector<std::string> words, std::filesystem::path log, int kept_open);
  Child(Child&& other) noexcept;
  Child& operator=(Child&& other) noexcept;
  /// One that still runs is told to end, and waited for.
  ~Child();

  /// Its end, once it has ended.
  std::optional<ProcessEnd> poll();
  void terminate() const;

  /// Its last lines so far in the log, at most `most`, without empty ones.
  std::vector<std::string> last_lines(std::size_t most) const;

 private:
  std::filesystem::path log_;
  std::uint64_t log_start_ = 0;  // where its part begins
  pid_t process_ = -1;           // -1 when it has ended
};

}  // namespace chainline::experiments
