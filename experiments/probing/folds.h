#pragma once

#include <cstdint>
#include <vector>

#include "experiments/probing/logistic.h"
#include "experiments/probing/probe.h"
#include "experiments/probing/relabelling.h"

namespace chainline::experiments {

/// **Errors** as Users; ShapeError for lists of unequal length.
Users probe_users(const ProbeItems& items);

/// The labels of the given rows.
std::vector<int> picked(const std::vector<int>& labels, const std::vector<std::int64_t>& rows);

/// Rows to fit and rows to decide on.
struct RowSplit {
  std::vector<std::int64_t> train, test;
};

/// The grid in ascending order, or c alone where there is none.
///
/// **Errors** ValueError for a c that is given twice.
std::vector<double> c_candidates(const ProbeOptions& options);

/// The folds of leave_users_out_probe(), each with the regressions of its training items, and those
/// of the pairs of folds among which c is chosen. They don't depend on the labels, so one object
/// serves every relabelling within exchangeable().
class UserFolds {
 public:
  /// **Errors** those of leave_users_out_probe() for folds, c_grid and classes.
  UserFolds(const ProbeItems& items, const Users& users, const ProbeOptions& options);

  /// The users of each fold.
  const std::vector<std::vector<std::size_t>>& groups() const { return groups_; }

  /// Within which labels may be dealt anew: pairs of users who share their pictures, or the folds.
  const std::vector<std::vector<std::size_t>>& exchangeable() const { return exchangeable_; }

  struct Decisions {
    std::vector<double> scores;      // (items) by the fit that did not see the item's user
    std::vector<double> c;           // (folds)
    std::vector<double> inner_loss;  // (folds) mean log-loss of the inner folds at that c, nats;
                                     // 0 without a grid
    std::vector<LogisticFit> fits;   // (folds) what decided
  };

  /// May be called from several threads.
  ///
  /// **Errors** ValueError where the labels leave a fit one class alone.
  Decisions decide(const std::vector<int>& labels, FitQuality& quality) const;

  /// The items that fold f decides on.
  const std::vector<std::int64_t>& test(std::size_t f) const { return outer_[f].split.test; }

 private:
  /// A split with the regression of its training rows for every c.
  struct Fitted {
    RowSplit split;
    std::vector<LogisticRegression> regressions;
  };
  /// Two folds held out together. Rows of either that the other one trains on.
  struct Pair {
    std::size_t folds[2];
    std::vector<std::int64_t> test[2];
    Fitted fitted;
  };

  Fitted fitted(RowSplit split) const;
  std::vector<std::vector<double>> inner_losses(const std::vector<int>& labels,
                                                FitQuality& quality) const;

  Features features_;
  std::vector<double> cs_;
  double tolerance_;
  std::vector<std::vector<std::size_t>> exchangeable_, groups_;
  std::vector<Fitted> outer_;
  std::vector<Pair> pairs_;
};

}  // namespace chainline::experiments
