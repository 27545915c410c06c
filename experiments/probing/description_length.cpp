#include "experiments/probing/description_length.h"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <set>

#include "experiments/probing/folds.h"
#include "tensor/error.h"
#include "tensor/random.h"

namespace chainline::experiments {
namespace {

/// Where blocks end, in users, a multiple of `together`.
std::vector<std::size_t> block_ends(std::size_t users, std::size_t together) {
  std::vector<std::size_t> ends;
  for (const double percent : {0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 6.25, 12.5, 25.0, 50.0, 100.0}) {
    auto end = static_cast<std::size_t>(std::ceil(percent * static_cast<double>(users) / 100));
    end = std::min(users, (end + together - 1) / together * together);
    if (ends.empty() || end > ends.back()) ends.push_back(end);
  }
  return ends;
}

class OnlineCode {
 public:
  /// In a random order of the users, those who share their pictures side by side.
  OnlineCode(const ProbeItems& items, std::vector<std::vector<std::size_t>> exchangeable,
             const Users& users, const ProbeOptions& options)
      : features_(items.features), cs_(c_candidates(options)) {
    RandomSequence random = Generator(options.seed, "probe code").sequence(0, 0);
    const bool pairs = exchangeable.size() > 1;
    if (pairs)
      random.shuffle(exchangeable);
    else
      random.shuffle(exchangeable.front());
    std::vector<std::size_t> order;
    for (const std::vector<std::size_t>& group : exchangeable)
      order.insert(order.end(), group.begin(), group.end());
    std::vector<std::size_t> place(order.size());
    for (std::size_t i = 0; i < order.size(); ++i) place[order[i]] = i;
    std::size_t begin = 0;
    for (const std::size_t end : block_ends(order.size(), pairs ? 2 : 1)) {
      Coded block;
      block.users = static_cast<std::int64_t>(end - begin);
      std::set<std::int64_t> images;
      for (std::size_t i = 0; i < items.users.size(); ++i) {
        const std::size_t at = place[users.of_item[i]];
        if (at < begin || at >= end) continue;
        block.split.test.push_back(static_cast<std::int64_t>(i));
        if (options.hold_out_images) images.insert(items.images[i]);
      }
      for (std::size_t i = 0; i < items.users.size(); ++i)
        if (place[users.of_item[i]] < begin && images.count(items.images[i]) == 0)
          block.split.train.push_back(static_cast<std::int64_t>(i));
      if (!block.split.train.empty()) {
        block.regressions.emplace_back(features_, block.split.train,
                                       LogisticOptions{cs_[0], true, options.tolerance, 100});
        for (std::size_t k = 1; k < cs_.size(); ++k)
          block.regressions.push_back(block.regressions[0].with_c(cs_[k]));
      }
      blocks_.push_back(std::move(block));
      begin = end;
    }
  }

  std::vector<DescriptionLength::Block> code(const std::vector<int>& labels,
                                             FitQuality& quality) const {
    std::vector<DescriptionLength::Block> sent;
    std::vector<double> before(cs_.size(), 0.0);  // bits of the earlier blocks for every c
    for (const Coded& coded : blocks_) {
      DescriptionLength::Block block;
      block.users = coded.users;
      block.items = static_cast<std::int64_t>(coded.split.test.size());
      const std::vector<int> train = picked(labels, coded.split.train);
      const auto ones = std::count(train.begin(), train.end(), 1);
      if (ones == 0 || ones == static_cast<std::ptrdiff_t>(train.size())) {
        block.bits = static_cast<double>(block.items);
      } else {
        const auto k = static_cast<std::size_t>(std::min_element(before.begin(), before.end()) -
                                                before.begin());
        block.c = cs_[k];
        for (std::size_t j = 0; j < cs_.size(); ++j) {
          const double bits = bits_of(coded, j, train, labels, quality);
          before[j] += bits;
          if (j == k) block.bits = bits;
        }
      }
      sent.push_back(block);
    }
    return sent;
  }

 private:
  struct Coded {
    std::int64_t users = 0;
    RowSplit split;
    std::vector<LogisticRegression> regressions;
  };

  double bits_of(const Coded& coded, std::size_t k, const std::vector<int>& train,
                 const std::vector<int>& labels, FitQuality& quality) const {
    const LogisticFit fit = coded.regressions[k].fit(train);
    quality.add(fit);
    double nats = 0;
    for (const std::int64_t row : coded.split.test) {
      const double margin = fit.decision(features_.row(row));
      nats += log_loss(labels[static_cast<std::size_t>(row)] == 1 ? margin : -margin);
    }
    return nats / std::numbers::ln2;
  }

  Features features_;
  std::vector<double> cs_;
  std::vector<Coded> blocks_;
};

double bits_of(const std::vector<DescriptionLength::Block>& blocks) {
  double bits = 0;
  for (const DescriptionLength::Block& block : blocks) bits += block.bits;
  return bits;
}

}  // namespace

DescriptionLength description_length(const ProbeItems& items, const ProbeOptions& options) {
  const Users users = probe_users(items);
  const auto seen = std::count(users.labels.begin(), users.labels.end(), 1);
  check<ValueError>(seen > 0 && seen < static_cast<std::ptrdiff_t>(users.labels.size()),
                    "description length: users: expected both classes, got ", seen, " seen of ",
                    users.labels.size());
  const std::vector<std::vector<std::size_t>> exchangeable =
      exchangeable_users(users, items.images);
  const OnlineCode code(items, exchangeable, users, options);
  const auto n = static_cast<double>(items.seen.size());
  DescriptionLength result;
  result.blocks = code.code(items.seen, result.quality);
  result.bits = bits_of(result.blocks);
  result.compression = n / result.bits;
  std::vector<double> values(static_cast<std::size_t>(options.relabellings));
  std::vector<FitQuality> qualities(values.size());
  for_each_relabelling(users, exchangeable, options.seed, options.relabellings,
                       [&](std::size_t r, const std::vector<int>& labels) {
                         values[r] =
                             n / bits_of(code.code(users.item_labels(labels), qualities[r]));
                       });
  for (const FitQuality& quality : qualities) result.quality.add(quality);
  result.control = Control(std::move(values), result.compression);
  return result;
}

}  // namespace chainline::experiments
