// Warm-up with cosine, and clipping, by hand.

#include "nn/schedule.h"

#include <cmath>

#include "nn/optimizer.h"
#include "tests/support.h"

namespace chainline {
namespace {

using test::message_of;

TEST(WarmupCosine, ClimbsInStepsAndFallsAlongHalfACosine) {
  const nn::WarmupCosine schedule(0.8, 4, 12);
  EXPECT_EQ(schedule.rate(0), 0.2);
  EXPECT_EQ(schedule.rate(1), 0.4);
  EXPECT_DOUBLE_EQ(schedule.rate(2), 0.6);
  EXPECT_EQ(schedule.rate(3), 0.8);
  EXPECT_EQ(schedule.rate(4), 0.8);                                    // cos 0 = 1
  EXPECT_DOUBLE_EQ(schedule.rate(6), 0.4 * (1 + std::sqrt(2.0) / 2));  // cos(pi / 4)
  EXPECT_DOUBLE_EQ(schedule.rate(8), 0.4);                             // cos(pi / 2) = 0
  EXPECT_EQ(schedule.rate(12), 0);
  EXPECT_EQ(schedule.rate(100), 0);
}

TEST(WarmupCosine, NeedsNoWarmUpAndRefusesOneLongerThanTheTraining) {
  EXPECT_EQ(nn::WarmupCosine(1, 0, 2).rate(0), 1);
  EXPECT_DOUBLE_EQ(nn::WarmupCosine(1, 0, 2).rate(1), 0.5);
  EXPECT_EQ(message_of<ValueError>([] { nn::WarmupCosine(1, 3, 2); }),
            "schedule: expected 0 <= warm-up steps <= steps, got 3 of 2");
}

TEST(ClipByGlobalNorm, ScalesAllGradientsWhereTheirCommonNormIsTooLong) {
  // |(3, 0), (4)| = 5
  std::vector<Tensor> gradients = {test::from<float>({3, 0}, {2}), Tensor(),
                                   test::from<float>({4}, {1})};
  EXPECT_EQ(nn::clip_by_global_norm(gradients, 5), 5);
  EXPECT_EQ(gradients[0].to_vector<float>(), (std::vector<float>{3, 0}));
  EXPECT_EQ(nn::clip_by_global_norm(gradients, 2.5), 5);
  EXPECT_EQ(gradients[0].to_vector<float>(), (std::vector<float>{1.5f, 0}));
  EXPECT_EQ(gradients[2].to_vector<float>(), (std::vector<float>{2}));
  EXPECT_FALSE(gradients[1].defined());
}

TEST(ClipByGlobalNorm, RefusesAGradientThatIsNotFinite) {
  std::vector<Tensor> gradients = {test::from<float>({NAN}, {1})};
  EXPECT_EQ(message_of<ValueError>([&] { nn::clip_by_global_norm(gradients, 1); }),
            "clip_by_global_norm: the gradients' norm is nan");
}

}  // namespace
}  // namespace chainline
