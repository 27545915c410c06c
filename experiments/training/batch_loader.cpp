#include "experiments/training/batch_loader.h"

#include <pthread.h>

#include <algorithm>
#include <csignal>
#include <utility>

#include "tensor/parallel.h"

namespace chainline::experiments {
namespace {

constexpr int kMostLoaders = 4;
constexpr std::size_t kAhead = 2;  // batches a loader, the one in its hands included

/// While it lives, new threads are born with all signals blocked: a signal is for the thread that
/// waits for it, not for a loader.
class SignalsBlocked {
 public:
  SignalsBlocked() {
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before_);
  }
  ~SignalsBlocked() { pthread_sigmask(SIG_SETMASK, &before_, nullptr); }
  SignalsBlocked(const SignalsBlocked&) = delete;
  SignalsBlocked& operator=(const SignalsBlocked&) = delete;

 private:
  sigset_t before_{};
};

}  // namespace

int BatchLoader::default_loaders() { return std::clamp(threads() - 1, 0, kMostLoaders); }

BatchLoader::BatchLoader(const Samples& samples, std::int64_t pad_token, std::int64_t first,
                         std::int64_t end, Choose choose, int loaders)
    : samples_(samples),
      pad_token_(pad_token),
      end_(end),
      choose_(std::move(choose)),
      wanted_(first),
      handed_out_(first) {
  check<ValueError>(loaders >= 0 && loaders <= 64, "batch_loader: loaders: expected 0 .. 64, got ",
                    loaders);
  slots_.resize(kAhead * static_cast<std::size_t>(loaders));
  const SignalsBlocked blocked;
  try {
    for (int i = 0; i < loaders; ++i) loaders_.emplace_back([this] { load(); });
  } catch (...) {
    stop();
    throw;
  }
}

BatchLoader::~BatchLoader() { stop(); }

void BatchLoader::stop() {
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
  }
  room_.notify_all();
  for (std::thread& loader : loaders_) loader.join();
}

void BatchLoader::load() {
  std::unique_lock lock(mutex_);
  const auto ahead = static_cast<std::int64_t>(slots_.size());
  while (true) {
    room_.wait(lock, [&] { return stop_ || handed_out_ == end_ || handed_out_ < wanted_ + ahead; });
    if (stop_ || handed_out_ == end_) return;
    Slot& slot =
        slot_of(handed_out_);  // free: its last batch was taken, number wanted_ - 1 or less
    const std::int64_t number = handed_out_++;
    SampleBatch batch;
    std::exception_ptr error;
    try {
      const std::vector<std::int64_t> chosen = choose_(number);
      lock.unlock();
      batch = samples_.batch(chosen, pad_token_);
    } catch (...) {
      error = std::current_exception();
    }
    if (!lock.owns_lock()) lock.lock();
    slot = {true, std::move(batch), error};
    filled_.notify_one();
  }
}

SampleBatch BatchLoader::next() {
  check<ValueError>(wanted_ < end_, "batch_loader: next: expected a number below ", end_, ", got ",
                    wanted_);
  if (loaders_.empty()) {
    SampleBatch batch = samples_.batch(choose_(wanted_), pad_token_);
    ++wanted_;
    return batch;
  }
  std::unique_lock lock(mutex_);
  Slot& slot = slot_of(wanted_);
  filled_.wait(lock, [&] { return slot.full; });
  if (slot.error) std::rethrow_exception(slot.error);
  SampleBatch batch = std::move(slot.batch);
  slot = {};
  ++wanted_;
  room_.notify_all();
  return batch;
}

}  // namespace chainline::experiments
