#include "experiments/bench/runner.h"

#include <fmt/format.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cctype>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "tensor/error.h"

namespace chainline::experiments {
namespace {

namespace fs = std::filesystem;

constexpr int kRefusedAnswers = 3;  // what chainline_bench ends with then

/// Runs the program with its standard output going to `out`; its exit code.
int wait_for(const fs::path& program, std::vector<std::string> words, int out) {
  words.insert(words.begin(), program.string());
  std::vector<char*> argv;
  for (std::string& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  const pid_t child = ::fork();
  check<DeviceError>(child >= 0, "bench: fork: ", std::strerror(errno));
  if (child == 0) {
    // Contenders' idle threads sleep, as ours do; by default they would spin through our turn.
    ::setenv("OMP_WAIT_POLICY", "passive", 0);
    ::dup2(out, STDOUT_FILENO);
    ::execv(argv[0], argv.data());
    ::_exit(127);
  }
  int status = 0;
  while (::waitpid(child, &status, 0) < 0) {
    check<DeviceError>(errno == EINTR, "bench: waitpid: ", std::strerror(errno));
  }
  check<Error>(WIFEXITED(status), "bench: ", program.string(), ": expected it to end, got signal ",
               WIFSIGNALED(status) ? WTERMSIG(status) : 0);
  return WEXITSTATUS(status);
}

/// Everything but letters, digits and _ means itself in the filter.
std::string escaped(const std::string& text) {
  std::string out;
  for (const char c : text) {
    const bool plain = std::isalnum(static_cast<unsigned char>(c)) || c == '_' || c == '/';
    out += plain ? std::string(1, c) : std::string("[") + c + "]";
  }
  return out;
}

}  // namespace

BenchRunner::BenchRunner(Device device)
    : program_(fs::read_symlink("/proc/self/exe").parent_path() / "chainline_bench") {
  check<DeviceError>(fs::exists(program_), "bench: expected the benchmarks at ", program_.string(),
                     ", got a build without them; ./run bench makes one that has them");
  if (device.type == DeviceType::cuda) device_ = {"--device=cuda"};
}

std::vector<std::string> BenchRunner::names() const {
  // A file, for a pipe holds less than the list while nobody reads.
  std::FILE* const file = std::tmpfile();
  check<DeviceError>(file != nullptr, "bench: tmpfile: ", std::strerror(errno));
  std::vector<std::string> asked = device_;
  asked.push_back("--benchmark_list_tests");
  const int code = wait_for(program_, asked, ::fileno(file));
  std::rewind(file);
  std::vector<std::string> names(1);
  for (int c = std::fgetc(file); c != EOF; c = std::fgetc(file)) {
    if (c == '\n') {
      names.emplace_back();
    } else {
      names.back() += static_cast<char>(c);
    }
  }
  std::fclose(file);
  names.pop_back();
  check<Error>(code == 0, "bench: ", program_.string(), ": expected its list, got exit code ",
               code);
  return names;
}

void BenchRunner::run(const Options& options, const fs::path& out) const {
  std::vector<std::string> words = {"--progress",
                                    fmt::format("--threads={}", options.threads),
                                    fmt::format("--benchmark_repetitions={}", options.repetitions),
                                    fmt::format("--benchmark_min_time={}", options.min_seconds),
                                    "--benchmark_out_format=json",
                                    "--benchmark_out=" + out.string()};
  if (!options.start.empty())
    words.push_back("--benchmark_filter=^" + escaped(options.start) + "(/|$)");
  words.insert(words.begin(), device_.begin(), device_.end());
  const int code = wait_for(program_, words, STDERR_FILENO);
  check<Error>(code == 0 || code == kRefusedAnswers, "bench: ", program_.string(),
               ": expected exit code 0 or ", kRefusedAnswers, ", got ", code);
}

}  // namespace chainline::experiments
