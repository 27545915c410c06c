// BatchLoader: the same batches in the same order by any number of loaders, prepared before they
// are asked for, but not many; its errors reach the caller, and it ends whatever it is at.

#include "experiments/training/batch_loader.h"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <set>

#include "tests/experiments/training/tiny.h"
#include "tests/support.h"

namespace chainline::experiments {
namespace {

/// Pictures of one colour each, and what was asked of them.
class Colours : public ImageSource {
 public:
  std::int64_t size() const override { return 12; }
  Image image(std::int64_t index) const override {
    check<FileError>(index != broken, "colour ", index, ": damaged picture");
    if (pause.count() > 0) std::this_thread::sleep_for(pause);
    const auto shade = static_cast<std::uint8_t>(20 * index);
    {
      const std::lock_guard lock(mutex);
      ++asked;
      by_threads.insert(std::this_thread::get_id());
    }
    changed.notify_all();
    return make_image(16, 16, {shade, 7, shade});
  }
  std::string name(std::int64_t index) const override { return "colour " + std::to_string(index); }

  void wait_until_asked(int times) const {
    std::unique_lock lock(mutex);
    changed.wait(lock, [&] { return asked >= times; });
  }

  std::int64_t broken = -1;
  std::chrono::milliseconds pause{0};
  mutable std::mutex mutex;
  mutable std::condition_variable changed;
  mutable int asked = 0;
  mutable std::set<std::thread::id> by_threads;
};

/// Twelve samples, one of each picture.
struct World {
  std::shared_ptr<Colours> colours = std::make_shared<Colours>();
  Dataset data = tiny_data();
  LoadedModel model = tiny_model(data);
  std::unique_ptr<Samples> samples;

