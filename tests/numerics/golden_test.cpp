// The golden hashes: what every op case and a short training give, bit for bit. golden.txt holds
// for every processor, instruction set, compiler, build type and number of threads; a change of it
// is a change of the arithmetic, and says so in its commit. CHAINLINE_WRITE_GOLDEN=1 in the
// environment makes this test write the file instead.

#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <limits>
#include <map>
#include <span>
#include <sstream>

#include "autograd/engine.h"
#include "autograd/op_cases.h"
#include "autograd/ops.h"
#include "nn/checkpoint.h"
#include "nn/optimizer.h"
#include "tensor/isa.h"
#include "tensor/sha256.h"
#include "tests/nn/tiny.h"

namespace chainline {
namespace {

using Hashes = std::map<std::string, std::string>;

const char* const kFile = CHAINLINE_SOURCE_DIR "/tests/numerics/golden.txt";

/// Every f32 is exactly an f64. Processors make different NaNs, so any of them counts as one.
void update(Sha256& sha, const Tensor& t) {
  std::ostringstream shape;
  shape << t.dtype() << t.shape();
  std::vector<double> values = t.to(DType::f64).to_vector<double>();
  for (double& value : values) {
    if (std::isnan(value)) value = std::numeric_limits<double>::quiet_NaN();
  }
  sha.update(shape.str()).update(std::as_bytes(std::span(values)));
}

/// The outputs of a case and the gradients of its inputs for fixed incoming ones, in one dtype.
std::string hash_of_case(const OpCase& c, DType dtype) {
  Variables x;
  for (const Tensor& input : c.inputs) x.emplace_back(input.to(dtype), true);
  const Variables y = c.run(x);
  Sha256 sha;
  GradOptions options;
  options.unreached = Unreached::undefined;
  std::uint64_t seed = 1;
  Variables differentiable;
  for (const Variable& out : y) {
    update(sha, out.value());
    if (!out.requires_grad()) continue;
    differentiable.push_back(out);
    options.grad_outputs.emplace_back(test::randn(out.shape(), seed++, out.dtype()));
  }
  if (!differentiable.empty()) {
    for (const Variable& g : grad(differentiable, x, options)) {
      if (g.defined()) update(sha, g.value());
    }
  }
  return to_hex(sha.digest());
}

/// A case whose closure holds f64 operands refuses f32 inputs; golden.txt has no f32 line for it.
Hashes hashes_of_cases() {
  Hashes hashes;
  for (const OpCase& c : op_cases()) {
    hashes["f64 " + c.title()] = hash_of_case(c, DType::f64);
    try {
      hashes["f32 " + c.title()] = hash_of_case(c, DType::f32);
    } catch (const DTypeError&) {
    }
  }
  return hashes;
}

/// 20 steps of AdamW on four samples of different lengths, in micro-batches of `micro`.
std::string hash_of_training(std::int64_t micro) {
  constexpr std::int64_t kSamples = 4;
  nn::Mllm model = test::tiny_mllm();
  const std::vector<nn::NamedParameter> parameters = nn::named_parameters(model);
  nn::AdamW adamw(parameters, {});
  const Tensor ids = Tensor::from<std::int64_t>(
      {2, 1, 5, 6, 7, 3, 1, 4, 8, 0, 2, 1, 9, 10, 0, 5, 1, 3, 0, 0}, {kSamples, 5});
  Tensor labels = ids.clone();
  for (std::int64_t i = 0; i < labels.numel(); ++i) {
    std::int64_t& label = labels.mutable_data<std::int64_t>()[i];
    if (label <= 1) label = -100;
  }
  const Tensor images = test::randn({kSamples, 3, 8, 8}, 5, DType::f32);
  for (int step = 0; step < 20; ++step) {
    GradientAccumulator sums(nn::variables_of(parameters));
    for (std::int64_t b = 0; b < kSamples; b += micro) {
      const std::int64_t n = std::min(micro, kSamples - b);
      const Tensor part = ids.narrow(0, b, n).contiguous();
      const nn::Splice plan =
          nn::splice(part, labels.narrow(0, b, n).contiguous(), model.image_rows(), model.config());
      const nn::MllmOutput out = model(Variable(images.narrow(0, b, n).contiguous()), part, plan);
      sums.add(sum(cross_entropy(out.logits, plan.labels, {}), {0}));
    }
    std::vector<Tensor> gradients = sums.finish();
    nn::clip_by_global_norm(gradients, 1);
    adamw.step(gradients, 1e-2);
  }
  return nn::hash_of(parameters);
}

Hashes computed() {
  Hashes hashes = hashes_of_cases();
  hashes["training"] = hash_of_training(4);
  return hashes;
}

Hashes golden() {
  Hashes hashes;
  std::ifstream file(kFile);
  for (std::string line; std::getline(file, line);) {
    if (line.size() > 66) hashes[line.substr(66)] = line.substr(0, 64);
  }
  return hashes;
}

/// The lines that differ, "" for none: hundreds of hashes are no message.
std::string differences(const Hashes& found, const Hashes& expected) {
  std::string text;
  for (const auto& [name, hash] : found) {
    const auto at = expected.find(name);
    if (at == expected.end())
      text += name + ": not in golden.txt\n";
    else if (at->second != hash)
      text += name + ": other bits\n";
  }
  for (const auto& [name, hash] : expected) {
    if (found.count(name) == 0) text += name + ": not computed\n";
  }
  return text;
}

class Golden : public testing::TestWithParam<Isa> {
 protected:
  void SetUp() override { set_isa(GetParam()); }
  void TearDown() override {
    set_isa(isa_);
    set_threads(threads_);
  }

 private:
  Isa isa_ = isa();
  int threads_ = threads();
};
INSTANTIATE_TEST_SUITE_P(Isas, Golden, testing::ValuesIn(available_isas()),
                         [](const auto& set) { return std::string(name(set.param)); });

TEST(GoldenFile, IsThere) {
  if (std::getenv("CHAINLINE_WRITE_GOLDEN") != nullptr) {
    std::ofstream file(kFile);
    for (const auto& [name, hash] : computed()) file << hash << "  " << name << "\n";
  }
  // Every op in f64, most of them in f32 too, and the training.
  EXPECT_GT(golden().size(), op_cases().size() * 3 / 2);
  EXPECT_EQ(golden().count("training"), 1u);
}

TEST_P(Golden, HoldsForAnyNumberOfThreads) {
  for (const int n : {1, 2, 3, 7}) {
    set_threads(n);
    EXPECT_EQ(differences(computed(), golden()), "") << n << " threads";
  }
}

TEST_P(Golden, HoldsForAnySplitOfTheBatch) {
  const std::string whole = golden()["training"];
  for (const std::int64_t micro : {1, 2, 3}) {
    EXPECT_EQ(hash_of_training(micro), whole) << "micro-batches of " << micro;
  }
}

// Something that a broken order would do: the hashes would be others.
TEST(GoldenFile, TellsBitsApart) {
  Hashes other = golden();
  ASSERT_FALSE(other.empty());
  other.begin()->second[0] = other.begin()->second[0] == '0' ? '1' : '0';
  EXPECT_EQ(differences(other, golden()), other.begin()->first + ": other bits\n");
}

}  // namespace
}  // namespace chainline
