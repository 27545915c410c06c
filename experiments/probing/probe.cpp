#include "experiments/probing/probe.h"

#include <algorithm>
#include <cmath>
#include <map>

#include "experiments/probing/folds.h"
#include "tensor/error.h"
#include "tensor/random.h"

namespace chainline::experiments {
namespace {

double accuracy_of(const std::vector<double>& scores, const std::vector<int>& labels,
                   const std::vector<double>& weights) {
  double right = 0, all = 0;
  for (std::size_t i = 0; i < scores.size(); ++i) {
    if ((scores[i] > 0) == (labels[i] == 1)) right += weights[i];
    all += weights[i];
  }
  return right / all;
}

double accuracy_of(const std::vector<double>& scores, const std::vector<int>& labels) {
  return accuracy_of(scores, labels, std::vector<double>(scores.size(), 1.0));
}

void check_options(const ProbeOptions& options) {
  check<ValueError>(options.test_share > 0 && options.test_share < 1,
                    "probe: test_share: expected a share of (0, 1), got ", options.test_share);
}

/// All items, or one of every picture: of the class whose turn it is, where the picture has both.
std::vector<std::int64_t> replica_items(const ProbeItems& items, const ProbeOptions& options) {
  std::map<std::int64_t, std::vector<std::int64_t>> pictures;
  for (std::size_t i = 0; i < items.images.size(); ++i)
    pictures[options.distinct_images ? items.images[i] : static_cast<std::int64_t>(i)].push_back(
        static_cast<std::int64_t>(i));
  RandomSequence random = Generator(options.seed, "probe pictures").sequence(0, 0);
  std::vector<std::vector<std::int64_t>> order;
  for (const auto& picture : pictures) order.push_back(picture.second);
  random.shuffle(order);
  std::vector<std::int64_t> chosen;
  int wanted = 0;
  for (std::vector<std::int64_t>& candidates : order) {
    random.shuffle(candidates);
    std::int64_t pick = candidates[0];
    for (const std::int64_t item : candidates)
      if (items.seen[static_cast<std::size_t>(item)] == wanted) pick = item;
    chosen.push_back(pick);
    wanted = 1 - wanted;
  }
  std::sort(chosen.begin(), chosen.end());
  return chosen;
}

RowSplit stratified_split(const ProbeItems& items, const ProbeOptions& options) {
  const std::vector<std::int64_t> chosen = replica_items(items, options);
  RandomSequence random = Generator(options.seed, "probe split").sequence(0, 0);
  RowSplit split;
  for (const int label : {0, 1}) {
    std::vector<std::int64_t> members;
    for (const std::int64_t item : chosen)
      if (items.seen[static_cast<std::size_t>(item)] == label) members.push_back(item);
    random.shuffle(members);
    const auto test = static_cast<std::size_t>(
        std::floor(options.test_share * static_cast<double>(members.size()) + 0.5));
    check<ValueError>(test > 0 && test < members.size(), "probe: label ", label,
                      ": expected items on both sides of the split, got ", test, " of ",
                      members.size(), " in the test");
    const auto cut = members.begin() + static_cast<std::ptrdiff_t>(test);
    split.test.insert(split.test.end(), members.begin(), cut);
    split.train.insert(split.train.end(), cut, members.end());
  }
  return split;
}

}  // namespace

void FitQuality::add(const LogisticFit& fit) {
  ++fits;
  unconverged += !fit.converged;
  if (fit.initial_gradient > 0)
    worst_gradient = std::max(worst_gradient, fit.gradient / fit.initial_gradient);
  if (fit.objective > 0) worst_gap = std::max(worst_gap, fit.duality_gap / fit.objective);
}

void FitQuality::add(const FitQuality& other) {
  fits += other.fits;
  unconverged += other.unconverged;
  worst_gradient = std::max(worst_gradient, other.worst_gradient);
  worst_gap = std::max(worst_gap, other.worst_gap);
}

ReplicaProbe replica_probe(const ProbeItems& items, const ProbeOptions& options) {
  check_options(options);
  const Users users = probe_users(items);
  const RowSplit split = stratified_split(items, options);
  const LogisticRegression regression(items.features, split.train,
                                      {options.c, false, options.tolerance, 100});
  const auto accuracy = [&](const std::vector<int>& labels, FitQuality& quality) {
    const LogisticFit fit = regression.fit(picked(labels, split.train));
    quality.add(fit);
    std::vector<double> scores;
    for (const std::int64_t item : split.test)
      scores.push_back(fit.decision(items.features.row(item)));
    return accuracy_of(scores, picked(labels, split.test));
  };
  ReplicaProbe probe;
  probe.test_items = static_cast<std::int64_t>(split.test.size());
  probe.accuracy = accuracy(items.seen, probe.quality);
  const double right = probe.accuracy * static_cast<double>(probe.test_items);
  probe.interval = wilson_interval(std::llround(right), probe.test_items);

  std::vector<double> values(static_cast<std::size_t>(options.relabellings));
  std::vector<FitQuality> qualities(values.size());
  for_each_relabelling(users, exchangeable_users(users, items.images), options.seed,
                       options.relabellings, [&](std::size_t r, const std::vector<int>& labels) {
                         values[r] = accuracy(users.item_labels(labels), qualities[r]);
                       });
  for (const FitQuality& quality : qualities) probe.quality.add(quality);
  probe.control = Control(std::move(values), probe.accuracy);
  return probe;
}

LeaveUsersOutProbe leave_users_out_probe(const ProbeItems& items, const ProbeOptions& options) {
  check_options(options);
  const Users users = probe_users(items);
  const UserFolds folds(items, users, options);
  LeaveUsersOutProbe probe;
  UserFolds::Decisions decisions = folds.decide(items.seen, probe.quality);
  probe.scores = std::move(decisions.scores);
  probe.c = std::move(decisions.c);
  probe.fits = std::move(decisions.fits);
  probe.fold.resize(probe.scores.size());
  for (std::size_t f = 0; f < folds.groups().size(); ++f)
    for (const std::int64_t item : folds.test(f)) probe.fold[static_cast<std::size_t>(item)] = f;
  probe.accuracy = accuracy_of(probe.scores, items.seen);
  const RankedScores ranked(probe.scores, items.seen);
  probe.auc = ranked.auc();

  const auto item_weights = [&](std::span<const double> drawn) {
    std::vector<double> weights;
    for (const std::size_t user : users.of_item) weights.push_back(drawn[user]);
    return weights;
  };
  const Generator draws(options.seed, "probe bootstrap");  // the same users for both figures
  probe.accuracy_interval = bootstrap_interval(
      users.labels, options.bootstrap, draws, [&](std::span<const double> drawn) {
        return accuracy_of(probe.scores, items.seen, item_weights(drawn));
      });
  probe.auc_interval = bootstrap_interval(
      users.labels, options.bootstrap, draws,
      [&](std::span<const double> drawn) { return ranked.auc(item_weights(drawn)); });

  std::vector<double> accuracies(static_cast<std::size_t>(options.relabellings));
  std::vector<double> aucs(accuracies.size());
  std::vector<FitQuality> qualities(accuracies.size());
  for_each_relabelling(users, folds.exchangeable(), options.seed, options.relabellings,
                       [&](std::size_t r, const std::vector<int>& user_labels) {
                         const std::vector<int> labels = users.item_labels(user_labels);
                         const std::vector<double> scores =
                             folds.decide(labels, qualities[r]).scores;
                         accuracies[r] = accuracy_of(scores, labels);
                         aucs[r] = roc_auc(scores, labels);
                       });
  for (const FitQuality& quality : qualities) probe.quality.add(quality);
  probe.accuracy_control = Control(std::move(accuracies), probe.accuracy);
  probe.auc_control = Control(std::move(aucs), probe.auc);
  return probe;
}

}  // namespace chainline::experiments
