#include "experiments/statistics/multiplicity.h"

#include <cmath>

#include "tests/experiments/data/folder.h"

namespace chainline::experiments {
namespace {

TEST(Holm, MultipliesTheSmallestByTheirNumberAndKeepsTheOrder) {
  EXPECT_EQ(holm({0.5, 0.01, 0.25}), (std::vector<double>{0.5, 0.03, 0.5}));
  EXPECT_EQ(holm({0.9, 0.8}), (std::vector<double>{1, 1}));
  EXPECT_TRUE(holm({}).empty());
}

TEST(Holm, HasTheValuesOfStatsmodels) {
  // statsmodels.stats.multitest.multipletests(p, method='holm')[1]; products of two doubles, so
  // equal to an ulp or two.
  const std::vector<double> corrected = holm({0.01, 0.04, 0.03, 0.005, 0.04, 0.7});
  const std::vector<double> golden = {0.05, 0.12, 0.12, 0.03, 0.12, 0.7};
  ASSERT_EQ(corrected.size(), golden.size());
  for (std::size_t i = 0; i < golden.size(); ++i) EXPECT_NEAR(corrected[i], golden[i], 1e-15) << i;
}

TEST(Holm, RefusesWhatIsNoProbability) {
  EXPECT_EQ(refusal<ValueError>([] {
              holm({0.5, std::nan("")});
            }),
            "holm: p 1: expected 0 .. 1, got nan");
}

}  // namespace
}  // namespace chainline::experiments
