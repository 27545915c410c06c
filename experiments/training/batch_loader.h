#pragma once

#include <condition_variable>
#include <cstdint>
#include <exception>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

#include "experiments/training/samples.h"

namespace chainline::experiments {

/// Prepares batches of samples on threads of its own before they are asked for: decoding,
/// watermarks, resizing and filling up happen while the model computes.
///
/// The loaders take the numbers first .. end - 1 in their order, and next() gives the batches in
/// that order, so neither the number of loaders nor their haste shows. At most two batches a loader
/// wait in memory. Loaders run no loop of parallel_for, which would wait for the model's.
///
/// Bits     exact: a batch is a function of its samples
class BatchLoader {
 public:
  /// The samples of batch `number`. Called in ascending order, never by two threads at once.
  using Choose = std::function<std::vector<std::int64_t>(std::int64_t number)>;

  /// One for every thread of threads() but one, at most 4. None with a single thread: then next()
  /// prepares its batch itself, since a second thread would only take turns with the model.
  static int default_loaders();

  /// Keeps a reference to the samples.
  BatchLoader(const Samples& samples, std::int64_t pad_token, std::int64_t first, std::int64_t end,
              Choose choose, int loaders = default_loaders());
  /// Waits until each loader has finished the batch that it is at.
  ~BatchLoader();
  BatchLoader(const BatchLoader&) = delete;
  BatchLoader& operator=(const BatchLoader&) = delete;

  /// The next batch, waited for if it isn't ready.
  ///
  /// **Errors** what preparing this batch threw, here and at every later call; ValueError after the
  /// last batch.
  SampleBatch next();

 private:
  struct Slot {
    bool full = false;
    SampleBatch batch;
    std::exception_ptr error;
  };

  void load();
  void stop();
  Slot& slot_of(std::int64_t number) {
    return slots_[static_cast<std::size_t>(number) % slots_.size()];
  }

  const Samples& samples_;
  const std::int64_t pad_token_, end_;
  const Choose choose_;

  std::mutex mutex_;
  std::condition_variable room_, filled_;
  std::int64_t wanted_;      // the number that next() gives next
  std::int64_t handed_out_;  // the number that a loader takes next
  std::vector<Slot> slots_;  // batch n waits in slot n % size
  bool stop_ = false;
  std::vector<std::thread> loaders_;
};

}  // namespace chainline::experiments
