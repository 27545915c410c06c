// cross_entropy with a gradient that is known before the loss is.

#include <gtest/gtest.h>

#include "autograd/engine.h"
#include "autograd/ops.h"
#include "tests/support.h"

namespace chainline {
namespace {

using test::message_of;
using test::randn;

// Whether the gradient that was foreseen arrives or another one, the first and the second
// derivative have the bits that they have without foresight.
TEST(CrossEntropy, DoesNotShowWhetherItsGradientWasForeseen) {
  const Tensor foreseen = randn({3}, 2);
  const Tensor targets =
      test::from<std::int64_t>({4, -100, 0, 1, 2, 2, 3, -100, -100, 1, 4, 0}, {3, 4});
  const auto derivatives = [&](const Tensor& grad_loss, bool foresee) {
    const Variable x(randn({3, 4, 5}, 1), true);
    const Variable loss =
        foresee ? cross_entropy(x, targets, {}, foreseen) : cross_entropy(x, targets, {});
    GradOptions options;
    options.grad_outputs = {Variable(grad_loss)};
    options.create_graph = true;
    const Variable first = grad({loss}, {x}, options)[0];
    GradOptions again;
    again.grad_outputs = {Variable(randn({3, 4, 5}, 3))};
    return std::vector<Tensor>{loss.value(), first.value(), grad({first}, {x}, again)[0].value()};
  };
  for (const Tensor& arriving : {foreseen, randn({3}, 4)}) {
    const std::vector<Tensor> with = derivatives(arriving, true);
    const std::vector<Tensor> without = derivatives(arriving, false);
    for (std::size_t i = 0; i < with.size(); ++i) EXPECT_TRUE(same_bits(with[i], without[i])) << i;
  }
}

// What was computed for one gradient must not be given for another, even if somebody changes it.
TEST(CrossEntropy, RefusesAForeseenGradientThatWasOverwritten) {
  const Variable x(randn({2, 3, 5}, 1), true);
  Tensor foreseen = randn({2}, 2);
  const Variable loss = cross_entropy(x, test::zeros({2, 3}, DType::i64), {}, foreseen);
  foreseen.fill(3);
  GradOptions options;
  options.grad_outputs = {Variable(foreseen)};
  EXPECT_NE(message_of<AutogradError>([&] { grad({loss}, {x}, options); }), "");
}

}  // namespace
}  // namespace chainline
