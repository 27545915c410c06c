#include "experiments/probing/conditional.h"

#include <numbers>

#include "experiments/probing/folds.h"
#include "tensor/error.h"
#include "tensor/random.h"

namespace chainline::experiments {
namespace {

/// [base ; tuned], item by item.
std::vector<float> side_by_side(const Features& base, const Features& tuned) {
  std::vector<float> values;
  values.reserve(base.values.size() + tuned.values.size());
  for (std::int64_t i = 0; i < base.rows; ++i) {
    values.insert(values.end(), base.row(i), base.row(i) + base.columns);
    values.insert(values.end(), tuned.row(i), tuned.row(i) + tuned.columns);
  }
  return values;
}

/// The held-out losses of every item in bits.
struct Losses {
  std::vector<double> base, joint;
  std::int64_t joint_folds = 0;
};

class Conditional {
 public:
  Conditional(const ProbeItems& base, const ProbeItems& joint, const Users& users,
              const ProbeOptions& options)
      : chooses_(!options.c_grid.empty()),
        base_(base, users, options),
        joint_(joint, users, options) {}

  const std::vector<std::vector<std::size_t>>& groups() const { return base_.groups(); }
  const std::vector<std::vector<std::size_t>>& exchangeable() const { return base_.exchangeable(); }

  Losses losses(const std::vector<int>& labels, FitQuality& quality) const {
    const UserFolds::Decisions base = base_.decide(labels, quality);
    const UserFolds::Decisions joint = joint_.decide(labels, quality);
    Losses losses;
    losses.base.resize(labels.size());
    losses.joint.resize(labels.size());
    for (std::size_t f = 0; f < groups().size(); ++f) {
      const bool both = !chooses_ || joint.inner_loss[f] < base.inner_loss[f];
      losses.joint_folds += both;
      for (const std::int64_t row : base_.test(f)) {
        const auto i = static_cast<std::size_t>(row);
        const double sign = labels[i] == 1 ? 1 : -1;
        losses.base[i] = log_loss(sign * base.scores[i]) / std::numbers::ln2;
        losses.joint[i] =
            both ? log_loss(sign * joint.scores[i]) / std::numbers::ln2 : losses.base[i];
      }
    }
    return losses;
  }

 private:
  bool chooses_;
  UserFolds base_, joint_;
};

double information(const Losses& losses) { return mean(losses.base) - mean(losses.joint); }

}  // namespace

ConditionalProbe conditional_probe(const ProbeItems& base, const ProbeItems& tuned,
                                   const ProbeOptions& options) {
  const Users users = probe_users(base);
  probe_users(tuned);
  check<ValueError>(
      base.seen == tuned.seen && base.users == tuned.users && base.images == tuned.images,
      "conditional probe: items: expected base and fine-tuned states of the same items, got "
      "others");
  const std::vector<float> values = side_by_side(base.features, tuned.features);
  ProbeItems joint = base;
  joint.features = {values, base.features.rows, base.features.columns + tuned.features.columns};
  const Conditional conditional(base, joint, users, options);

  ConditionalProbe probe;
  const Losses losses = conditional.losses(base.seen, probe.quality);
  probe.base_bits = mean(losses.base);
  probe.joint_bits = mean(losses.joint);
  probe.information = information(losses);
  probe.joint_folds = losses.joint_folds;
  // Of every user, so that a drawn user brings all its items.
  std::vector<double> sums(users.labels.size(), 0.0), counts(users.labels.size(), 0.0);
  for (std::size_t i = 0; i < losses.base.size(); ++i) {
    probe.differences.push_back(losses.base[i] - losses.joint[i]);
    sums[users.of_item[i]] += probe.differences[i];
    counts[users.of_item[i]] += 1;
  }
  probe.interval = bootstrap_interval(users.labels, options.bootstrap,
                                      Generator(options.seed, "probe bootstrap"),
                                      [&](std::span<const double> drawn) {
                                        double sum = 0, count = 0;
                                        for (std::size_t u = 0; u < sums.size(); ++u) {
                                          sum += drawn[u] * sums[u];
                                          count += drawn[u] * counts[u];
                                        }
                                        return sum / count;
                                      });

  std::vector<double> values_of(static_cast<std::size_t>(options.relabellings));
  std::vector<FitQuality> qualities(values_of.size());
  for_each_relabelling(
      users, conditional.exchangeable(), options.seed, options.relabellings,
      [&](std::size_t r, const std::vector<int>& labels) {
        values_of[r] = information(conditional.losses(users.item_labels(labels), qualities[r]));
      });
  for (const FitQuality& quality : qualities) probe.quality.add(quality);
  probe.control = Control(std::move(values_of), probe.information);
  return probe;
}

}  // namespace chainline::experiments
