#include "tensor/parallel.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <exception>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "tensor/error.h"

namespace chainline {
namespace {

using Body = std::function<void(std::int64_t, std::int64_t)>;

thread_local bool inside_chunk = false;

/// One loop: threads take the next chunk until none is left.
class Loop {
 public:
  Loop(std::int64_t n, std::int64_t grain, const Body& body) : n_(n), grain_(grain), body_(body) {}

  void run() {
    inside_chunk = true;
    while (true) {
      const std::int64_t begin = next_.fetch_add(grain_, std::memory_order_relaxed);
      if (begin >= n_) break;
      try {
        body_(begin, std::min(begin + grain_, n_));
      } catch (...) {
        const std::lock_guard lock(mutex_);
        if (!error_) error_ = std::current_exception();
      }
    }
    inside_chunk = false;
  }

  void rethrow() const {
    if (error_) std::rethrow_exception(error_);
  }

 private:
  const std::int64_t n_, grain_;
  const Body& body_;
  std::atomic<std::int64_t> next_{0};
  std::mutex mutex_;
  std::exception_ptr error_;
};

/// How long a thread that waits keeps looking before it sleeps. Being woken takes some 50 us, and
/// from one loop of a training step to the next it is often less.
constexpr std::chrono::microseconds kLook{100};

/// Looks for `done` for a while; false if it did not come.
template <class F>
bool look_for(const F& done) {
  const auto start = std::chrono::steady_clock::now();
  do {
    for (int i = 0; i < 64; ++i) {
      if (done()) return true;
#if defined(__x86_64__)
      __builtin_ia32_pause();
#endif
    }
  } while (std::chrono::steady_clock::now() - start < kLook);
  return false;
}

/// Workers that wait until a loop is posted, join it, and report back.
class Pool {
 public:
  explicit Pool(int workers)
      : looks_(static_cast<unsigned>(workers) < std::thread::hardware_concurrency()) {
    for (int i = 0; i < workers; ++i) workers_.emplace_back([this] { work(); });
  }

  ~Pool() {
    {
      const std::lock_guard lock(mutex_);
      stop_ = true;
      ++round_;
    }
    wake_.notify_all();
    for (std::thread& worker : workers_) worker.join();
  }

  int workers() const { return static_cast<int>(workers_.size()); }

  void run(Loop& loop) {
    {
      const std::lock_guard lock(mutex_);
      loop_ = &loop;
      busy_ = workers();
      ++round_;
    }
    wake_.notify_all();
    loop.run();
    const auto done = [&] { return busy_ == 0; };
    if (looks_ && look_for(done)) return;
    std::unique_lock lock(mutex_);
    done_.wait(lock, done);
  }

 private:
  void work() {
    std::uint64_t seen = 0;
    while (true) {
      const auto posted = [&] { return round_ != seen; };
      if (!looks_ || !look_for(posted)) {
        std::unique_lock lock(mutex_);
        wake_.wait(lock, posted);
      }
      if (stop_) return;
      seen = round_;
      loop_->run();
      // Whoever posted the loop may be gone as soon as nobody is busy, but not the pool.
      if (--busy_ == 0) {
        const std::lock_guard lock(mutex_);
        done_.notify_one();
      }
    }
  }

  const bool looks_;  // where each thread has a core; otherwise they would only be in the way
  std::mutex mutex_;
  std::condition_variable wake_, done_;
  Loop* loop_ = nullptr;  // written before round_, read after it
  std::atomic<std::uint64_t> round_{0};
  std::atomic<int> busy_{0};
  std::atomic<bool> stop_{false};
  std::vector<std::thread> workers_;
};

/// Guards the pool: one loop at a time. A second thread's loop waits for the first.
std::mutex pool_mutex;
std::unique_ptr<Pool> pool;
std::atomic<int> wanted_threads{0};

}  // namespace

int threads() {
  const int n = wanted_threads.load();
  return n > 0 ? n : std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
}

int threads_here() { return inside_chunk ? 1 : threads(); }

void set_threads(int n) {
  check<ValueError>(n >= 1 && n <= 1024, "set_threads: expected 1 to 1024 threads, got ", n);
  wanted_threads = n;
}

void parallel_for(std::int64_t n, std::int64_t grain, const Body& body) {
  check<ValueError>(grain >= 1, "parallel_for: expected a grain of at least 1, got ", grain);
  if (n <= 0) return;
  Loop loop(n, grain, body);
  if (inside_chunk) {
    // The same chunks, one after the other.
    for (std::int64_t begin = 0; begin < n; begin += grain) body(begin, std::min(begin + grain, n));
    return;
  }
  if (n <= grain || threads() == 1) {
    loop.run();
  } else {
    const std::lock_guard lock(pool_mutex);
    if (!pool || pool->workers() != threads() - 1) {
      pool.reset();
      pool = std::make_unique<Pool>(threads() - 1);
    }
    pool->run(loop);
  }
  loop.rethrow();
}

}  // namespace chainline
