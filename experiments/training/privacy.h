#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "experiments/data/dataset.h"
#include "experiments/training/samples.h"
#include "experiments/watermark/watermark.h"
#include "nn/parameter.h"
#include "tensor/random.h"
#include "tensor/tensor.h"

namespace chainline::experiments {

struct TrainingConfig;

/// What a private training hides: a user with all samples that are theirs, or each sample.
///
/// A user stands on hundreds of images. Clipping each sample's gradient bounds what one image does
/// and leaves a user hundreds of times that, which is no protection of the user.
enum class PrivacyUnit { user, sample };

/// What an accountant needs to know of a private training: in each of `steps` steps every unit takes
/// part with probability q, and the noise has sigma times the largest length of a unit's gradient.
/// The guarantee is about one unit added or taken away. sigma = 0 promises nothing.
struct PrivacyLedger {
  double q = 0, sigma = 0;
  std::int64_t steps = 0;

  friend bool operator==(const PrivacyLedger&, const PrivacyLedger&) = default;
};

/// The units of some samples, users by their numbers and then the samples that are nobody's, and
/// which of them take part in a step.
///
///   unit u takes part in step t   <=>   uniform(t, u) < q,   q = expected / size()
///
/// (Poisson sampling): each by itself, so batches differ in size and may be empty. A user's uniform
/// number depends on the user's number alone and that of a sample that is nobody's on its place, so at
/// one q all others take part as before when a user leaves.
///
/// Bits     exact: a function of (units, expected, seed, step), from the stream "dp sampling"
class PrivateUnits {
 public:
  /// `expected` units in a step, on average.
  ///
  /// **Errors** ValueError when there are fewer units than that.
  PrivateUnits(const Samples& samples, PrivacyUnit kind, std::int64_t expected, std::uint64_t seed);

  std::int64_t size() const { return static_cast<std::int64_t>(units_.size()); }
  /// How many of them are users; the others are samples that are nobody's.
  std::int64_t users() const { return users_; }
  double probability() const {
    return static_cast<double>(expected_) / static_cast<double>(size());
  }
  std::int64_t expected() const { return expected_; }

  /// The samples of each unit that takes part in a step, units in their order, samples ascending.
  std::vector<std::vector<std::int64_t>> at(std::int64_t step) const;

  /// SHA-256 (hex) of who the units are and which samples they have.
  std::string sha256() const;

 private:
  struct Unit {
    std::uint32_t kind = 0;    // 0 for a user, 1 for a sample that is nobody's
    std::uint64_t number = 0;  // of the user or of the sample
    std::vector<std::int64_t> samples;
  };

  std::vector<Unit> units_;
  std::int64_t users_ = 0, expected_;
  Generator draws_;
};

/// The ledger of a training with dp_clip above 0.
///
/// **Errors** those of PrivateUnits.
PrivacyLedger privacy_ledger(const Samples& samples, const TrainingConfig& config);

/// Whose card each of the examples [begin, end) carries: the person's number, kOwnUnit without one.
/// What Samples::set_units wants of the samples that were made of them with a watermarker.
std::vector<std::int64_t> units_of_cards(const Split& split, std::int64_t begin, std::int64_t end,
                                         const std::vector<LedgerLine>& cards);

/// The sum of units' gradients, none of which counts for more than `clip`.
///
///   sum = ((0 + c_1) + c_2) + ...,   c_u = g_u min(1, clip / |g_u|)
///
/// where |g_u| is the length of all parameters' gradients taken as one vector. Undefined gradients
/// count as zeros. Rounding leaves |c_u| <= clip (1 + 2^-23), for the length is summed in f64.
///
/// Bits     exact: |g_u|^2 in f64, of each parameter in blocks of 4096 elements, each one chain, then
///          over blocks, then over parameters, in order; c_u is rounded to f32 and added in f32, in
///          the order of the calls (rule 6)
class ClippedSum {
 public:
  /// Zeros of the parameters' shapes. **Errors** ValueError for a clip that is not finite and above
  /// 0; DTypeError for parameters that are not f32.
  ClippedSum(const std::vector<nn::NamedParameter>& parameters, double clip);

  /// Adds a unit's gradient, one tensor per parameter, and returns its length before.
  ///
  /// **Errors** ShapeError; ValueError for a length that is not finite, before anything is added.
  double add(const std::vector<Tensor>& gradient);

  const std::vector<Tensor>& sums() const { return sums_; }

 private:
  std::vector<Tensor> sums_;
  double clip_;
};

/// (sum + deviation z) / divisor with independent standard normal numbers z: number e of parameter p
/// in step t is that of the stream's block (t, p, e), Box and Muller of its four words
/// (RandomSequence::normal).
///
/// Bits     exact: computed in f64 and rounded to f32 once
std::vector<Tensor> noisy_mean(const std::vector<Tensor>& sums, double deviation, double divisor,
                               const Generator& noise, std::int64_t step);

}  // namespace chainline::experiments
