#include "experiments/statistics/randomisation.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>

#include "experiments/statistics/statistics.h"
#include "tensor/error.h"

namespace chainline::experiments {
namespace {

constexpr double kEpsilon = std::numeric_limits<double>::epsilon();
constexpr std::size_t kCountedOut = 20;  // 2^20 sums take milliseconds

void check_draws(const char* op, const char* name, std::int64_t draws) {
  check<ValueError>(draws >= 1 && draws < std::int64_t{1} << 32, op, ": ", name,
                    ": expected 1 .. 2^32 - 1, got ", draws);
}

void check_finite(const char* op, const char* name, std::span<const double> values) {
  for (const double value : values)
    check<ValueError>(std::isfinite(value), op, ": ", name, ": expected finite values, got ",
                      value);
}

double largest_size(std::span<const double> values) {
  double largest = 0;
  for (const double value : values) largest = std::max(largest, std::abs(value));
  return largest;
}

/// How many drawn values reach the observed one, from either side.
class Reached {
 public:
  /// `slack`: what the rounding of two equal sums may differ by.
  Reached(double observed, double slack) : observed_(observed), slack_(slack) {}

  void add(double value) {
    ++all_;
    greater_ += value >= observed_ - slack_;
    less_ += value <= observed_ + slack_;
    either_ += std::abs(value) >= std::abs(observed_) - slack_;
  }

  /// `itself`: 1 where the observed value is to be counted beside the drawn ones.
  RandomisationTest test(std::int64_t itself) const {
    const auto share = [&](std::int64_t reached) {
      return static_cast<double>(itself + reached) / static_cast<double>(itself + all_);
    };
    return {observed_, share(greater_), share(less_), share(either_), all_};
  }

