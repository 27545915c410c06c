#include "experiments/probing/relabelling.h"

#include <map>
#include <numeric>
#include <set>

#include "experiments/statistics/statistics.h"
#include "tensor/error.h"
#include "tensor/parallel.h"
#include "tensor/random.h"

namespace chainline::experiments {

Users::Users(std::string_view subject, const std::vector<int>& item_labels,
             const std::vector<std::int64_t>& user_ids) {
  check<ShapeError>(item_labels.size() == user_ids.size(), subject,
                    ": users: expected one for each of ", item_labels.size(), " labels, got ",
                    user_ids.size());
  std::map<std::int64_t, int> label_of;
  for (std::size_t i = 0; i < item_labels.size(); ++i) {
    const int label = item_labels[i];
    check<ValueError>(label == 0 || label == 1, subject, ": seen: expected 0 or 1, got ", label);
    check<ValueError>(label_of.emplace(user_ids[i], label).first->second == label, subject,
                      ": user ", user_ids[i], ": expected one label, got both");
  }
  std::map<std::int64_t, std::size_t> index;
  for (const auto& user : label_of) {
    index[user.first] = labels.size();
    labels.push_back(user.second);
  }
  for (const std::int64_t user : user_ids) of_item.push_back(index[user]);
}

std::vector<int> Users::item_labels(const std::vector<int>& user_labels) const {
  std::vector<int> result;
  for (const std::size_t user : of_item) result.push_back(user_labels[user]);
  return result;
}

std::vector<std::size_t> Users::everyone() const {
  std::vector<std::size_t> all(labels.size());
  std::iota(all.begin(), all.end(), std::size_t{0});
  return all;
}

std::vector<std::vector<std::size_t>> exchangeable_users(const Users& users,
                                                         const std::vector<std::int64_t>& images) {
  check<ShapeError>(images.size() == users.of_item.size(), "users: expected an image for each of ",
                    users.of_item.size(), " items, got ", images.size());
  std::map<std::int64_t, std::set<std::size_t>> of_image;
  for (std::size_t i = 0; i < images.size(); ++i) of_image[images[i]].insert(users.of_item[i]);
  std::map<std::size_t, std::size_t> partner_of;
  for (const auto& [image, both] : of_image) {
    if (both.size() != 2) return {users.everyone()};
    const std::size_t a = *both.begin(), b = *both.rbegin();
    if (users.labels[a] == users.labels[b]) return {users.everyone()};
    if (partner_of.emplace(a, b).first->second != b || partner_of.emplace(b, a).first->second != a)
      return {users.everyone()};
  }
  std::vector<std::vector<std::size_t>> pairs;
  for (const auto& [a, b] : partner_of)
    if (a < b) pairs.push_back({a, b});
  return pairs;
}

Control::Control(std::vector<double> controls, double figure) : values(std::move(controls)) {
  if (!values.empty()) {
    mean = experiments::mean(values);
    selectivity = figure - mean;
  }
  sd = standard_deviation(values);
  p_value = permutation_p_value(figure, values);
}

void for_each_relabelling(
    const Users& users, const std::vector<std::vector<std::size_t>>& groups, std::uint64_t seed,
    std::int64_t relabellings,
    const std::function<void(std::size_t, const std::vector<int>&)>& measure) {
  check<ValueError>(relabellings >= 0 && relabellings < std::int64_t{1} << 32,
                    "probe: relabellings: expected 0 .. 2^32 - 1, got ", relabellings);
  const Generator generator(seed, "probe relabelling");
  parallel_for(relabellings, 1, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t r = begin; r < end; ++r) {
      RandomSequence random = generator.sequence(0, static_cast<std::uint32_t>(r));
      std::vector<int> labels = users.labels;
      for (const std::vector<std::size_t>& group : groups) {
        std::vector<int> dealt;
        for (const std::size_t user : group) dealt.push_back(users.labels[user]);
        random.shuffle(dealt);
        for (std::size_t i = 0; i < group.size(); ++i) labels[group[i]] = dealt[i];
      }
      measure(static_cast<std::size_t>(r), labels);
    }
  });
}

}  // namespace chainline::experiments
