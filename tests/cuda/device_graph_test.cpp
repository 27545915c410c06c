#include "tensor/device_graph.h"

#include <gtest/gtest.h>

#include "tensor/block_cache.h"
#include "tensor/ops/binary.h"
#include "tensor/ops/cross_entropy.h"
#include "tensor/ops/dropout.h"
#include "tensor/ops/embedding.h"
#include "tests/support.h"

namespace chainline {
namespace {

using test::message_of;

constexpr Device kCuda{DeviceType::cuda, 0};

Tensor numbers(const std::vector<float>& values) {
  return Tensor::from(values, {static_cast<std::int64_t>(values.size())}, kCuda);
}

TEST(DeviceGraph, DoesNothingUntilItIsReplayed) {
  Tensor x = numbers({1, 2}), y = numbers({0, 0});
  DeviceGraph graph(kCuda, [&] { y.copy_from(ops::add(x, x)); });
  EXPECT_EQ(y.to_vector<float>(), (std::vector<float>{0, 0}));
  graph.replay();
  EXPECT_EQ(y.to_vector<float>(), (std::vector<float>{2, 4}));
}

TEST(DeviceGraph, ReadsWhatTheHostPutIntoItsTensors) {
  Tensor x = numbers({1, 2}), y;
  DeviceGraph graph(kCuda, [&] { y = ops::mul_scalar(x, 10); });
  for (const float value : {3.0f, 4.0f}) {
    x.upload_from(Tensor::from<float>({value, 1}, {2}));
    graph.replay();
    EXPECT_EQ(y.to_vector<float>(), (std::vector<float>{10 * value, 10}));
  }
}

// Whatever is allocated later, between replays too, must not get the blocks that a graph writes to.
TEST(DeviceGraph, KeepsItsMemoryToItself) {
  Tensor x = numbers({1, 2}), y;
  const auto work = [&] { y = ops::mul_scalar(ops::add(ops::add(x, x), x), 2); };
  work();
  const DeviceGraph first(kCuda, [] {});
  DeviceGraph graph(kCuda, work);
  std::vector<Tensor> others;
  for (int i = 0; i < 8; ++i) others.push_back(numbers({7, 7}));
  graph.replay();
  for (const Tensor& other : others) {
    EXPECT_EQ(other.to_vector<float>(), (std::vector<float>{7, 7}));
  }
  EXPECT_EQ(y.to_vector<float>(), (std::vector<float>{6, 12}));
  release_cached_memory();
  graph.replay();
  EXPECT_EQ(y.to_vector<float>(), (std::vector<float>{6, 12}));
}

TEST(DeviceGraph, LendsItsMemoryToTheNextGraph) {
  Tensor x = numbers(std::vector<float>(1000, 1)), y, z;
  DeviceGraph first(kCuda, [&] { y = ops::add(ops::add(x, x), x); });
  const std::uint64_t before = system_allocations(kCuda);
  DeviceGraph second(kCuda, [&] { z = ops::mul_scalar(ops::add(x, x), 5); });
  EXPECT_LE(system_allocations(kCuda) - before, 1u);  // z itself; its operand lies where y's did
  first.replay();
  EXPECT_EQ(y.to_vector<float>()[999], 3);
  second.replay();
  EXPECT_EQ(z.to_vector<float>()[999], 10);
}

TEST(DeviceGraph, GivesItsMemoryBackToEverybody) {
  Tensor x = numbers(std::vector<float>(5000, 1));
  {
    const DeviceGraph graph(kCuda, [&] { ops::add(ops::add(x, x), x); });
  }
  const std::uint64_t before = system_allocations(kCuda);
  const Tensor y = ops::add(x, x);
  EXPECT_EQ(system_allocations(kCuda), before);
}

// The ids are checked on the host, as they are when work is done at once, before anything is read.
TEST(DeviceGraph, RefusesBadIndicesBeforeEachReplay) {
  Tensor table = numbers({1, 2, 3}).reshape({3, 1}), y;
  Tensor ids = Tensor::from<std::int64_t>({0, 2}, {1, 2}, kCuda);
  DeviceGraph graph(kCuda, [&] { y = ops::embedding(table, ids); });
  graph.replay();
  EXPECT_EQ(y.to_vector<float>(), (std::vector<float>{1, 3}));
  ids.upload_from(Tensor::from<std::int64_t>({1, 3}, {1, 2}));
  EXPECT_EQ(message_of<ValueError>([&] { graph.replay(); }),
            "embedding: ids: expected values in [0, 3), got 3 at position (0, 1)");
  ids.upload_from(Tensor::from<std::int64_t>({1, 1}, {1, 2}));
  graph.replay();
  EXPECT_EQ(y.to_vector<float>(), (std::vector<float>{2, 2}));
}

TEST(DeviceGraph, RefusesTargetsBeforeEachReplay) {
  Tensor logits = numbers({1, 2, 3, 4, 5, 6}).reshape({1, 2, 3}), loss;
  Tensor targets = Tensor::from<std::int64_t>({0, -100}, {1, 2}, kCuda);
  DeviceGraph graph(kCuda, [&] { loss = ops::cross_entropy(logits, targets).loss; });
  graph.replay();
  const double first = loss.to(DType::f64).item<double>();
  targets.upload_from(Tensor::from<std::int64_t>({2, -100}, {1, 2}));
  graph.replay();
  EXPECT_LT(loss.to(DType::f64).item<double>(), first);
  targets.upload_from(Tensor::from<std::int64_t>({-100, -100}, {1, 2}));
  EXPECT_EQ(message_of<ValueError>([&] { graph.replay(); }),
            "cross_entropy: targets: expected a labelled token in every sample, got none in sample "
            "0");
}

TEST(DeviceGraph, RefusesIndicesThatOnlyTheDeviceKnows) {
  Tensor table = numbers({1, 2, 3}).reshape({3, 1});
  const Tensor ids = Tensor::arange(3, DType::i64, kCuda).reshape({1, 3});
  EXPECT_EQ(message_of<DeviceError>(
                [&] { const DeviceGraph graph(kCuda, [&] { ops::embedding(table, ids); }); }),
            "embedding: ids: expected numbers that came from the host, in work that is recorded");
}

TEST(DeviceGraph, RefusesWorkThatWaits) {
  Tensor x = numbers({1});
  const auto message = [&](const std::function<void()>& work) {
    return message_of<DeviceError>([&] { const DeviceGraph graph(kCuda, work); });
  };
  EXPECT_EQ(message([&] { ops::add(x, x).item<float>(); }),
            "copy_to_host: expected work of the device alone, in work that is recorded");
  EXPECT_EQ(message([&] { numbers({2}); }),
            "copy_from_host: expected work of the device alone, in work that is recorded");
  EXPECT_EQ(message([&] { const DeviceGraph inner(kCuda, [] {}); }),
            "device_graph: expected no other graph, got one that is being recorded");
  EXPECT_EQ(message_of<DeviceError>([] { const DeviceGraph graph(kCpu, [] {}); }),
            "device_graph: expected a device that records work, got the CPU");
  // After all that, work is done at once again.
  EXPECT_EQ(ops::add(x, x).item<float>(), 2);
}

// Its samples' numbers come from the host, as would those of the next epoch.
TEST(DeviceGraph, RefusesDropoutWhoseMaskWouldBeTheSameAtEachReplay) {
  const Tensor x = numbers({1, 2});
  const Generator generator(1, "mask");
  const std::vector<std::int64_t> samples = {0, 1};
  EXPECT_EQ(message_of<DeviceError>([&] {
              const DeviceGraph graph(kCuda, [&] { ops::dropout(x, 0.5, generator, 0, samples); });
            }),
            "copy_from_host: expected work of the device alone, in work that is recorded");
}

TEST(DeviceGraph, KnowsOnTheHostWhatCameFromIt) {
  Tensor ids = Tensor::from<std::int64_t>({5, 6}, {2}, kCuda);
  EXPECT_EQ(ids.on_host().to_vector<std::int64_t>(), (std::vector<std::int64_t>{5, 6}));
  EXPECT_EQ(ids.narrow(0, 1, 1).on_host().to_vector<std::int64_t>(),
            (std::vector<std::int64_t>{6}));
  ids.fill(1);  // by the device
  EXPECT_FALSE(ids.on_host().defined());
  EXPECT_EQ(ids.to_vector<std::int64_t>(), (std::vector<std::int64_t>{1, 1}));
}

}  // namespace
}  // namespace chainline
