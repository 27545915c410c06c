#pragma once

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <map>
#include <string>
#include <thread>
#include <vector>

#include "experiments/data/json.h"
#include "experiments/plan/job_command.h"
#include "experiments/plan/run_plan.h"
#include "experiments/training/interrupt.h"
#include "tensor/atomic_file.h"
#include "tensor/error.h"
#include "tensor/sha256.h"
#include "tests/tensor/folder.h"

/// Jobs that cost nothing, and a test program that is its own scheduler and worker: toy_main() does
/// one of
///
///     PROGRAM                     the tests
///     PROGRAM job FOLDER ...      one toy job
///     PROGRAM plan NAME FOLDER N  a toy plan, with N jobs side by side; exits as `chainline` does
namespace chainline::experiments::toy {

inline void add_line(const std::filesystem::path& path, const std::string& line) {
  const int file = ::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
  const std::string text = line + "\n";
  EXPECT_EQ(::write(file, text.data(), text.size()), static_cast<ssize_t>(text.size()));
  ::close(file);
}

inline void sleep_ms(std::int64_t ms) {
  std::this_thread::sleep_for(std::chrono::milliseconds(ms));
}

/// Waits until something is there; a test that waits in vain is ended by ctest.
inline void wait_for(const std::filesystem::path& path) {
  while (!std::filesystem::exists(path)) sleep_ms(1);
}

/// A training in small: `steps` links of a chain of hashes that begins with the needs' results, a
/// checkpoint after each. starts.txt gets a line for each start, and one more where it should not
/// have been started.
inline Json walk(const JobContext& job) {
  const std::filesystem::path checkpoint = job.folder / "checkpoint.json";
  const bool done = std::filesystem::exists(job.folder / "result.json");
  add_line(job.folder / "starts.txt", done ? "started though it was done" : "started");
  Json state = {{"step", 0}, {"value", job.config.at("of")}};
  for (const NeededResult& need : job.needs) {
    state["value"] =
        sha256_hex(state["value"].get<std::string>() + need.result.at("value").get<std::string>());
  }
  if (std::filesystem::exists(checkpoint)) state = read_json(checkpoint);
  const int steps = job.config.value("steps", 1);
  for (int step = state["step"]; step < steps;) {
    sleep_ms(job.config.value("pause_ms", 0));
    state["step"] = ++step;
    state["value"] = sha256_hex(state["value"].get<std::string>());
    const std::string text = state.dump();
    write_file_atomically(checkpoint, std::as_bytes(std::span(text)));
    job.progress(static_cast<double>(step) / steps);
  }
  return {{"steps", steps}, {"value", state["value"]}};
}

/// Goes on until a signal comes, keeps what it has, and finishes when it finds that again.
inline Json until_interrupted(const JobContext& job) {
  if (std::filesystem::exists(job.folder / "kept.txt")) return "went on";
  const InterruptNote interrupt;
  add_line(job.folder / "begun.txt", "");
  while (!interrupt.requested()) sleep_ms(1);
  add_line(job.folder / "kept.txt", "");
  throw Interrupted("toy: stopped");
}

inline JobKinds kinds() {
  return {
      {"walk", walk},
      {"until interrupted", until_interrupted},
      {"says", [](const JobContext& job) { return job.config; }},
      {"fails",
       [](const JobContext&) -> Json {
         std::fprintf(stderr, "about to fail\n\n");
         throw ValueError("toy: x: expected 1, got 2");
       }},
      {"is killed",
       [](const JobContext&) -> Json {
         ::raise(SIGKILL);
         return 0;
       }},
      {"crashes",
       [](const JobContext&) -> Json {
         std::signal(SIGSEGV, SIG_DFL);  // the sanitizers would exit instead
         ::raise(SIGSEGV);
         return 0;
       }},
      {"leaves", [](const JobContext&) -> Json { std::_Exit(0); }},
  };
}

inline Job job(const std::string& name, const std::string& kind, Json config = Json::object(),
               const std::vector<std::string>& needs = {}) {
  Job j;
  j.name = name;
  j.kind = kind;
  config["of"] = name;
  j.config = config;
  j.needs = needs;
  return j;
}

/// Four layers of three jobs, each of which needs two of the layer before.
inline Plan layers(int steps = 12, int pause_ms = 1) {
  std::vector<Job> jobs;
  for (int layer = 0; layer < 4; ++layer) {
    for (int i = 0; i < 3; ++i) {
      const auto name = [&](int l, int k) {
        return std::to_string(l) + "-" + std::to_string(k % 3);
      };
      std::vector<std::string> needs;
      if (layer > 0) needs = {name(layer - 1, i), name(layer - 1, i + 1)};
      jobs.push_back(
          job(name(layer, i), "walk", {{"steps", steps}, {"pause_ms", pause_ms}}, needs));
    }
  }
  return Plan(jobs);
}

inline Plan plan_called(const std::string& name) {
  if (name == "layers") return layers();
  return Plan({job("a", "until interrupted"), job("b", "until interrupted"),
               job("c", "says", Json::object(), {"a", "b"})});
}

/// What every plan's results are, by the names of the jobs.
inline std::map<std::string, Json> results(const Plan& plan, const Store& store) {
  std::map<std::string, Json> all;
  for (std::size_t i = 0; i < plan.size(); ++i) {
    all[plan.job(i).name] = store.read(plan.key(i)).result;
  }
  return all;
}

inline int exit_code(const std::function<void()>& work) {
  const auto fail = [](int code, const char* sentence) {
    std::fprintf(stderr, "chainline: %s\n", sentence);
    return code;
  };
  try {
    work();
    return 0;
  } catch (const Interrupted& e) {
    return fail(130, e.what());
  } catch (const JobFailed& e) {
    return fail(e.exit_code(), e.what());
  } catch (const std::exception& e) {
    return fail(2, e.what());
  }
}

inline int toy_main(int argc, char** argv) {
  const std::string word = argc > 1 ? argv[1] : "";
  if (word == "job") {
    return exit_code([&] {
      CLI::App program;
      int threads = 0;
      program.fallthrough();
      program.add_option("--threads", threads);
      add_job(program, kinds());
      program.parse(argc, argv);
    });
  }
  if (word == "plan") {
    return exit_code([&] {
      PlanOptions options;
      options.title = "toys";
      options.jobs = std::stoi(argv[4]);
      run_plan(plan_called(argv[2]), Store(argv[3]), kinds(), options);
    });
  }
  testing::InitGoogleTest(&argc, argv);
  return RUN_ALL_TESTS();
}

/// A toy plan in a process of its own, which leads a group of its own.
class Scheduler {
 public:
  Scheduler(const std::string& plan, const std::filesystem::path& folder, int jobs,
            std::filesystem::path said)
      : said_(std::move(said)) {
    std::vector<std::string> words = {"/proc/self/exe", "plan", plan, folder.string(),
                                      std::to_string(jobs)};
    std::vector<char*> arguments;
    for (std::string& w : words) arguments.push_back(w.data());
    arguments.push_back(nullptr);
    const int file = ::open(said_.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    process_ = ::fork();
    if (process_ == 0) {
      ::prctl(PR_SET_PDEATHSIG, SIGKILL);  // a test that is ended leaves nothing behind
      ::setpgid(0, 0);
      ::dup2(file, STDERR_FILENO);
      ::execv(arguments[0], arguments.data());
      ::_exit(127);
    }
    ::setpgid(process_, process_);  // whichever of the two comes first
    ::close(file);
  }

  void signal(int number) const { ::kill(process_, number); }
  void signal_all(int number) const { ::kill(-process_, number); }
  /// Its exit code, or the negative signal that ended it.
  int wait() const {
    int status = 0;
    EXPECT_EQ(::waitpid(process_, &status, 0), process_);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
  }
  std::string said() const { return test::content_of(said_); }

 private:
  std::filesystem::path said_;
  pid_t process_ = -1;
};

}  // namespace chainline::experiments::toy
