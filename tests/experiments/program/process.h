#pragma once

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <string>
#include <vector>

#include "tests/tensor/folder.h"

namespace chainline::test {

struct Outcome {
  int code = -1;  ///< exit code, or -signal
  std::string out, err;
};

/// The program `chainline` in a process of its own, its output in two files of `folder`.
class Process {
 public:
  /// With a file limit, writing beyond so many bytes of a file fails as it does on a full disk.
  Process(const std::filesystem::path& folder, const std::vector<std::string>& arguments,
          rlim_t file_limit = RLIM_INFINITY)
      : out_(folder / "stdout.txt"), err_(folder / "stderr.txt") {
    std::vector<std::string> words = {CHAINLINE_BINARY_DIR "/bin/chainline"};
    words.insert(words.end(), arguments.begin(), arguments.end());
    std::vector<char*> argv;
    for (std::string& word : words) argv.push_back(word.data());
    argv.push_back(nullptr);
    const int out = ::open(out_.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    const int err = ::open(err_.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    child_ = ::fork();
    if (child_ == 0) {
      ::dup2(out, STDOUT_FILENO);
      ::dup2(err, STDERR_FILENO);
      if (file_limit != RLIM_INFINITY) {
        std::signal(SIGXFSZ, SIG_IGN);
        const rlimit limit{file_limit, file_limit};
        ::setrlimit(RLIMIT_FSIZE, &limit);
      }
      ::execv(argv[0], argv.data());
      ::_exit(127);
    }
    ::close(out);
    ::close(err);
  }

  void signal(int number) const { ::kill(child_, number); }

  Outcome wait() const {
    int status = 0;
    EXPECT_EQ(::waitpid(child_, &status, 0), child_);
    return {WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status), content_of(out_),
            content_of(err_)};
  }

 private:
  std::filesystem::path out_, err_;
  pid_t child_ = -1;
};

/// A refusal is one sentence and an exit code.
inline void expect_refusal(const Outcome& outcome, int code, const std::string& sentence) {
  EXPECT_EQ(outcome.code, code);
  EXPECT_EQ(outcome.out, "");
  EXPECT_EQ(outcome.err, "chainline: " + sentence + "\n");
}

}  // namespace chainline::test
