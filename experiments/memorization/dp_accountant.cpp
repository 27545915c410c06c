#include "experiments/memorization/dp_accountant.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "experiments/statistics/distributions.h"
#include "tensor/error.h"

namespace chainline::experiments {
namespace {

/// log(e^c - 1) for c > 0.
double log_expm1(double c) {
  return c > 1 ? c + std::log1p(-std::exp(-c)) : std::log(std::expm1(c));
}

std::vector<std::int64_t> make_orders() {
  std::vector<std::int64_t> orders;
  for (std::int64_t a = 2; a <= 64; ++a) orders.push_back(a);
  for (int quarter = 1; quarter <= 24; ++quarter)
    orders.push_back(std::llround(64 * std::exp2(quarter / 4.0)));
  return orders;
}

}  // namespace

double subsampled_gaussian_rdp(double rate, double sigma, std::int64_t order) {
  check<ValueError>(rate >= 0 && rate <= 1, "subsampled_gaussian_rdp: rate: expected 0 .. 1, got ",
                    rate);
  check<ValueError>(sigma > 0, "subsampled_gaussian_rdp: sigma: expected a positive number, got ",
                    sigma);
  check<ValueError>(order >= 2, "subsampled_gaussian_rdp: order: expected at least 2, got ", order);
  const auto a = static_cast<double>(order);
  if (rate == 0) return 0;
  if (rate == 1) return a / (2 * sigma * sigma);
  std::vector<double> terms;          // logs
  double log_binomial = std::log(a);  // k = 1
  for (std::int64_t i = 2; i <= order; ++i) {
    const auto k = static_cast<double>(i);
    log_binomial += std::log((a - k + 1) / k);
    terms.push_back(log_binomial + (a - k) * std::log1p(-rate) + k * std::log(rate) +
                    log_expm1(k * (k - 1) / (2 * sigma * sigma)));
  }
  const double most = *std::max_element(terms.begin(), terms.end());
  double sum = 0;
  for (const double term : terms) sum += std::exp(term - most);
  const double log_sum = most + std::log(sum);
  const double log_moment =
      log_sum > 0 ? log_sum + std::log1p(std::exp(-log_sum)) : std::log1p(std::exp(log_sum));
  return log_moment / (a - 1);
}

const std::vector<std::int64_t>& rdp_orders() {
  static const std::vector<std::int64_t> orders = make_orders();
  return orders;
}

AccountedPrivacy account_privacy(double rate, double sigma, std::int64_t steps, double delta) {
  check<ValueError>(delta > 0 && delta < 1,
                    "account_privacy: delta: expected a number between 0 and 1, got ", delta);
  check<ValueError>(steps >= 0, "account_privacy: steps: expected at least 0, got ", steps);
  AccountedPrivacy best;
  best.loss = {std::numeric_limits<double>::infinity(), delta};
  for (const std::int64_t order : rdp_orders()) {
    const auto a = static_cast<double>(order);
    const double epsilon =
        static_cast<double>(steps) * subsampled_gaussian_rdp(rate, sigma, order) +
        std::log1p(-1 / a) - (std::log(delta) + std::log(a)) / (a - 1);
    if (epsilon < best.loss.epsilon) {
      best.loss.epsilon = epsilon;
      best.order = order;
    }
  }
  best.at_last_order = best.order == rdp_orders().back();
  best.loss.epsilon = std::max(0.0, best.loss.epsilon);
  // Nothing was released: the orders' bound of no steps only tends to 0.
  if (steps == 0 || rate == 0) best.loss.epsilon = 0;
  return best;
}

double noise_for_privacy(double epsilon, double rate, std::int64_t steps, double delta) {
  check<ValueError>(epsilon > 0, "noise_for_privacy: epsilon: expected a positive number, got ",
                    epsilon);
  const auto reached = [&](double sigma) {
    return account_privacy(rate, sigma, steps, delta).loss.epsilon <= epsilon;
  };
  double low = 1e-3, high = 1e6;
  check<ValueError>(reached(high), "noise_for_privacy: epsilon: expected one that noise of ", high,
                    " reaches (", account_privacy(rate, high, steps, delta).loss.epsilon, "), got ",
                    epsilon);
  if (reached(low)) return low;
  while (high > low * (1 + 1e-6)) {
    const double middle = std::sqrt(low * high);
    (reached(middle) ? high : low) = middle;
  }
  return high;
}

PrivacyLoss group_privacy(const PrivacyLoss& loss, std::int64_t items) {
  check<ValueError>(items >= 1, "group_privacy: items: expected at least 1, got ", items);
  check<ValueError>(loss.epsilon >= 0, "group_privacy: epsilon: expected at least 0, got ",
                    loss.epsilon);
  check<ValueError>(loss.delta >= 0 && loss.delta <= 1,
                    "group_privacy: delta: expected 0 .. 1, got ", loss.delta);
  const auto k = static_cast<double>(items);
  // With delta = 0 the product would be 0 * infinity at many items.
  const double delta =
      loss.delta == 0 ? 0 : std::min(1.0, k * std::exp((k - 1) * loss.epsilon) * loss.delta);
  return {k * loss.epsilon, delta};
}

double audited_epsilon(std::int64_t true_positives, std::int64_t members,
                       std::int64_t false_positives, std::int64_t others, double delta,
                       double confidence) {
  check<ValueError>(delta >= 0 && delta < 1, "audited_epsilon: delta: expected 0 .. 1, got ",
                    delta);
  const double tpr = clopper_pearson_interval(true_positives, members, confidence).low;
  const double fpr = clopper_pearson_interval(false_positives, others, confidence).high;
  // The limits are inside (0, 1) at these ends: fpr > 0 and tpr < 1 for any counts.
  double epsilon = 0;
  if (tpr > delta) epsilon = std::max(epsilon, std::log((tpr - delta) / fpr));
  if (1 - delta > fpr) epsilon = std::max(epsilon, std::log((1 - delta - fpr) / (1 - tpr)));
  return epsilon;
}

}  // namespace chainline::experiments
