#pragma once

#include <cstdint>
#include <functional>
#include <string_view>
#include <vector>

namespace chainline::experiments {

/// The users of some items, in ascending order of their ids, so that nothing depends on the order
/// of the items.
struct Users {
  std::vector<std::size_t> of_item;  // (items) index of the user
  std::vector<int> labels;           // (users) 0 or 1

  /// **Errors** ShapeError for lists of unequal length; ValueError for labels other than 0 and 1,
  /// or a user with both; all in the name of `subject`.
  Users(std::string_view subject, const std::vector<int>& item_labels,
        const std::vector<std::int64_t>& user_ids);

  /// What labels of the users are for the items.
  std::vector<int> item_labels(const std::vector<int>& user_labels) const;

  /// All users as one group for for_each_relabelling().
  std::vector<std::size_t> everyone() const;
};

/// Groups of users within which labels may be dealt anew as if nothing had happened: where every
/// picture carries the cards of two users, one of each label, who share all of their pictures
/// (paired_views), these pairs; else all users as one group. What a picture shows stands on both
/// sides of a pair, before and after: so the p-value of such a relabelling is exact, whereas among
/// all users some pictures would have two cards of one label.
std::vector<std::vector<std::size_t>> exchangeable_users(const Users& users,
                                                         const std::vector<std::int64_t>& images);

/// A figure beside the same figure after giving the users other labels at random: the control task
/// of Hewitt and Liang (2019), whose types are the users. Relabelling r is a function of seed, users
/// and labels only: it is the same for every layer and model, as max_statistic_p_values() wants it.
struct Control {
  std::vector<double> values;  // by relabelling
  double mean = 0, sd = 0;
  double selectivity = 0;  // the figure less the mean: what reading the cards does not explain
  double p_value = 1;      // permutation_p_value of the figure, which is better when larger

  Control() = default;
  Control(std::vector<double> controls, double figure);
};

/// Deals the labels anew among the users of each group (every way to do so is equally likely) and
/// calls measure(relabelling, labels of the users), on all threads.
///
/// **Errors** ValueError for a number of relabellings outside of 0 .. 2^32 - 1.
void for_each_relabelling(const Users& users, const std::vector<std::vector<std::size_t>>& groups,
                          std::uint64_t seed, std::int64_t relabellings,
                          const std::function<void(std::size_t, const std::vector<int>&)>& measure);

}  // namespace chainline::experiments
