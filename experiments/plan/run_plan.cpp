#include "experiments/plan/run_plan.h"

#include <fmt/core.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <list>
#include <optional>
#include <thread>

#include "experiments/plan/child.h"
#include "experiments/plan/folder_lock.h"
#include "experiments/plan/plan_progress.h"
#include "experiments/training/interrupt.h"
#include "experiments/training/terminal.h"

namespace chainline::experiments {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::chrono::milliseconds kPoll{20}, kRedraw{200};
constexpr std::chrono::milliseconds kAskAgain{200};  // whether another process is done with a job
constexpr std::size_t kLinesShown = 5;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

/// A job in a process.
struct Running {
  RunningShare share;
  Child child;
  Clock::time_point start = Clock::now();
};

std::string how_it_ended(const ProcessEnd& end) {
  if (end.signal == 0) return fmt::format("exit code {}", end.code);
  if (end.signal == SIGKILL) return "killed (signal 9), as a system does that runs out of memory";
  return fmt::format("ended by signal {} ({})", end.signal, strsignal(end.signal));
}

std::string jobs_text(std::size_t n) { return fmt::format("{} {}", n, n == 1 ? "job" : "jobs"); }

/// The sentence of a program's error, without the program's name.
std::string sentence_of(const std::string& line) {
  const std::string name = "chainline: ";
  return line.rfind(name, 0) == 0 ? line.substr(name.size()) : line;
}

class PlanRunner {
 public:
  PlanRunner(const Plan& plan, const Store& store, const JobKinds& kinds,
             const PlanOptions& options)
      : plan_(plan),
        store_(store),
        kinds_(kinds),
        options_(options),
        done_(plan.size()),
        ask_again_(plan.size()) {
    for (std::size_t i = 0; i < plan.size(); ++i) {
      check<ValueError>(kinds.count(plan.job(i).kind) > 0, "plan: ", plan.job(i).name,
                        ": kind: expected one that this program knows, got ",
                        excerpt(plan.job(i).kind));
    }
    check<ValueError>(options.jobs >= 0, "plan: jobs: expected at least 0, got ", options.jobs);
    const std::vector<JobState> states = job_states(plan, store);
    for (std::size_t i = 0; i < plan.size(); ++i) {
      done_[i] = states[i] == JobState::finished || states[i] == JobState::adopted;
      outcome_.found += states[i] == JobState::finished;
      outcome_.adopted += states[i] == JobState::adopted;
    }
  }

  PlanOutcome run() {
    const std::string adopted =
        outcome_.adopted > 0 ? fmt::format(", {} adopted", outcome_.adopted) : "";
    const PlanProgress start = progress();
    const std::string left =
        start.done == start.jobs ? "" : "; about " + duration_text(seconds_left(start)) + " to go";
    say(fmt::format("{}: {}, {} done{}{}", options_.title, jobs_text(plan_.size()), outcome_.found,
                    adopted, left));
    while (!all_done()) {
      reap();
      if (interrupt_.requested() && !stopping_) stop();
      if (!stopping_ && !failure_) start_some();
      if (running_.empty() && (stopping_ || failure_)) break;
      say_what_is_waited_for();
      show();
      std::this_thread::sleep_for(kPoll);
    }
    outcome_.seconds = seconds_since(start_);
    line_.clear();
    if (failure_) throw *failure_;
    if (!all_done()) {
      throw Interrupted(fmt::format("{}: stopped with {} of {} done; {}", options_.title,
                                    progress().done, jobs_text(plan_.size()), options_.again));
    }
    return outcome_;
  }

 private:
  bool all_done() const { return std::find(done_.begin(), done_.end(), false) == done_.end(); }

  PlanProgress progress() const {
    std::vector<RunningShare> shares;
    for (const Running& r : running_) shares.push_back(r.share);
    PlanProgress p = progress_of(plan_, done_, shares, here_);
    p.seconds = seconds_since(start_);
    p.parallel = std::max(options_.jobs, 1);
    return p;
  }

  void say(const std::string& text) {
    line_.clear();
    std::fprintf(stderr, "%s\n", text.c_str());
  }

  void show() {
    if (!line_.exists() || Clock::now() - shown_ < kRedraw) return;
    shown_ = Clock::now();
    std::vector<std::string> names;
    for (const Running& r : running_) names.push_back(plan_.job(r.share.job).name);
    line_.draw(plan_line(options_.title, progress(), names, line_.columns()));
  }

  /// Takes note of a result that is there.
  void finish(std::size_t job, double from, double seconds) {
    done_[job] = true;
    ++outcome_.done_here;
    here_.push_back({job, from, 1});
    if (line_.exists()) return;
    say(plan_line(options_.title, progress(), {}, 0) + "  " + plan_.job(job).name + " took " +
        duration_text(seconds));
  }

  /// Once, where nothing runs here since other processes are at it.
  void say_what_is_waited_for() {
    if (!running_.empty() || all_done() || !find_startable().empty() || said_waiting_) return;
    said_waiting_ = true;
    say(options_.title + ": waiting for jobs that another process is doing");
  }

