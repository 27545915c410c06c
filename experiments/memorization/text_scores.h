#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace chainline::experiments {

/// What a model said of one token and of the vocabulary it stood in.
struct TokenScore {
  double log_p = 0;      // of the token
  double mean = 0;       // of log p over the vocabulary, under p itself
  double deviation = 0;  // likewise; 0 where all tokens that have a probability have the same
};

/// From a row of logits, by log softmax in f64. A logit of -infinity is a token that cannot come.
///
/// **Errors** ValueError for NaN or +infinity among the logits, none above -infinity, or a token
/// outside of the vocabulary.
/// **Bits** a function of libm.
TokenScore token_score(std::span<const float> logits, std::int64_t token);

/// The Renyi entropy of softmax(logits) in nats, H_a = log(sum_j p_j^a) / (1 - a), a >= 0; for
/// a = 1 Shannon's, -sum p log p, for infinity -log max p.
///
/// **Errors** as token_score, and for a negative order or NaN.
double renyi_entropy(std::span<const float> logits, double order);

/// Min-K %: the mean of the lowest share of the tokens' log p, max(1, floor(share n)) of them. High
/// for texts without surprises, as members are.
///
/// **Errors** ValueError for no tokens, NaN, or a share outside of [0, 1].
/// **Source** Shi et al.: Detecting Pretraining Data from Large Language Models (2024)
double min_k(std::span<const double> log_p, double share);

/// Min-K %++: min_k of (log p - mean) / deviation. A token in a flat vocabulary scores 0.
///
/// **Errors** as min_k.
/// **Source** Zhang et al.: Min-K%++ (2025)
double min_k_plus_plus(std::span<const TokenScore> tokens, double share);

/// MaxRenyi-K %: the mean of the highest share of the positions' entropies, max(1, floor(share n))
/// of them (share 0: the highest). Low for members.
///
/// **Errors** as min_k.
/// **Source** Li et al.: Membership Inference Attacks against Large Vision-Language Models (2024)
double max_renyi_k(std::span<const double> entropies, double share);

}  // namespace chainline::experiments
