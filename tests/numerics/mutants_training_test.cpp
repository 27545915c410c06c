// Planted mutants of the rules that are about whole trainings, as in mutants_test.cpp: the steps
// of the golden training in the words of a rule, which come to the golden weights, and broken ones,
// which must not.

#include "tests/numerics/golden.h"
#include "tests/numerics/tiny_training.h"

namespace chainline {
namespace {

using test::TinyTraining;

using Gradients = std::function<std::vector<Tensor>(const TinyTraining&)>;

std::string weights_with(const Gradients& gradients) {
  TinyTraining training;
  while (training.adamw.steps() < TinyTraining::kSteps) training.step(gradients(training));
  return training.hash();
}

/// The gradient of samples [first, first + n) alone.
std::vector<Tensor> part_of(const TinyTraining& training, std::int64_t first, std::int64_t n) {
  std::vector<Tensor> tensors;
  const Variable loss = sum(training.losses(first, n, training.ids.shape()[1]), {0});
  for (const Variable& g : grad({loss}, nn::variables_of(training.parameters))) {
    tensors.push_back(g.value());
  }
  return tensors;
}

void add(std::vector<Tensor>& total, const std::vector<Tensor>& part) {
  for (std::size_t i = 0; i < total.size(); ++i) {
    total[i] = (Variable(total[i]) + Variable(part[i])).value();
  }
}

// Rule 6: the sums of two micro-batches are added, instead of the first being continued; and
// samples in another order.
TEST(MutantTraining, ThatAddsTheSumsOfMicroBatchesIsCaught) {
  const std::string golden = test::golden()["training"];
  EXPECT_EQ(weights_with([](const TinyTraining& t) { return part_of(t, 0, 4); }), golden);
  EXPECT_NE(weights_with([](const TinyTraining& t) {
              std::vector<Tensor> total = part_of(t, 0, 2);
              add(total, part_of(t, 2, 2));
              return total;
            }),
            golden);
  EXPECT_NE(weights_with([](const TinyTraining& t) {
              std::vector<Tensor> total = part_of(t, 3, 1);
              for (const std::int64_t b : {2, 1, 0}) add(total, part_of(t, b, 1));
              return total;
            }),
            golden);
}

/// The golden training with an optimizer of plain loops; update(p, first, second, rate, root) is
/// the new weight.
template <class F>
std::string weights_with_optimizer(const F& update) {
  TinyTraining training;
  std::vector<std::vector<float>> m, v;
  for (const nn::NamedParameter& p : training.parameters) {
    m.emplace_back(static_cast<std::size_t>(p.variable.value().numel()), 0.0f);
    v.push_back(m.back());
  }
  double power1 = 1, power2 = 1;
  for (std::int64_t step = 1; step <= TinyTraining::kSteps; ++step) {
    std::vector<Tensor> gradients = training.gradients({4});
    nn::clip_by_global_norm(gradients, TinyTraining::kMaxNorm);
    // The optimizer's powers are by squaring, these one by one: the last bit of an f64 may differ,
    // which the conversion to f32 hides. The golden hash below says whether it does.
    power1 *= 0.9;
    power2 *= 0.999;
    const auto rate = static_cast<float>(TinyTraining::kLearningRate / (1 - power1));
    const auto root = static_cast<float>(1 / std::sqrt(1 - power2));
    for (std::size_t i = 0; i < gradients.size(); ++i) {
      const std::vector<float> g = gradients[i].to_vector<float>();
      float* p = training.parameters[i].variable.mutable_value().mutable_data<float>();
      for (std::size_t k = 0; k < g.size(); ++k) {
        m[i][k] = 0.9f * m[i][k] + static_cast<float>(1 - 0.9) * g[k];
        v[i][k] = 0.999f * v[i][k] + static_cast<float>(1 - 0.999) * (g[k] * g[k]);
        p[k] = update(p[k], m[i][k], v[i][k], rate, root);
      }
    }
  }
  return training.hash();
}

// Rule 12: the same update with its products and quotients in another order.
TEST(MutantTraining, ThatUpdatesInAnotherOrderIsCaught) {
  const std::string golden = test::golden()["training"];
  EXPECT_EQ(weights_with_optimizer([](float p, float m, float v, float rate, float root) {
              return p - rate * m / (std::sqrt(v) * root + 1e-8f);
            }),
            golden);
  EXPECT_NE(weights_with_optimizer([](float p, float m, float v, float rate, float root) {
              return p - rate * m / (std::sqrt(v * (root * root)) + 1e-8f);
            }),
            golden)
      << "the correction inside of the root";
  EXPECT_NE(weights_with_optimizer([](float p, float m, float v, float rate, float root) {
              return p - rate * (m / (std::sqrt(v) * root + 1e-8f));
            }),
            golden)
      << "the rate after the quotient";
  EXPECT_NE(weights_with_optimizer([](float p, float m, float v, float rate, float root) {
              return p - rate * m / std::fma(std::sqrt(v), root, 1e-8f);
            }),
            golden)
      << "a fused multiply and add";
}

/// The golden steps of adamw_step, which decay, with another update of the weight.
template <class F>
std::string decayed_with(const F& update) {
  std::vector<float> p = test::randn({37, 70}, 1, DType::f32).to_vector<float>();
  std::vector<float> m(p.size(), 0.0f), v = m;
  double power1 = 1, power2 = 1;
  for (std::uint64_t step = 1; step <= 3; ++step) {
    power1 *= 0.9;
    power2 *= 0.999;
    const auto rate = static_cast<float>(0.01 / (1 - power1));
    const auto root = static_cast<float>(1 / std::sqrt(1 - power2));
    const std::vector<float> g = test::randn({37, 70}, 10 + step, DType::f32).to_vector<float>();
    for (std::size_t k = 0; k < p.size(); ++k) {
      m[k] = 0.9f * m[k] + static_cast<float>(1 - 0.9) * g[k];
      v[k] = 0.999f * v[k] + static_cast<float>(1 - 0.999) * (g[k] * g[k]);
      p[k] = update(p[k], rate * m[k] / (std::sqrt(v[k]) * root + 1e-8f));
    }
  }
  return test::hash_of({test::from(p, {37, 70}), test::from(m, {37, 70}), test::from(v, {37, 70})});
}

TEST(MutantTraining, ThatDecaysInAnotherOrderIsCaught) {
  const std::string golden = test::golden()["f32 adamw_step: three steps"];
  const auto decay = static_cast<float>(0.01 * 0.1);
  EXPECT_EQ(decayed_with([=](float p, float moved) { return p - (moved + decay * p); }), golden);
  EXPECT_NE(decayed_with([=](float p, float moved) { return p * (1 - decay) - moved; }), golden);
  EXPECT_NE(decayed_with([=](float p, float moved) { return (p - decay * p) - moved; }), golden);
  EXPECT_NE(decayed_with([=](float p, float moved) { return p - std::fma(decay, p, moved); }),
            golden);
}

}  // namespace
}  // namespace chainline
