#include "experiments/projection/pca.h"

#include <cmath>
#include <limits>

#include "experiments/projection/eigen.h"
#include "tensor/isa.h"
#include "tensor/parallel.h"
#include "tests/experiments/data/folder.h"
#include "tests/experiments/projection/points.h"

namespace chainline::experiments {
namespace {

// scikit-learn 1.9.1, PCA(svd_solver="full") of the same points in f64. Both are backward stable;
// eigenvalues of the covariance keep some eps / ratio of a direction, here 1e-14.
constexpr double kGolden = 1e-12;

void expect_near(const std::vector<double>& found, const std::vector<double>& expected,
                 double tolerance) {
  ASSERT_EQ(found.size(), expected.size());
  for (std::size_t i = 0; i < found.size(); ++i) EXPECT_NEAR(found[i], expected[i], tolerance);
}

TEST(Pca, AgreesWithScikitLearn) {
  const Tensor points = scattered(12, 4, 2, 0.3, 0);
  const Pca pca = principal_components(points, 4);
  expect_near(pca.variance,
              {0.4023157871305458, 0.13527556880376024, 0.07672289796682284, 0.038254325952236753},
              kGolden);
  expect_near(pca.ratio,
              {0.6165111216677756, 0.20729709180015551, 0.11757062833773385, 0.05862115819433512},
              kGolden);
  expect_near(pca.components.to_vector<double>(),
              {0.8781825315716552, 0.41239029056585524, 0.22887237285498777, -0.07966885485016344,
               -0.33958209920006494, 0.8855867186239875, -0.2101401475299443, 0.23719460385044328,
               0.2281379491966075, -0.2054925918140149, -0.17978702374135322, 0.9345600552881289,
               -0.24785583568204056, 0.05867884417203981, 0.9333462280601162, 0.2529606620226631},
              kGolden);
  expect_near(pca.transform(points.narrow(0, 0, 1)).to_vector<double>(),
              {0.937225326444648, -0.2725695228023106, 0.3138046443553658, 0.2424732006743106},
              kGolden);
}

TEST(Pca, AgreesWithScikitLearnOnMoreCoordinatesThanPoints) {
  const Tensor points = scattered(5, 9, 2, 0.3, 1);
  const Pca pca = principal_components(points, 3);
  expect_near(pca.variance, {0.8033659031546947, 0.3204099976780155, 0.10723364317276714}, kGolden);
  expect_near(pca.ratio, {0.6378033072769964, 0.2543779309044214, 0.0851342731853313}, kGolden);
  expect_near(
      pca.components.to_vector<double>(),
      {0.7267167583107632,    -0.5455666896300871,  -0.09257883488024124, -0.044608835456115534,
       0.04273801174229285,   -0.11030165879895065, 0.24008858637418046,  -0.17334336854215107,
       0.24898896598374354,   0.5701468290313305,   0.6254419670551128,   -0.33407787862148386,
       0.21706959522540858,   -0.16080915910844926, -0.0898827267832263,  -0.2813951114670984,
       0.01743916645991743,   -0.10771201197937402, 0.36567894856660793,  0.13360574322648597,
       0.6563484387028581,    -0.3277157988962992,  -0.00774481766690253, 0.3275036162173677,
       -0.021420606315396388, 0.4335753280136352,   -0.12030164522982269},
      kGolden);
  expect_near(pca.transform(points.narrow(0, 0, 1)).to_vector<double>(),
              {0.8312075524051717, -0.09634590757351405, 0.49713763253613485}, kGolden);
}

TEST(Pca, LeavesOutDirectionsWithoutVariance) {
  // Five points fill four dimensions; the third column is a sum of the first two.
  EXPECT_EQ(principal_components(scattered(5, 9, 2, 0.3, 1), 9).variance.size(), 4u);
  std::vector<double> values = scattered(20, 3, 1, 0, 2).to(DType::f64).to_vector<double>();
  for (std::size_t i = 0; i < 20; ++i) values[3 * i + 2] = values[3 * i] + values[3 * i + 1];
  const Pca pca = principal_components(Tensor::from(values, {20, 3}), 3);
  ASSERT_EQ(pca.variance.size(), 2u);
  EXPECT_NEAR(pca.ratio[0] + pca.ratio[1], 1, 1e-14);
}

TEST(Pca, FindsOrthonormalDirectionsOfUncorrelatedCoordinates) {
  // Rounding of dot products of 60 terms of up to 1: some 60 eps = 1.3e-14, granted tenfold.
  for (const auto& [n, d] : {std::pair<std::int64_t, std::int64_t>{60, 37}, {37, 60}}) {
    const Tensor points = scattered(n, d, 3, 1, 3);
    const Pca pca = principal_components(points, 100);
    const auto k = static_cast<std::int64_t>(pca.variance.size());
    EXPECT_EQ(k, std::min(n - 1, d));
    const std::vector<double> v = pca.components.to_vector<double>();
    const std::vector<double> y = pca.transform(points).to_vector<double>();
    for (std::int64_t a = 0; a < k; ++a) {
      for (std::int64_t b = 0; b <= a; ++b) {
        double product = 0, covariance = 0;
        for (std::int64_t j = 0; j < d; ++j)
          product +=
              v[static_cast<std::size_t>(a * d + j)] * v[static_cast<std::size_t>(b * d + j)];
        for (std::int64_t i = 0; i < n; ++i)
          covariance += y[static_cast<std::size_t>(i * k + a)] *
                        y[static_cast<std::size_t>(i * k + b)] / static_cast<double>(n - 1);
        // Vectors of the Gram matrix lose digits with the square root of a variance's share.
        EXPECT_NEAR(product, a == b, 1e-11) << a << " " << b;
        EXPECT_NEAR(covariance, a == b ? pca.variance[static_cast<std::size_t>(a)] : 0, 1e-12);
      }
    }
  }
}

TEST(Pca, TakesEveryScaleOfNumbers) {
  std::vector<double> values = scattered(12, 4, 2, 0.3, 0).to(DType::f64).to_vector<double>();
  const Pca plain = principal_components(Tensor::from(values, {12, 4}), 4);
  for (double& value : values) value *= 0x1p-300;  // the squares are still normal numbers
  const Pca tiny = principal_components(Tensor::from(values, {12, 4}), 4);
  EXPECT_TRUE(same_bits(plain.components, tiny.components));
  EXPECT_EQ(plain.ratio, tiny.ratio);
}

TEST(SymmetricEigen, SolvesWhatIsKnown) {
  // 2 on the diagonal, -1 beside it: 2 - 2 cos(k pi / (m + 1)).
  constexpr std::int64_t m = 30;
  std::vector<double> a(m * m, 0.0);
  for (std::size_t i = 0; i < m; ++i) {
    a[i * m + i] = 2;
    if (i + 1 < m) a[i * m + i + 1] = a[(i + 1) * m + i] = -1;
  }
  const SymmetricEigen eigen = symmetric_eigen(a, m);
  for (int k = 1; k <= m; ++k)
    EXPECT_NEAR(eigen.values[static_cast<std::size_t>(m - k)], 2 - 2 * std::cos(k * M_PI / (m + 1)),
                4 * m * std::numeric_limits<double>::epsilon());
  // A matrix that is diagonal, with a value twice, and one of zeros.
  EXPECT_EQ(symmetric_eigen({1, 0, 0, 0, 3, 0, 0, 0, 1}, 3).values, (std::vector<double>{3, 1, 1}));
  EXPECT_EQ(symmetric_eigen({0, 0, 0, 0}, 2).values, (std::vector<double>{0, 0}));
}

TEST(Pca, FindsTheSameBitsWithEveryInstructionSetAndNumberOfThreads) {
  const Isa best = isa();
  const int before = threads();
  const Tensor points = scattered(70, 41, 3, 1, 4);
  set_isa(Isa::scalar);
  set_threads(1);
  const Pca plain = principal_components(points, 20);
  for (const Isa set : available_isas()) {
    for (const int n : {1, 2, 3}) {
      set_isa(set);
      set_threads(n);
      EXPECT_TRUE(same_bits(principal_components(points, 20).components, plain.components));
    }
  }
  set_isa(best);
  set_threads(before);
}

TEST(Pca, RefusesWhatHasNoComponents) {
  const auto refused = [](const Tensor& points, std::int64_t count = 2) {
    return refusal<Error>([&] { principal_components(points, count); });
  };
  EXPECT_EQ(refused(Tensor::zeros({4, 3}, DType::f32)),
            "pca: points: expected points that differ, got 4 that are all the same");
  EXPECT_EQ(refused(Tensor::zeros({1, 3}, DType::f32)),
            "pca: points: expected (n, d) with n of at least 2, got (1, 3)");
  EXPECT_EQ(refused(Tensor::zeros({4, 3}, DType::f32), 0),
            "pca: count: expected at least 1, got 0");
  EXPECT_EQ(refused(Tensor::zeros({4, 3}, DType::i64)),
            "pca: points: expected f32 or f64, got i64");
  EXPECT_EQ(refused(Tensor::from(std::vector<float>{1, 2, 3, INFINITY}, {2, 2})),
            "pca: points: point 1, coordinate 1: expected a finite number, got inf");
  EXPECT_EQ(refusal<ShapeError>([] {
              principal_components(scattered(5, 3, 1, 0, 0), 2)
                  .transform(Tensor::zeros({4, 2}, DType::f32));
            }),
            "pca: points: expected (m, 3), got (4, 2)");
}

}  // namespace
}  // namespace chainline::experiments
