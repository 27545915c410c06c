// train_run: the same weights for any threads, micro-batches and interruptions, and what it refuses.

#include "experiments/training/run.h"

#include <algorithm>
#include <csignal>

#include "experiments/training/log.h"
#include "nn/checkpoint.h"
#include "tensor/backend.h"
#include "tensor/parallel.h"
#include "tests/experiments/data/folder.h"
#include "tests/experiments/training/tiny.h"

namespace chainline::experiments {
namespace {

/// A training of the tiny model in a folder; returns what train_run did.
struct TinyRun {
  Dataset data = tiny_data();
  LoadedModel model = tiny_model(data);
  Samples samples = tiny_samples(data, model);
  TrainingConfig config = tiny_training();
  RunPlan plan;

  explicit TinyRun(const std::filesystem::path& folder) {
    plan.folder = folder;
    plan.checkpoint_every = 3;
    plan.texts = model_texts(model);
  }
  TrainedRun operator()() { return train_run(model.model, samples, config, plan); }
};

TEST(TrainRun, GivesTheSameWeightsForAnyThreadsAndMicroBatches) {
  const TemporaryFolder folder;
  const int before = threads();
  std::string expected;
  int runs = 0;
  for (const int thread_count : {1, 2}) {
    for (const std::int64_t micro_batch : {5, 1, 3}) {
      set_threads(thread_count);
      TinyRun run(folder / std::to_string(runs++));
      run.config.micro_batch = micro_batch;
      const std::string hash = run().weights_sha256;
      if (expected.empty()) expected = hash;
      EXPECT_EQ(hash, expected) << thread_count << " threads, micro-batches of " << micro_batch;
    }
  }
  set_threads(before);
}

TEST(TrainRun, GivesTheSameWeightsWithBlocksRecomputed) {
  const TemporaryFolder folder;
  TinyRun kept(folder / "kept"), recomputed(folder / "recomputed");
  recomputed.config.recompute = true;
  recomputed.config.micro_batch = 2;
  EXPECT_EQ(recomputed().weights_sha256, kept().weights_sha256);
}

TEST(TrainRun, TrainsAndHashesWhatItTrained) {
  const TemporaryFolder folder;
  TinyRun run(folder / "a"), other(folder / "b");
  const std::string fresh = nn::hash_of(nn::named_parameters(run.model.model));
  const TrainedRun done = run();
  EXPECT_NE(done.weights_sha256, fresh);
  EXPECT_EQ(done.steps, 8);
  EXPECT_EQ(done.resumed_from, 0);
  other.config.seed = 2;
  EXPECT_NE(other().weights_sha256, done.weights_sha256);
}

TEST(TrainRun, ReturnsAtOnceWithTheWeightsOfAFinishedRun) {
  const TemporaryFolder folder;
  TinyRun first(folder / "run"), again(folder / "run");
  const TrainedRun done = first();
  again.config.micro_batch = 2;
  const TrainedRun second = again();
  EXPECT_EQ(second.resumed_from, 8);
  EXPECT_EQ(second.weights_sha256, done.weights_sha256);
  EXPECT_EQ(second.seconds, done.seconds);
}

TEST(TrainRun, CutsTheLinesThatAKilledRunWroteAfterItsCheckpoint) {
  const TemporaryFolder folder;
  TinyRun run(folder / "run");
  run();
  const std::filesystem::path path = folder / "run" / "log.jsonl";
  { TrainingLog log(path, Json::object(), 5); }
  EXPECT_EQ(read_log(path).size(), 5u);
  EXPECT_EQ(refusal<FileError>([&] { TrainingLog log(path, Json::object(), 6); }),
            path.string() + ": expected the lines of 6 steps, got 5");
}

TEST(TrainRun, StopsAtASignalWithACheckpointAndGoesOnFromIt) {
  const TemporaryFolder folder;
  TinyRun whole(folder / "whole"), stopped(folder / "stopped"), resumed(folder / "stopped");
  for (TinyRun* run : {&whole, &stopped, &resumed}) {
    run->config.steps = 60;  // long enough that the signal comes before the end
    run->plan.checkpoint_every = 60;
  }
  const TrainedRun expected = whole();
  resumed.config.recompute = true;  // changes no bit, so a training may go on with it
  // The signal is there before the first step ends: raised by a thread as soon as the log is.
  std::thread sender([&] {
    while (!std::filesystem::exists(folder / "stopped" / "log.jsonl")) ::usleep(100);
    ::kill(::getpid(), SIGTERM);
  });
  const std::string sentence = refusal<Interrupted>([&] { stopped(); });
  sender.join();
  EXPECT_EQ(sentence.rfind("training: stopped after step ", 0), 0u) << sentence;
  const TrainedRun done = resumed();
  EXPECT_GT(done.resumed_from, 0);
  EXPECT_EQ(done.weights_sha256, expected.weights_sha256);
}

TEST(TrainRun, GoesOnWithTheKernelsThatItHadInTheFastClass) {
  if (cuda::device_count() == 0) GTEST_SKIP() << "no CUDA device";
  const TemporaryFolder folder;
  Backend& backend = cuda::backend(0);
  TinyRun stopped(folder / "run"), resumed(folder / "run");
  for (TinyRun* run : {&stopped, &resumed}) {
    run->config.steps = 3;
    run->config.math = Math::fast;
    nn::move_to(run->model.model, Device{DeviceType::cuda, 0});
  }
  const KernelChoice mark = {"product", "of no call of this training", "own"};
  backend.set_kernel_choices({mark});
  std::thread sender([&] {
    while (!std::filesystem::exists(folder / "run" / "log.jsonl")) ::usleep(100);
    ::kill(::getpid(), SIGTERM);
  });
  refusal<Interrupted>([&] { stopped(); });
  sender.join();
  const std::vector<KernelChoice> had = backend.kernel_choices();
  EXPECT_GT(had.size(), 1u);
  backend.set_kernel_choices({});
  EXPECT_GT(resumed().resumed_from, 0);
  // Later batches have other shapes, so there may be more.
  const std::vector<KernelChoice> has = backend.kernel_choices();
  for (const KernelChoice& c : had) {
    EXPECT_NE(std::find(has.begin(), has.end(), c), has.end()) << c.op << ' ' << c.shape;
  }
  backend.set_kernel_choices({});
}

TEST(TrainRun, LeavesFrozenParametersAsTheyWere) {
  const TemporaryFolder folder;
  TinyRun run(folder / "run");
  nn::set_trainable(run.model.model, "vision_tower", false);
  LoadedModel before = tiny_model(run.data);
  run();
  const auto a = nn::tensors_of(nn::named_parameters(before.model));
  for (const auto& [name, tensor] : nn::tensors_of(nn::named_parameters(run.model.model))) {
    const bool frozen = name.rfind("vision_tower", 0) == 0;
    EXPECT_EQ(same_bits(tensor, a.at(name)), frozen) << name;
  }
}

TEST(TrainRun, RefusesTheCheckpointOfAnotherTraining) {
  const TemporaryFolder folder;
  TinyRun run(folder / "run");
  run();
  const std::string where = (folder / "run" / "checkpoint" / "training.json").string();
  TinyRun faster(folder / "run");
  faster.config.learning_rate = 0.5;
  EXPECT_EQ(refusal<FileError>([&] { faster(); }),
            where +
                ": learning_rate: this training has 0.5, the checkpoint has 0.01; use another "
                "folder for another training");
  TinyRun other(folder / "run");
  other.model = tiny_model(other.data, 2);
  EXPECT_NE(refusal<FileError>([&] {
              other();
            }).find("first_weights_sha256 (the weights before the first step): this training has"),
            std::string::npos);
  TinyRun frozen(folder / "run");
  nn::set_trainable(frozen.model.model, "vision_tower", false);
  EXPECT_NE(refusal<FileError>([&] {
              frozen();
            }).find("trainable_sha256 (which parameters are trained): this training has"),
            std::string::npos);
}

}  // namespace
}  // namespace chainline::experiments