 private:
  double observed_, slack_;
  std::int64_t all_ = 0, greater_ = 0, less_ = 0, either_ = 0;
};

/// Every sign of the differences from the i-th on, the first ones summed already.
void add_signs(std::span<const double> differences, std::size_t i, double sum, Reached& reached) {
  if (i == differences.size()) {
    reached.add(sum / static_cast<double>(differences.size()));
    return;
  }
  add_signs(differences, i + 1, sum + differences[i], reached);
  add_signs(differences, i + 1, sum - differences[i], reached);
}

void check_controls(const char* op, std::size_t run, double observed,
                    const std::vector<double>& controls) {
  check<ValueError>(!controls.empty(), op, ": controls: run ", run,
                    ": expected at least one, got none");
  check_finite(op, "observed", std::span(&observed, 1));
  check_finite(op, "controls", controls);
}

}  // namespace

namespace {

/// [run][group]: the places of its users.
std::vector<std::vector<std::vector<std::size_t>>> places_by_group(const UserRuns& runs) {
  std::vector<std::vector<std::vector<std::size_t>>> places;
  check<ShapeError>(runs.groups.empty() || runs.groups.size() == runs.in.size(),
                    "in_out_test: groups: expected those of ", runs.in.size(), " runs, got ",
                    runs.groups.size());
  for (std::size_t r = 0; r < runs.in.size(); ++r) {
    std::map<int, std::vector<std::size_t>> of_group;
    const bool grouped = !runs.groups.empty();
    check<ShapeError>(!grouped || runs.groups[r].size() == runs.in[r].size(),
                      "in_out_test: groups: run ", r, ": expected those of ", runs.in[r].size(),
                      " users, got ", grouped ? runs.groups[r].size() : 0);
    for (std::size_t u = 0; u < runs.in[r].size(); ++u)
      of_group[grouped ? runs.groups[r][u] : 0].push_back(u);
    places.emplace_back();
    for (auto& group : of_group) places.back().push_back(std::move(group.second));
  }
  return places;
}

}  // namespace

RandomisationTest in_out_test(const UserRuns& runs, std::int64_t relabellings,
                              const Generator& generator) {
  check_user_runs("in_out_test", runs);
  check_draws("in_out_test", "relabellings", relabellings);
  // A side's mean of n values is off by n eps max at most, and there are two sides in a value and
  // two values in a comparison.
  double slack = 0;
  for (const std::vector<double>& values : runs.values)
    slack = std::max(slack, 4 * static_cast<double>(values.size() + runs.in.size()) * kEpsilon *
                                largest_size(values));
  Reached reached(mean(run_effects(runs)), slack);
  UserRuns dealt = runs;
  const auto places = places_by_group(runs);
  for (std::int64_t i = 0; i < relabellings; ++i) {
    RandomSequence random = generator.sequence(0, static_cast<std::uint32_t>(i));
    for (std::size_t r = 0; r < places.size(); ++r)
      for (const std::vector<std::size_t>& group : places[r]) {
        std::vector<int> in;
        for (const std::size_t user : group) in.push_back(dealt.in[r][user]);
        random.shuffle(in);
        for (std::size_t u = 0; u < group.size(); ++u) dealt.in[r][group[u]] = in[u];
      }
    reached.add(mean(run_effects(dealt)));
  }
  return reached.test(1);
}

RandomisationTest combined_control_test(std::span<const double> observed,
                                        const std::vector<std::vector<double>>& controls,
                                        std::int64_t draws, const Generator& generator) {
  const char* op = "combined_control_test";
  check<ShapeError>(observed.size() == controls.size(), op, ": controls: expected those of ",
                    observed.size(), " runs, got ", controls.size());
  check<ValueError>(!observed.empty(), op, ": observed: expected at least one run, got none");
  check_draws(op, "draws", draws);
  double size = largest_size(observed);
  for (std::size_t r = 0; r < controls.size(); ++r) {
    check_controls(op, r, observed[r], controls[r]);
    size = std::max(size, largest_size(controls[r]));
  }
  const auto runs = static_cast<double>(observed.size());
  Reached reached(mean(observed), 2 * runs * kEpsilon * size);
  for (std::int64_t i = 0; i < draws; ++i) {
    RandomSequence random = generator.sequence(0, static_cast<std::uint32_t>(i));
    double sum = 0;
    for (std::size_t r = 0; r < controls.size(); ++r) {
      const std::size_t k = random.below(controls[r].size() + 1);
      sum += k == controls[r].size() ? observed[r] : controls[r][k];
    }
    reached.add(sum / runs);
  }
  RandomisationTest result = reached.test(1);
  result.two_sided = std::min(1.0, 2 * std::min(result.greater, result.less));
  return result;
}

std::vector<double> combined_max_p_values(
    const std::vector<std::vector<double>>& observed,
    const std::vector<std::vector<std::vector<double>>>& controls, std::int64_t draws,
    const Generator& generator) {
  const char* op = "combined_max_p_values";
  check<ShapeError>(observed.size() == controls.size(), op, ": controls: expected those of ",
                    observed.size(), " runs, got ", controls.size());
  check<ValueError>(!observed.empty(), op, ": observed: expected at least one run, got none");
  check_draws(op, "draws", draws);
  const std::size_t runs = observed.size(), layers = observed[0].size();
  if (layers == 0) return {};
  // pool[r][k][layer]: the controls of run r, then its observed values, standardized so that the
  // mean over runs has mean 0 and standard deviation 1.
  std::vector<std::vector<std::vector<double>>> pool(runs);
  std::vector<double> variance(layers, 0.0);
  for (std::size_t r = 0; r < runs; ++r) {
    check<ShapeError>(observed[r].size() == layers && controls[r].size() == layers, op, ": run ", r,
                      ": expected ", layers, " layers, got ", observed[r].size(), " and ",
                      controls[r].size(), " of controls");
    const std::size_t relabellings = controls[r][0].size();
    pool[r].assign(relabellings + 1, std::vector<double>(layers));
    for (std::size_t layer = 0; layer < layers; ++layer) {
      check<ShapeError>(controls[r][layer].size() == relabellings, op, ": run ", r, ": layer ",
                        layer, ": expected ", relabellings, " relabellings, got ",
                        controls[r][layer].size());
      check_controls(op, r, observed[r][layer], controls[r][layer]);
      std::vector<double> values = controls[r][layer];
      values.push_back(observed[r][layer]);
      // The mean of equal values is rounded, and would leave a spread that is none.
      const auto [least, most] = std::minmax_element(values.begin(), values.end());
      const double centre = *least == *most ? *least : mean(values);
      double squares = 0;
      for (std::size_t k = 0; k <= relabellings; ++k) {
        pool[r][k][layer] = (values[k] - centre) / static_cast<double>(runs);
        squares += pool[r][k][layer] * pool[r][k][layer];
      }
      variance[layer] += squares / static_cast<double>(relabellings + 1);
    }
  }
  std::vector<double> sum(layers), statistic(layers, 0.0);
  for (std::size_t layer = 0; layer < layers; ++layer) {
    // A layer that never varies has the value 0 in every draw, and p = 1.
    const double scale = variance[layer] > 0 ? 1 / std::sqrt(variance[layer]) : 0;
    for (std::vector<std::vector<double>>& run : pool) {
      for (std::vector<double>& values : run) values[layer] *= scale;
      statistic[layer] += run.back()[layer];
    }
  }
  // Standardized values are sums of numbers of some units, each rounded a few times.
  const double slack = 64 * static_cast<double>(runs) * kEpsilon * (1 + largest_size(statistic));
  std::vector<std::int64_t> reached(layers, 0);
  for (std::int64_t i = 0; i < draws; ++i) {
    RandomSequence random = generator.sequence(0, static_cast<std::uint32_t>(i));
    std::fill(sum.begin(), sum.end(), 0.0);
    for (const std::vector<std::vector<double>>& run : pool) {
      const std::vector<double>& drawn = run[random.below(run.size())];
      for (std::size_t layer = 0; layer < layers; ++layer) sum[layer] += drawn[layer];
    }
    const double largest = *std::max_element(sum.begin(), sum.end());
    for (std::size_t layer = 0; layer < layers; ++layer)
      reached[layer] += largest >= statistic[layer] - slack;
  }
  std::vector<double> p_values;
  for (const std::int64_t count : reached)
    p_values.push_back(static_cast<double>(1 + count) / static_cast<double>(1 + draws));
  return p_values;
}

RandomisationTest sign_flip_test(std::span<const double> differences, std::int64_t draws,
                                 const Generator& generator) {
  const char* op = "sign_flip_test";
  check<ValueError>(!differences.empty(), op, ": differences: expected at least one, got none");
  check_finite(op, "differences", differences);
  check_draws(op, "draws", draws);
  const auto n = static_cast<double>(differences.size());
  Reached reached(mean(differences), 2 * n * kEpsilon * largest_size(differences));
  if (differences.size() <= kCountedOut) {
    add_signs(differences, 0, 0, reached);
    return reached.test(0);
  }
  for (std::int64_t i = 0; i < draws; ++i) {
    RandomSequence random = generator.sequence(0, static_cast<std::uint32_t>(i));
    double sum = 0;
    for (const double difference : differences)
      sum += random.next_u32() >> 31 ? difference : -difference;
    reached.add(sum / n);
  }
  return reached.test(1);
}

}  // namespace chainline::experiments
