#include "experiments/memorization/text_scores.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>

#include "tensor/error.h"

namespace chainline::experiments {
namespace {

/// log softmax; -infinity stays.
std::vector<double> log_probabilities(const char* subject, std::span<const float> logits) {
  double most = -std::numeric_limits<double>::infinity();
  for (std::size_t j = 0; j < logits.size(); ++j) {
    check<ValueError>(logits[j] < std::numeric_limits<float>::infinity(), subject, ": logit ", j,
                      ": expected a number below infinity, got ", logits[j]);
    most = std::max(most, static_cast<double>(logits[j]));
  }
  check<ValueError>(std::isfinite(most), subject,
                    ": logits: expected one above -infinity, got none of ", logits.size());
  double sum = 0;
  for (const float logit : logits) sum += std::exp(static_cast<double>(logit) - most);
  std::vector<double> log_p;
  for (const float logit : logits)
    log_p.push_back(static_cast<double>(logit) - most - std::log(sum));
  return log_p;
}

/// The mean of the first max(1, floor(share n)) values in the given order.
double mean_of_first(const char* subject, std::vector<double> values, double share,
                     const std::function<bool(double, double)>& before) {
  check<ValueError>(!values.empty(), subject, ": expected at least one token, got none");
  check<ValueError>(share >= 0 && share <= 1, subject, ": share: expected 0 .. 1, got ", share);
  for (std::size_t i = 0; i < values.size(); ++i)
    check<ValueError>(!std::isnan(values[i]), subject, ": token ", i,
                      ": expected a number, got NaN");
  std::sort(values.begin(), values.end(), before);
  const auto count = std::max<std::size_t>(
      1, static_cast<std::size_t>(share * static_cast<double>(values.size())));
  double sum = 0;
  for (std::size_t i = 0; i < count; ++i) sum += values[i];
  return sum / static_cast<double>(count);
}

}  // namespace

TokenScore token_score(std::span<const float> logits, std::int64_t token) {
  check<ValueError>(token >= 0 && token < static_cast<std::int64_t>(logits.size()),
                    "token_score: token: expected 0 .. ", static_cast<double>(logits.size()) - 1,
                    ", got ", token);
  const std::vector<double> log_p = log_probabilities("token_score", logits);
  TokenScore score;
  score.log_p = log_p[static_cast<std::size_t>(token)];
  for (const double l : log_p)
    if (std::exp(l) > 0) score.mean += std::exp(l) * l;
  double variance = 0;
  for (const double l : log_p)
    if (std::exp(l) > 0) variance += std::exp(l) * (l - score.mean) * (l - score.mean);
  // What rounding of the mean leaves of a flat vocabulary is no deviation to divide by.
  const double rounding = 1e-12 * (1 + std::abs(score.mean));
  score.deviation = std::sqrt(variance) > rounding ? std::sqrt(variance) : 0;
  return score;
}

double renyi_entropy(std::span<const float> logits, double order) {
  check<ValueError>(order >= 0, "renyi_entropy: order: expected at least 0, got ", order);
  const std::vector<double> log_p = log_probabilities("renyi_entropy", logits);
  const double most = *std::max_element(log_p.begin(), log_p.end());
  if (std::isinf(order)) return -most;
  if (order == 1) {
    double entropy = 0;
    for (const double l : log_p)
      if (std::exp(l) > 0) entropy -= std::exp(l) * l;
    return entropy;
  }
  double sum = 0;  // of p^order / max p^order, at least 1
  for (const double l : log_p)
    if (!std::isinf(l)) sum += std::exp(order * (l - most));
  return (order * most + std::log(sum)) / (1 - order);
}

double min_k(std::span<const double> log_p, double share) {
  return mean_of_first("min_k", {log_p.begin(), log_p.end()}, share, std::less<>());
}

double min_k_plus_plus(std::span<const TokenScore> tokens, double share) {
  std::vector<double> scores;
  for (const TokenScore& token : tokens) {
    const bool flat = token.deviation == 0 && std::isfinite(token.log_p) &&
                      std::abs(token.log_p - token.mean) <= 1e-12 * (1 + std::abs(token.mean));
    scores.push_back(flat ? 0 : (token.log_p - token.mean) / token.deviation);
  }
  return mean_of_first("min_k_plus_plus", std::move(scores), share, std::less<>());
}

double max_renyi_k(std::span<const double> entropies, double share) {
  return mean_of_first("max_renyi_k", {entropies.begin(), entropies.end()}, share,
                       std::greater<>());
}

}  // namespace chainline::experiments
