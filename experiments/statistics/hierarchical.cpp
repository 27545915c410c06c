#include "experiments/statistics/hierarchical.h"

#include <algorithm>
#include <cmath>

#include "experiments/statistics/distributions.h"
#include "tensor/error.h"

namespace chainline::experiments {
namespace {

void check_replicates(const char* op, std::int64_t replicates) {
  check<ValueError>(replicates >= 2 && replicates < std::int64_t{1} << 32, op,
                    ": replicates: expected 2 .. 2^32 - 1, got ", replicates);
}

void check_confidence(const char* op, double confidence) {
  check<ValueError>(confidence > 0 && confidence < 1, op,
                    ": confidence: expected a share of (0, 1), got ", confidence);
}

void check_per_run(const char* op, std::span<const double> per_run) {
  check<ValueError>(per_run.size() >= 2, op, ": per_run: expected at least 2 runs, got ",
                    per_run.size());
  for (const double value : per_run)
    check<ValueError>(std::isfinite(value), op, ": per_run: expected finite values, got ", value);
}

/// The users of each run by their membership.
struct Sides {
  std::vector<std::size_t> users[2];
};

std::vector<Sides> sides_of(const std::vector<std::vector<int>>& in) {
  std::vector<Sides> sides(in.size());
  for (std::size_t r = 0; r < in.size(); ++r)
    for (std::size_t u = 0; u < in[r].size(); ++u) sides[r].users[in[r][u]].push_back(u);
  return sides;
}

/// One replicate: tells of every drawn run, and of every user drawn in it, in one order for all
/// statistics.
template <class Draw>
void draw_replicate(const std::vector<Sides>& sides, RandomSequence random, const Draw& draw) {
  for (std::size_t i = 0; i < sides.size(); ++i) {
    const std::size_t run = sides.size() == 1 ? 0 : random.below(sides.size());
    for (const int side : {0, 1}) {
      const std::vector<std::size_t>& users = sides[run].users[side];
      for (std::size_t k = 0; k < users.size(); ++k)
        draw(run, side, users[random.below(users.size())]);
    }
  }
}

RunMean run_mean(std::span<const double> per_run) {
  RunMean result;
  result.runs = static_cast<std::int64_t>(per_run.size());
  result.df = result.runs - 1;
  result.mean = mean(per_run);
  result.standard_error =
      standard_deviation(per_run) / std::sqrt(static_cast<double>(per_run.size()));
  return result;
}

}  // namespace

std::vector<double> hierarchical_replicates(const UserRuns& runs, std::int64_t replicates,
                                            const Generator& generator) {
  check_user_runs("hierarchical_replicates", runs);
  check_replicates("hierarchical_replicates", replicates);
  const std::vector<Sides> sides = sides_of(runs.in);
  // What a drawn user adds to the effect: its value over the number of its side, OUT negative.
  std::vector<std::vector<double>> shares = runs.values;
  for (std::size_t r = 0; r < sides.size(); ++r)
    for (const int side : {0, 1})
      for (const std::size_t user : sides[r].users[side])
        shares[r][user] *=
            (side == 1 ? 1.0 : -1.0) / static_cast<double>(sides[r].users[side].size());
  std::vector<double> values;
  for (std::int64_t i = 0; i < replicates; ++i) {
    double sum = 0;
    draw_replicate(sides, generator.sequence(0, static_cast<std::uint32_t>(i)),
                   [&](std::size_t run, int, std::size_t user) { sum += shares[run][user]; });
    values.push_back(sum / static_cast<double>(sides.size()));
  }
  return values;
}

std::vector<double> hierarchical_replicates(
    const std::vector<std::vector<int>>& in, std::int64_t replicates, const Generator& generator,
    const std::function<double(const RunWeights&)>& statistic) {
  check_memberships("hierarchical_replicates", in);
  check_replicates("hierarchical_replicates", replicates);
  const std::vector<Sides> sides = sides_of(in);
  RunWeights weights;
  for (const std::vector<int>& run : in) weights.emplace_back(run.size());
  std::vector<double> values;
  for (std::int64_t i = 0; i < replicates; ++i) {
    for (std::vector<double>& run : weights) std::fill(run.begin(), run.end(), 0.0);
    draw_replicate(sides, generator.sequence(0, static_cast<std::uint32_t>(i)),
                   [&](std::size_t run, int, std::size_t user) { weights[run][user] += 1; });
    values.push_back(statistic(weights));
  }
  return values;
}

std::vector<double> run_mean_replicates(std::span<const double> per_run, std::int64_t replicates,
                                        const Generator& generator) {
  check_per_run("run_mean_replicates", per_run);
  check_replicates("run_mean_replicates", replicates);
  std::vector<double> values;
  for (std::int64_t i = 0; i < replicates; ++i) {
    RandomSequence random = generator.sequence(0, static_cast<std::uint32_t>(i));
    double sum = 0;
    for (std::size_t k = 0; k < per_run.size(); ++k) sum += per_run[random.below(per_run.size())];
    values.push_back(sum / static_cast<double>(per_run.size()));
  }
  return values;
}

Interval percentile_interval(const std::vector<double>& replicates, double confidence) {
  check_confidence("percentile_interval", confidence);
  std::vector<double> numbers;
  for (const double value : replicates)
    if (!std::isnan(value)) numbers.push_back(value);
  check<ValueError>(!numbers.empty(), "percentile_interval: replicates: expected numbers, got ",
                    replicates.size(), " that are none");
  const double tail = (1 - confidence) / 2;
  return {quantile(numbers, tail), quantile(numbers, 1 - tail)};
}

RunMean run_mean_t(std::span<const double> per_run, double confidence) {
  check_per_run("run_mean_t", per_run);
  check_confidence("run_mean_t", confidence);
  RunMean result = run_mean(per_run);
  const double reach = student_t_quantile((1 + confidence) / 2, static_cast<double>(result.df)) *
                       result.standard_error;
  result.interval = {result.mean - reach, result.mean + reach};
  return result;
}

RunMean run_mean_bootstrap(std::span<const double> per_run, std::int64_t replicates,
                           const Generator& generator, double confidence) {
  const std::vector<double> values = run_mean_replicates(per_run, replicates, generator);
  RunMean result = run_mean(per_run);
  result.interval = percentile_interval(values, confidence);
  return result;
}

}  // namespace chainline::experiments
