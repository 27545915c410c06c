// Tensors on the second device: how they get there and back, what the host may not do, and which
// kernels the device has. What the kernels compute is tested by the tests of ops, autograd and nn,
// which run on each device.

#include <filesystem>
#include <fstream>
#include <regex>
#include <set>

#include "tensor/backend.h"
#include "tensor/block_cache.h"
#include "tensor/npy.h"
#include "tensor/ops/binary.h"
#include "tensor/ops/embedding.h"
#include "tensor/ops/layer_norm.h"
#include "tensor/ops/optimizer_step.h"
#include "tensor/print.h"
#include "tensor/safetensors.h"
#include "tests/support.h"

namespace chainline {
namespace {

using test::message_of;

constexpr Device kCuda{DeviceType::cuda, 0};

class DeviceTensor : public testing::Test {
 protected:
  void SetUp() override {
    if (cuda::device_count() == 0) GTEST_SKIP() << "this machine has no CUDA device";
  }
};

TEST_F(DeviceTensor, GoesThereAndBackBitForBit) {
  for (const DType dtype : {DType::f32, DType::f64, DType::bf16, DType::i64, DType::u8}) {
    const Tensor x = test::randint({5, 7}, 0, 100, 1).to(dtype);
    const Tensor there = x.to(kCuda);
    EXPECT_EQ(there.device(), kCuda);
    EXPECT_EQ(there.dtype(), dtype);
    EXPECT_FALSE(there.shares_storage_with(x));
    EXPECT_TRUE(there.to(kCuda).shares_storage_with(there));
    EXPECT_TRUE(same_bits(there.to(kCpu), x));
    // A view goes as what it shows.
    EXPECT_TRUE(same_bits(x.transpose(0, 1).to(kCuda), x.transpose(0, 1)));
    EXPECT_TRUE(same_bits(there.narrow(1, 2, 3).to(kCpu), x.narrow(1, 2, 3)));
  }
  EXPECT_EQ(Tensor::zeros({0, 3}, DType::f32).to(kCuda).to(kCpu).numel(), 0);
}

TEST_F(DeviceTensor, IsMadeThere) {
  EXPECT_EQ(Tensor::zeros({3}, DType::f32, kCuda).to_vector<float>(), (std::vector<float>(3)));
  EXPECT_EQ(Tensor::full({2}, 0.1, DType::f32, kCuda).to_vector<float>(),
            (std::vector<float>{0.1f, 0.1f}));
  EXPECT_EQ(Tensor::arange(3, DType::i64, kCuda).to_vector<std::int64_t>(),
            (std::vector<std::int64_t>{0, 1, 2}));
  EXPECT_EQ(Tensor::from<float>({1, 2}, {2}, kCuda).device(), kCuda);
  EXPECT_EQ(Tensor::full({}, 7, DType::i64, kCuda).item<std::int64_t>(), 7);
}

TEST_F(DeviceTensor, StaysThereThroughAnOp) {
  const std::uint64_t on_cpu = kernel_calls(DeviceType::cpu);
  const std::uint64_t on_cuda = kernel_calls(DeviceType::cuda);
  const Tensor x = Tensor::from<float>({1, 2, 3, 4}, {2, 2}, kCuda);
  const Tensor y = ops::add(x, x.transpose(0, 1));
  EXPECT_EQ(y.device(), kCuda);
  EXPECT_EQ(y.to_vector<float>(), (std::vector<float>{2, 5, 5, 8}));
  EXPECT_EQ(kernel_calls(DeviceType::cpu), on_cpu);
  EXPECT_EQ(kernel_calls(DeviceType::cuda), on_cuda + 1);
}

TEST_F(DeviceTensor, IsNotReadByTheHost) {
  Tensor x = Tensor::zeros({2}, DType::f32, kCuda), y = Tensor::zeros({2}, DType::f32);
  const char* const sentence =
      "tensor: expected one on the CPU, got one on cuda:0; copy it with to()";
  EXPECT_EQ(message_of<DeviceError>([&] { x.data<float>(); }), sentence);
  EXPECT_EQ(message_of<DeviceError>([&] { x.mutable_data<float>(); }), sentence);
  EXPECT_EQ(message_of<DeviceError>([&] { y.device_data<float>(); }),
            "tensor: expected one on a device for its kernels, got one on cpu; copy it with to()");
}

TEST_F(DeviceTensor, DoesNotMeetOneOfAnotherDevice) {
  const Tensor x = Tensor::zeros({2}, DType::f32, kCuda), y = Tensor::zeros({2}, DType::f32);
  EXPECT_EQ(message_of<DeviceError>([&] { ops::add(x, y); }),
            "add: b: expected device cuda:0, got cpu");
  EXPECT_EQ(message_of<DeviceError>([&] { Tensor(y).copy_from(x); }),
            "copy_from: expected device cpu, got cuda:0; copy it with to()");
  Tensor p = y.clone(), m = y.clone(), v = y.clone();
  Tensor q = x.clone(), n = x.clone(), w = x.clone();
  const std::vector<ops::AdamWParameter> both{{p, y, m, v}, {q, x, n, w}};
  EXPECT_EQ(message_of<DeviceError>([&] { ops::adamw_step(both, {.learning_rate = 1}); }),
            "adamw_step: param: expected device cpu, got cuda:0");
  const Tensor ids = Tensor::zeros({1}, DType::i64);
  EXPECT_EQ(message_of<DeviceError>([&] {
              ops::embedding(x.reshape({2, 1}), ids);
            }),
            "embedding: ids: expected device cuda:0, got cpu");
}

TEST_F(DeviceTensor, NamesTheFirstIndexThatIsNone) {
  const Tensor table = Tensor::zeros({3, 2}, DType::f32, kCuda);
  const Tensor ids = Tensor::from<std::int64_t>({0, 2, 5, -1}, {2, 2}, kCuda);
  EXPECT_EQ(message_of<ValueError>([&] { ops::embedding(table, ids); }),
            "embedding: ids: expected values in [0, 3), got 5 at position (1, 0)");
}

TEST_F(DeviceTensor, IsRefusedOnADeviceThatIsNotThere) {
  EXPECT_EQ(message_of<DeviceError>([] {
              Tensor::zeros({2}, DType::f32, {DeviceType::cuda, 5});
            }),
            "device: expected cuda:0, the one that is used, got cuda:5");
}

TEST_F(DeviceTensor, IsPrintedAndWrittenFromWhereItIs) {
  const Tensor x = Tensor::from<float>({1, 2.5}, {2}), there = x.to(kCuda);
  EXPECT_EQ(to_string(there), "[1.0000, 2.5000]\nf32 (2) on cuda:0");
  EXPECT_EQ(npy_bytes(there), npy_bytes(x));
  EXPECT_EQ(safetensors_bytes({{{"x", there}}, {}}), safetensors_bytes({{{"x", x}}, {}}));
}

TEST_F(DeviceTensor, TakesItsMemoryFromACacheOfItsDevice) {
  release_cached_memory();
  const MemoryUse before = memory_use(kCuda), host = memory_use();
  const std::size_t bytes = cuda::backend(0).wants_exact_blocks() ? 8008 : 8192;
  const std::uint64_t asked = system_allocations(kCuda);
  for (int i = 0; i < 3; ++i) {
    const Tensor x = Tensor::empty({1001}, DType::f64, kCuda);
    EXPECT_EQ(memory_use(kCuda).in_use - before.in_use, bytes);
  }
  EXPECT_EQ(memory_use(kCuda).in_use, before.in_use);
  EXPECT_EQ(memory_use(kCuda).cached, bytes);
  EXPECT_EQ(system_allocations(kCuda) - asked, 1u);
  EXPECT_EQ(memory_use().in_use, host.in_use);
  release_cached_memory();
  EXPECT_EQ(memory_use(kCuda).cached, 0u);
}

TEST_F(DeviceTensor, ThatDoesNotFitIsAnErrorAndLeavesNothingBehind) {
  const std::size_t before = memory_use(kCuda).in_use;
  const auto bytes = static_cast<std::int64_t>(cuda::backend(0).memory_bytes());
  const std::string sentence = message_of<DeviceError>([&] {
    Tensor::empty({bytes, 2}, DType::u8, kCuda);
  });
  EXPECT_TRUE(std::regex_match(
      sentence, std::regex("device: out of memory: expected [0-9]+ bytes, got [0-9]+ free of "
                           "[0-9]+")))
      << sentence;
  EXPECT_EQ(memory_use(kCuda).in_use, before);
}

// What is asked of the device after a cache has settled is what steps of other lengths need; making
// room once must not bring that back.
TEST_F(DeviceTensor, ThatDoesNotFitLeavesTheCacheSettled) {
  release_cached_memory();
  settle_block_cache();
  const auto bytes = static_cast<std::int64_t>(cuda::backend(0).memory_bytes());
  EXPECT_THROW(Tensor::empty({bytes, 2}, DType::u8, kCuda), DeviceError);
  { const Tensor large = Tensor::empty({3000}, DType::u8, kCuda); }
  const std::uint64_t asked = system_allocations(kCuda);
  { const Tensor small = Tensor::empty({1000}, DType::u8, kCuda); }
  EXPECT_EQ(system_allocations(kCuda), asked);
  release_cached_memory();
}

/// The kernels that the pages of tensor/ops/ declare, and those that cuda/install.cpp installs.
std::set<std::string> names_in(const std::filesystem::path& file, const std::regex& pattern) {
  std::ifstream in(file);
  const std::string text{std::istreambuf_iterator<char>(in), {}};
  std::set<std::string> names;
  for (std::sregex_iterator m(text.begin(), text.end(), pattern), end; m != end; ++m) {
    names.insert((*m)[1]);
  }
  return names;
}

// All of them: a kernel that a device lacks would be an error where it is called. Whoever adds one
// without a twin names it here.
TEST(DeviceKernels, AreThoseOfTheCpu) {
  const std::filesystem::path source = CHAINLINE_SOURCE_DIR;
  std::set<std::string> declared;
  for (const auto& page : std::filesystem::directory_iterator(source / "tensor/ops")) {
    declared.merge(names_in(page.path(), std::regex("CHAINLINE_KERNEL\\(\\s*(\\w+),")));
  }
  EXPECT_GT(declared.size(), 50u);
  EXPECT_EQ(names_in(source / "cuda/install.cpp", std::regex("kernel::(\\w+)\\.install\\(")),
            declared);
  EXPECT_EQ(names_in(source / "cuda/install.cpp", std::regex("cuda::(\\w+)\\);")), declared);
  cuda::install_kernels();
  EXPECT_TRUE(kernel::layer_norm_backward.has(DeviceType::cuda));
}

}  // namespace
}  // namespace chainline