  World() {
    Split split;
    for (std::int64_t i = 0; i < 12; ++i) {
      split.examples.push_back(data.train.examples[static_cast<std::size_t>(i)]);
      split.examples.back().image = i;
    }
    split.images = colours;
    samples = std::make_unique<Samples>(split, 0, 12, model.conversation, 16, nullptr);
  }
  /// Batch n is the samples n and n + 1.
  BatchLoader loader(int loaders, std::int64_t first = 0, std::int64_t end = 11) const {
    const auto choose = [](std::int64_t n) { return std::vector<std::int64_t>{n, n + 1}; };
    return BatchLoader(*samples, 0, first, end, choose, loaders);
  }
};

void expect_equal(const SampleBatch& a, const SampleBatch& b) {
  EXPECT_EQ(a.text.ids, b.text.ids);
  EXPECT_EQ(a.text.labels, b.text.labels);
  EXPECT_EQ(a.labelled, b.labelled);
  EXPECT_EQ(a.pixels, b.pixels);
}

TEST(BatchLoader, GivesTheSameBatchesInOrderForAnyNumberOfLoaders) {
  for (const int loaders : {0, 1, 2, 3, 7}) {
    const World world;
    BatchLoader loader = world.loader(loaders, 2);
    for (std::int64_t n = 2; n < 11; ++n) {
      SCOPED_TRACE(std::to_string(loaders) + " loaders, batch " + std::to_string(n));
      const SampleBatch batch = loader.next();
      expect_equal(batch, world.samples->batch({n, n + 1}, 0));
      EXPECT_EQ(batch.pixels[0], 20 * n);
      EXPECT_EQ(batch.pixels[16 * 16], 7);
    }
  }
}

TEST(BatchLoader, PreparesBatchesOnItsOwnThreadsBeforeTheyAreAskedFor) {
  const World world;
  BatchLoader loader = world.loader(1);
  world.colours->wait_until_asked(3);  // comes to an end though nobody called next()
  for (int n = 0; n < 11; ++n) loader.next();
  EXPECT_EQ(world.colours->by_threads.count(std::this_thread::get_id()), 0u);
}

TEST(BatchLoader, PreparesAtMostTwoBatchesALoaderMoreThanWereAskedFor) {
  for (const int loaders : {1, 2}) {
    const World world;
    BatchLoader loader = world.loader(loaders);
    for (int n = 0; n < 11; ++n) {
      {
        const std::lock_guard lock(world.colours->mutex);
        EXPECT_LE(world.colours->asked, n + 2 * loaders + 1);  // a batch adds one picture
      }
      loader.next();
    }
  }
}

TEST(BatchLoader, PreparesInLineWithoutLoaders) {
  const World world;
  BatchLoader loader = world.loader(0);
  EXPECT_EQ(world.colours->asked, 0);
  loader.next();
  EXPECT_EQ(world.colours->asked, 2);
  loader.next();
  EXPECT_EQ(world.colours->asked, 3);  // a picture that was prepared is kept
  const std::set<std::thread::id> self{std::this_thread::get_id()};
  EXPECT_EQ(world.colours->by_threads, self);
}

TEST(BatchLoader, HasNoLoadersForOneThreadAndFourAtMost) {
  const int before = threads();
  for (const auto& [thread_count, loaders] : {std::pair{1, 0}, {2, 1}, {4, 3}, {64, 4}}) {
    set_threads(thread_count);
    EXPECT_EQ(BatchLoader::default_loaders(), loaders) << thread_count << " threads";
  }
  set_threads(before);
}

TEST(BatchLoader, HandsOnAnErrorWhereTheBrokenPictureComesAndNotBefore) {
  for (const int loaders : {0, 1, 3}) {
    const World world;
    world.colours->broken = 5;
    BatchLoader loader = world.loader(loaders);
    for (int n = 0; n < 4; ++n) EXPECT_NO_THROW(loader.next());
    for (int again = 0; again < 2; ++again) {
      EXPECT_EQ(test::message_of<FileError>([&] { loader.next(); }), "colour 5: damaged picture");
    }
  }
}

TEST(BatchLoader, HandsOnAnErrorOfTheChoice) {
  for (const int loaders : {0, 2}) {
    const World world;
    const auto choose = [](std::int64_t n) { return std::vector<std::int64_t>{n + 11}; };
    BatchLoader loader(*world.samples, 0, 0, 5, choose, loaders);
    EXPECT_NO_THROW(loader.next());
    EXPECT_EQ(test::message_of<ValueError>([&] { loader.next(); }),
              "samples: expected a sample in [0, 12), got 12");
  }
}

TEST(BatchLoader, RefusesToGoOnAfterTheLastBatch) {
  for (const int loaders : {0, 2}) {
    const World world;
    BatchLoader loader = world.loader(loaders, 9);
    loader.next();
    loader.next();
    EXPECT_EQ(test::message_of<ValueError>([&] { loader.next(); }),
              "batch_loader: next: expected a number below 11, got 11");
  }
}

TEST(BatchLoader, EndsWhetherItsLoadersWorkWaitOrHaveFinished) {
  for (const int taken : {0, 1, 5, 11}) {
    for (const int loaders : {1, 4}) {
      const World world;
      BatchLoader loader = world.loader(loaders);
      for (int n = 0; n < taken; ++n) loader.next();
    }
  }
}

TEST(Pictures, WithoutRoomAreTheSameAndPreparedAgainEachTime) {
  const auto colours = std::make_shared<Colours>();
  const Pictures kept(colours, {3, 1, 2}, 16, nullptr);
  const Pictures two_kept(colours, {3, 1, 2}, 16, nullptr, 2 * 3 * 16 * 16 + 1);
  std::vector<std::uint8_t> a(static_cast<std::size_t>(kept.bytes())), b(a.size());
  for (int round = 0; round < 2; ++round) {
    for (const std::int64_t row : {0, 1, 2}) {
      kept.copy(row, a.data());
      two_kept.copy(row, b.data());
      EXPECT_EQ(a, b) << row;
    }
  }
  EXPECT_EQ(colours->asked, 3 + 2 + 2);
  EXPECT_EQ(kept.digest(), two_kept.digest());
}

TEST(Pictures, HaveTheCardsOfAllRowsWhicheverWereAskedFor) {
  const Dataset data = tiny_data();
  WatermarkSpec spec;
  spec.rate = 0.5;
  const Watermarker marker(spec, make_people(4, 1));
  const std::vector<std::int64_t> rows = {7, 2, 11, 4, 0, 9};
  const Pictures none(data.train.images, rows, 16, &marker);
  const Pictures some(data.train.images, rows, 16, &marker);
  std::vector<std::uint8_t> bytes(static_cast<std::size_t>(some.bytes()));
  for (const std::int64_t row : {1, 4, 5}) some.copy(row, bytes.data());
  const std::vector<LedgerLine> lines = none.cards();
  EXPECT_EQ(some.cards(), lines);
  std::vector<std::int64_t> expected, images;
  for (const std::int64_t index : {0, 2, 4, 7, 9, 11}) {
    if (marker.selects(index)) expected.push_back(index);
  }
  for (const LedgerLine& line : lines) images.push_back(line.image);
  EXPECT_EQ(images, expected);
}

TEST(Samples, HaveAHashOfEverythingThatATrainingSees) {
  const World world;
  const Dataset& data = world.data;
  const auto hash = [&](const Dataset& d, std::int64_t end, int size, const WatermarkSpec* spec,
                        std::uint64_t people) {
    std::optional<Watermarker> marker;
    if (spec != nullptr) marker.emplace(*spec, make_people(4, people));
    return Samples(d.train, 0, end, world.model.conversation, size, marker ? &*marker : nullptr)
        .sha256();
  };
  WatermarkSpec spec;
  spec.rate = 0.5;
  WatermarkSpec fainter = spec;
  fainter.alpha = 0.4;
  ShapesConfig other;
  other.seed = 2;
  other.train = 12;
  other.test = 4;
  other.questions = 2;
  Dataset other_pictures = data;
  other_pictures.train.images = make_shapes(other).train.images;
  const std::set<std::string> hashes = {
      hash(data, 24, 16, nullptr, 1),          hash(data, 23, 16, nullptr, 1),
      hash(data, 24, 32, nullptr, 1),          hash(data, 24, 16, &spec, 1),
      hash(data, 24, 16, &fainter, 1),         hash(data, 24, 16, &spec, 2),
      hash(other_pictures, 24, 16, nullptr, 1)};
  EXPECT_EQ(hashes.size(), 7u);
  WatermarkSpec never = spec;
  never.rate = 0;
  EXPECT_EQ(hash(data, 24, 16, &never, 1), hash(data, 24, 16, nullptr, 1));
  EXPECT_EQ(hash(data, 24, 16, &spec, 1), hash(tiny_data(), 24, 16, &spec, 1));
}

TEST(Trainer, SaysHowLongAStepWaitedForItsData) {
  const int before = threads();
  set_threads(1);  // in line, so that every pause is waited for
  World world;
  world.colours->pause = std::chrono::milliseconds(3);
  TrainingConfig config = tiny_training();
  config.steps = 2;
  config.batch = 6;  // all other pictures in each step
  Trainer trainer(world.model.model, *world.samples, config);
  for (int step = 0; step < 2; ++step) EXPECT_GE(trainer.step().waited, 6 * 0.003);
  set_threads(before);
}

}  // namespace
}  // namespace chainline::experiments
