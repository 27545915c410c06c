#include "experiments/probing/folds.h"

#include <algorithm>
#include <set>

#include "tensor/error.h"
#include "tensor/random.h"

namespace chainline::experiments {
namespace {

/// Users that share their pictures stay together, so that a fold takes no picture from the training
/// of others.
std::vector<std::vector<std::size_t>> deal(
    const Users& users, const std::vector<std::vector<std::size_t>>& exchangeable,
    const ProbeOptions& options) {
  check<ValueError>(options.folds >= 2, "probe: folds: expected at least 2, got ", options.folds);
  check<ValueError>(options.folds >= 3 || options.c_grid.empty(),
                    "probe: folds: expected at least 3 to choose c in the others, got ",
                    options.folds);
  const auto folds = static_cast<std::size_t>(options.folds);
  RandomSequence random = Generator(options.seed, "probe folds").sequence(0, 0);
  std::vector<std::vector<std::size_t>> groups(folds);
  if (exchangeable.size() >= folds) {
    std::vector<std::vector<std::size_t>> pairs = exchangeable;
    random.shuffle(pairs);
    for (std::size_t i = 0; i < pairs.size(); ++i)
      groups[i % folds].insert(groups[i % folds].end(), pairs[i].begin(), pairs[i].end());
    return groups;
  }
  for (const int label : {0, 1}) {
    std::vector<std::size_t> members;
    for (std::size_t user = 0; user < users.labels.size(); ++user)
      if (users.labels[user] == label) members.push_back(user);
    check<ValueError>(members.size() >= folds, "probe: label ", label, ": expected at least ",
                      folds, " users, one for each fold, got ", members.size());
    random.shuffle(members);
    for (std::size_t i = 0; i < members.size(); ++i) groups[i % folds].push_back(members[i]);
  }
  return groups;
}

/// Which items a fold tests, and which share a user or a picture with it.
struct Held {
  std::vector<bool> tested, touched;  // (items)

