#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "experiments/probing/logistic.h"
#include "experiments/probing/relabelling.h"
#include "experiments/statistics/statistics.h"

namespace chainline::experiments {

/// What a probe reads: hidden states of watermarked images, and whose watermark each one carries.
struct ProbeItems {
  Features features;                 // (items, width)
  std::vector<int> seen;             // (items) 1: the user was in the training data
  std::vector<std::int64_t> users;   // (items)
  std::vector<std::int64_t> images;  // (items) the picture below the watermark
};

/// From a probe that hardly leaves the prior to the published C.
inline const std::vector<double> kCGrid = {1e-4, 1e-3, 1e-2, 1e-1, 1};

struct ProbeOptions {
  explicit ProbeOptions(std::uint64_t random_seed) : seed(random_seed) {}

  std::uint64_t seed;
  double c = 1;  // LogisticOptions::c, where it is not chosen
  /// What leave-users-out, the conditional probe and the description length choose c from, inside
  /// of what each of them trains on, kCGrid say; empty: c. The replica is as published: c.
  std::vector<double> c_grid;
  double tolerance = 1e-6;      // LogisticOptions::tolerance
  double test_share = 0.2;      // of the replica's random split
  bool distinct_images = true;  // the replica takes one item of every picture
  std::int64_t folds = 5;       // of leave-users-out
  bool hold_out_images = true;
  std::int64_t relabellings = 200;
  std::int64_t bootstrap = 2000;
};

/// The certificates of all fits behind a figure.
struct FitQuality {
  std::int64_t fits = 0, unconverged = 0;
  double worst_gradient = 0;  // relative to that at zero
  double worst_gap = 0;       // duality gap, relative to the objective

  void add(const LogisticFit& fit);
  void add(const FitQuality& other);
};

/// The published probe. It cannot tell "this user was seen in training" from "this card is one of
/// twenty that I can read": every card stands on both sides of the split. Its control task, random
/// labels for the same users, is solved by reading cards alone; selectivity is what remains.
struct ReplicaProbe {
  static constexpr const char* kLabel = "replica (confounded)";
  double accuracy = 0;
  Interval interval;  // Wilson 95 %, as if items were independent
  std::int64_t test_items = 0;
  Control control;  // accuracies
  FitQuality quality;
};

/// A random split of the items, stratified by class; features as they are; C = 1 by default.
///
/// As published, the classes have different pictures: of a picture that occurs more than once, one
/// item is drawn, of alternating class from picture to picture. Otherwise a picture with one seen
/// and one unseen card would often be learned with one label and tested with the other.
///
/// **Errors** ShapeError for lists of unequal length; ValueError for labels other than 0 and 1, a
/// user with both labels, a class of fewer than two items, or a share that leaves a side empty.
ReplicaProbe replica_probe(const ProbeItems& items, const ProbeOptions& options);

/// The probe that can: whole users are held out, so only what seen users have in common against
/// unseen ones helps.
struct LeaveUsersOutProbe {
  static constexpr const char* kLabel = "leave-users-out";
  double accuracy = 0, auc = 0;              // over the items of all folds
  Interval accuracy_interval, auc_interval;  // 95 %, bootstrap over users within their class
  std::vector<double> scores;                // (items) decision, by the fold that held the item out
  std::vector<double> c;                     // (folds) as given, or as each fold chose
  std::vector<LogisticFit> fits;             // (folds)
  std::vector<std::size_t> fold;             // (items) which of them decided
  Control accuracy_control, auc_control;
  FitQuality quality;
};

/// Users of each class are dealt at random into folds of as equal size as can be. A fold is tested
/// by a fit, on standardized features, of the items that share neither a user nor (with
/// hold_out_images) an image with it: where each picture carries one seen and one unseen card, a
/// picture left in the training would vote for the wrong class. Without hold_out_images every
/// picture should carry all cards.
///
/// The control deals the labels anew among the users of a fold, so folds stay balanced and every
/// relabelling is as likely as the true one, if training left no trace: its p-value is the test
/// (exact when users got their pictures without regard to their class).
///
/// With a c_grid every fold chooses its c by the log-loss of inner folds, which are the other folds:
/// the users of each are held out in turn from what the fold trains on. A fit without the users and
/// images of two folds serves either as the outer one. Every relabelling chooses anew, by the same
/// rule; the folds don't depend on it, so the p-value stays exact. Of equal losses the smaller c is
/// taken.
///
/// The intervals draw the tested users anew, not the fits; the folds' fits share users, so under no
/// memorization the figure varies more than they say (in simulations up to 1.5 times as much).
///
/// **Errors** as replica_probe; also ValueError for fewer users of a class than folds, a fold whose
/// training is left without a class, or fewer than three folds with a c_grid.
LeaveUsersOutProbe leave_users_out_probe(const ProbeItems& items, const ProbeOptions& options);

}  // namespace chainline::experiments