  void start_some() {
    const auto workers = static_cast<std::size_t>(std::max(options_.jobs, 1));
    while (running_.size() < workers) {
      const std::vector<std::size_t> startable = find_startable();
      if (startable.empty()) return;
      start(next_job(plan_, done_, startable));
      if (options_.jobs == 0) return;  // that took its time: look for signals in between
    }
  }

  std::vector<std::size_t> find_startable() const {
    const Clock::time_point now = Clock::now();
    std::vector<bool> taken = done_;
    for (const Running& r : running_) taken[r.share.job] = true;
    std::vector<std::size_t> startable;
    for (std::size_t i = 0; i < plan_.size(); ++i) {
      const std::vector<std::size_t>& needs = plan_.needs(i);
      if (!taken[i] && ask_again_[i] <= now &&
          std::all_of(needs.begin(), needs.end(), [&](std::size_t n) { return done_[n]; })) {
        startable.push_back(i);
      }
    }
    return startable;
  }

  void start(std::size_t job) {
    const std::string& key = plan_.key(job);
    const std::filesystem::path folder = store_.folder_of(key);
    store_.make_folder(key);
    const std::optional<FolderLock> lock = FolderLock::take(folder);
    if (!lock) {
      ask_again_[job] = Clock::now() + kAskAgain;
      return;
    }
    if (store_.is_finished(key)) {  // by another process, since this one looked
      done_[job] = true;
      ++outcome_.done_beside;
      return;
    }
    store_.describe(plan_, job);
    const double from = progress_in(folder);
    if (options_.jobs == 0) {
      const Clock::time_point begin = Clock::now();
      try {
        do_job(store_, folder, kinds_, [](double) {});
      } catch (const Interrupted&) {
        stopping_ = true;
        return;
      }
      finish(job, 0, seconds_since(begin));
      return;
    }
    std::vector<std::string> words = options_.command;
    for (const std::string& word : to_arguments({folder, lock->file(), store_.adopted()})) {
      words.push_back(word);
    }
    const int threads = options_.threads > 0
                            ? options_.threads
                            : std::max(PlanOptions::processors() / options_.jobs, 1);
    words.push_back("--threads");
    words.push_back(std::to_string(threads));
    running_.push_back({{job, from, from}, Child(words, folder / "log.txt", lock->file())});
  }

  void reap() {
    for (auto at = running_.begin(); at != running_.end();) {
      const std::size_t job = at->share.job;
      const std::filesystem::path folder = store_.folder_of(plan_.key(job));
      if (const std::optional<ProcessEnd> end = at->child.poll()) {
        const Running ended = std::move(*at);
        at = running_.erase(at);
        take_note(ended, *end);
        continue;
      }
      at->share.now = progress_in(folder);
      at->share.from = std::min(at->share.from, at->share.now);  // it went further back
      ++at;
    }
  }

  void take_note(const Running& ended, const ProcessEnd& end) {
    const std::size_t job = ended.share.job;
    if (store_.is_finished(plan_.key(job))) {  // whatever came after
      finish(job, ended.share.from, seconds_since(ended.start));
      return;
    }
    const bool heard = end.signal == SIGTERM || end.signal == SIGINT || end.code == 130;
    // A Ctrl-C reaches the jobs, too, and they may be quicker.
    if (heard && (stopping_ || interrupt_.requested())) return;
    const std::vector<std::string> lines = ended.child.last_lines(kLinesShown);
    const std::string& name = plan_.job(job).name;
    std::string how = end.signal == 0 && end.code == 0 ? "no result" : how_it_ended(end);
    if (!lines.empty()) how += ": " + sentence_of(lines.back());
    const std::string log = (store_.folder_of(plan_.key(job)) / "log.txt").string();
    const std::string sentence = options_.title + ": " + name + ": " + how + " (" + log + ")";
    for (const std::string& line : lines) say(name + " | " + line);
    if (!running_.empty() && !failure_) {
      say(fmt::format("{}: {} failed; waiting for {} that {} still running", options_.title, name,
                      running_.size(), running_.size() == 1 ? "is" : "are"));
    }
    const int code = end.signal != 0 ? 128 + end.signal : std::max(end.code, 1);
    if (!failure_) failure_.emplace(sentence, code);
  }

  void stop() {
    stopping_ = true;
    say(options_.title + ": stopping; jobs that run keep what they have done");
    for (const Running& r : running_) r.child.terminate();
  }

  const Plan& plan_;
  const Store& store_;
  const JobKinds& kinds_;
  const PlanOptions& options_;
  const InterruptNote interrupt_;
  const Clock::time_point start_ = Clock::now();
  StatusLine line_;
  Clock::time_point shown_{};
  PlanOutcome outcome_;
  std::vector<bool> done_;
  std::vector<RunningShare> here_;
  std::vector<Clock::time_point> ask_again_;  // not before then whether a job's folder is free
  std::list<Running> running_;
  bool stopping_ = false, said_waiting_ = false;
  std::optional<JobFailed> failure_;
};

}  // namespace

int PlanOptions::processors() {
  return static_cast<int>(std::max(std::thread::hardware_concurrency(), 1u));
}

PlanOutcome run_plan(const Plan& plan, const Store& store, const JobKinds& kinds,
                     const PlanOptions& options) {
  return PlanRunner(plan, store, kinds, options).run();
}

}  // namespace chainline::experiments