  Held(const ProbeItems& items, const Users& users, const std::vector<std::size_t>& group,
       bool hold_out_images) {
    const std::set<std::size_t> members(group.begin(), group.end());
    std::set<std::int64_t> images;
    for (std::size_t i = 0; i < users.of_item.size(); ++i) {
      tested.push_back(members.count(users.of_item[i]) > 0);
      if (tested[i] && hold_out_images) images.insert(items.images[i]);
    }
    for (std::size_t i = 0; i < tested.size(); ++i)
      touched.push_back(tested[i] || images.count(items.images[i]) > 0);
  }
};

void check_classes(const ProbeItems& items, const std::vector<std::int64_t>& train,
                   std::size_t fold) {
  std::size_t of_class[2] = {0, 0};
  for (const std::int64_t row : train) ++of_class[items.seen[static_cast<std::size_t>(row)]];
  check<ValueError>(of_class[0] > 0 && of_class[1] > 0, "probe: fold ", fold,
                    ": expected both classes among the items that share no user and no image "
                    "with it, got ",
                    of_class[1], " seen and ", of_class[0],
                    " unseen; pictures that carry all cards need hold_out_images = false");
}

}  // namespace

Users probe_users(const ProbeItems& items) {
  const std::size_t n = items.seen.size();
  check<ShapeError>(static_cast<std::size_t>(items.features.rows) == n && items.users.size() == n &&
                        items.images.size() == n,
                    "probe: items: expected equally many features, labels, users and images, got ",
                    items.features.rows, ", ", n, ", ", items.users.size(), ", ",
                    items.images.size());
  return Users("probe", items.seen, items.users);
}

std::vector<int> picked(const std::vector<int>& labels, const std::vector<std::int64_t>& rows) {
  std::vector<int> result;
  for (const std::int64_t row : rows) result.push_back(labels[static_cast<std::size_t>(row)]);
  return result;
}

std::vector<double> c_candidates(const ProbeOptions& options) {
  std::vector<double> cs = options.c_grid;
  if (cs.empty()) cs.push_back(options.c);
  std::sort(cs.begin(), cs.end());
  const auto twice = std::adjacent_find(cs.begin(), cs.end());
  check<ValueError>(twice == cs.end(), "probe: c_grid: expected different values, got ",
                    twice == cs.end() ? 0 : *twice, " twice");
  return cs;
}

UserFolds::UserFolds(const ProbeItems& items, const Users& users, const ProbeOptions& options)
    : features_(items.features),
      cs_(c_candidates(options)),
      tolerance_(options.tolerance),
      exchangeable_(exchangeable_users(users, items.images)),
      groups_(deal(users, exchangeable_, options)) {
  // Labels are dealt anew within a fold at least, so that folds stay balanced.
  if (exchangeable_.size() < groups_.size()) exchangeable_ = groups_;
  std::vector<Held> held;
  for (std::size_t f = 0; f < groups_.size(); ++f) {
    held.emplace_back(items, users, groups_[f], options.hold_out_images);
    RowSplit split;
    for (std::size_t i = 0; i < users.of_item.size(); ++i) {
      if (held[f].tested[i]) split.test.push_back(static_cast<std::int64_t>(i));
      if (!held[f].touched[i]) split.train.push_back(static_cast<std::int64_t>(i));
    }
    check_classes(items, split.train, f);
    outer_.push_back(fitted(std::move(split)));
  }
  if (options.c_grid.empty()) return;
  for (std::size_t f = 0; f < groups_.size(); ++f) {
    for (std::size_t g = f + 1; g < groups_.size(); ++g) {
      Pair pair{{f, g}, {}, {}};
      RowSplit split;
      for (std::size_t i = 0; i < users.of_item.size(); ++i) {
        const auto row = static_cast<std::int64_t>(i);
        if (held[g].tested[i] && !held[f].touched[i]) pair.test[0].push_back(row);
        if (held[f].tested[i] && !held[g].touched[i]) pair.test[1].push_back(row);
        if (!held[f].touched[i] && !held[g].touched[i]) split.train.push_back(row);
      }
      pair.fitted = fitted(std::move(split));
      pairs_.push_back(std::move(pair));
    }
  }
}

UserFolds::Fitted UserFolds::fitted(RowSplit split) const {
  Fitted result;
  if (split.train.empty()) return result;
  result.regressions.emplace_back(features_, split.train,
                                  LogisticOptions{cs_[0], true, tolerance_, 100});
  for (std::size_t k = 1; k < cs_.size(); ++k)
    result.regressions.push_back(result.regressions[0].with_c(cs_[k]));
  result.split = std::move(split);
  return result;
}

/// The mean log-loss of every fold's inner folds for every c, (folds, c). Where few users have left
/// a pair of folds one class to train on, it decides nothing, whatever the c.
std::vector<std::vector<double>> UserFolds::inner_losses(const std::vector<int>& labels,
                                                         FitQuality& quality) const {
  std::vector<std::vector<double>> losses(groups_.size(), std::vector<double>(cs_.size(), 0.0));
  std::vector<double> counts(groups_.size(), 0.0);
  for (const Pair& pair : pairs_) {
    const std::vector<int> train = picked(labels, pair.fitted.split.train);
    const auto ones = std::count(train.begin(), train.end(), 1);
    const bool both = ones > 0 && ones < static_cast<std::ptrdiff_t>(train.size());
    for (std::size_t k = 0; k < cs_.size(); ++k) {
      LogisticFit fit;
      if (both) {
        fit = pair.fitted.regressions[k].fit(train);
        quality.add(fit);
      }
      for (const int side : {0, 1}) {
        for (const std::int64_t row : pair.test[side]) {
          const double margin = both ? fit.decision(features_.row(row)) : 0;
          const bool seen = labels[static_cast<std::size_t>(row)] == 1;
          losses[pair.folds[side]][k] += log_loss(seen ? margin : -margin);
        }
      }
    }
    for (const int side : {0, 1})
      counts[pair.folds[side]] += static_cast<double>(pair.test[side].size());
  }
  for (std::size_t f = 0; f < losses.size(); ++f) {
    check<ValueError>(counts[f] > 0, "probe: fold ", f,
                      ": expected items in its inner folds to choose c by, got none");
    for (double& loss : losses[f]) loss /= counts[f];
  }
  return losses;
}

UserFolds::Decisions UserFolds::decide(const std::vector<int>& labels, FitQuality& quality) const {
  Decisions decisions;
  decisions.scores.resize(labels.size());
  std::vector<std::vector<double>> losses(groups_.size(), std::vector<double>(1, 0.0));
  if (!pairs_.empty()) losses = inner_losses(labels, quality);
  for (std::size_t f = 0; f < outer_.size(); ++f) {
    const auto least = std::min_element(losses[f].begin(), losses[f].end());
    const auto k = static_cast<std::size_t>(least - losses[f].begin());
    LogisticFit fit = outer_[f].regressions[k].fit(picked(labels, outer_[f].split.train));
    quality.add(fit);
    for (const std::int64_t item : outer_[f].split.test)
      decisions.scores[static_cast<std::size_t>(item)] = fit.decision(features_.row(item));
    decisions.fits.push_back(std::move(fit));
    decisions.c.push_back(cs_[k]);
    decisions.inner_loss.push_back(*least);
  }
  return decisions;
}

}  // namespace chainline::experiments
