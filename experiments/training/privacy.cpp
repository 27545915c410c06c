#include "experiments/training/privacy.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <span>
#include <utility>

#include "experiments/training/trainer.h"
#include "tensor/parallel.h"
#include "tensor/sha256.h"

namespace chainline::experiments {
namespace {

constexpr std::int64_t kBlock = 4096;  // elements that are summed in one chain

/// The sum of squares, which are exact in f64.
double squares_of(const Tensor& gradient) {
  const float* x = gradient.data<float>();
  const std::int64_t n = gradient.numel();
  std::vector<double> blocks(static_cast<std::size_t>((n + kBlock - 1) / kBlock));
  parallel_for(n, kBlock, [&](std::int64_t begin, std::int64_t end) {
    double sum = 0;
    for (std::int64_t i = begin; i < end; ++i) sum += double{x[i]} * double{x[i]};
    blocks[static_cast<std::size_t>(begin / kBlock)] = sum;
  });
  double sum = 0;
  for (const double block : blocks) sum += block;
  return sum;
}

}  // namespace

PrivateUnits::PrivateUnits(const Samples& samples, PrivacyUnit kind, std::int64_t expected,
                           std::uint64_t seed)
    : expected_(expected), draws_(seed, "dp sampling") {
  std::map<std::int64_t, std::vector<std::int64_t>> of_user;
  std::vector<Unit> alone;
  for (std::int64_t s = 0; s < samples.size(); ++s) {
    const std::int64_t user = kind == PrivacyUnit::user ? samples.unit(s) : Samples::kOwnUnit;
    if (user == Samples::kOwnUnit) {
      alone.push_back({1, static_cast<std::uint64_t>(s), {s}});
    } else {
      of_user[user].push_back(s);
    }
  }
  for (auto& [user, of] : of_user) {
    units_.push_back({0, static_cast<std::uint64_t>(user), std::move(of)});
  }
  users_ = size();
  for (Unit& unit : alone) units_.push_back(std::move(unit));
  check<ValueError>(expected >= 1 && expected <= size(), "training: batch: expected 1 .. ", size(),
                    " with dp_clip, the number of units, got ", expected);
}

std::vector<std::vector<std::int64_t>> PrivateUnits::at(std::int64_t step) const {
  std::vector<std::vector<std::int64_t>> drawn;
  const double q = probability();
  for (const Unit& unit : units_) {
    if (draws_.uniform(static_cast<std::uint32_t>(step), unit.kind, unit.number) < q) {
      drawn.push_back(unit.samples);
    }
  }
  return drawn;
}

std::string PrivateUnits::sha256() const {
  Sha256 hash;
  hash.update("chainline-units-1\n");
  for (const Unit& unit : units_) {
    hash.update(std::to_string(unit.kind) + " " + std::to_string(unit.number) + " " +
                std::to_string(unit.samples.size()) + " ");
    hash.update(std::as_bytes(std::span(unit.samples)));
  }
  return to_hex(hash.digest());
}

PrivacyLedger privacy_ledger(const Samples& samples, const TrainingConfig& config) {
  const PrivateUnits units(samples, config.dp_unit, config.batch, config.seed);
  return {units.probability(), config.dp_noise, config.steps};
}

std::vector<std::int64_t> units_of_cards(const Split& split, std::int64_t begin, std::int64_t end,
                                         const std::vector<LedgerLine>& cards) {
  std::map<std::int64_t, std::int64_t> person_on;  // by image
  for (const LedgerLine& card : cards) person_on.emplace(card.image, card.person);
  std::vector<std::int64_t> units;
  for (std::int64_t i = begin; i < end; ++i) {
    const auto found = person_on.find(split.examples.at(static_cast<std::size_t>(i)).image);
    units.push_back(found == person_on.end() ? Samples::kOwnUnit : found->second);
  }
  return units;
}

ClippedSum::ClippedSum(const std::vector<nn::NamedParameter>& parameters, double clip)
    : clip_(clip) {
  check<ValueError>(std::isfinite(clip) && clip > 0,
                    "clipped_sum: clip: expected a finite number above 0, got ", clip);
  for (const nn::NamedParameter& p : parameters) {
    const Tensor& value = p.variable.value();
    check<DTypeError>(value.dtype() == DType::f32, "clipped_sum: ", p.name,
                      ": expected dtype f32, got ", value.dtype());
    sums_.push_back(Tensor::zeros(value.shape(), DType::f32));
  }
}

double ClippedSum::add(const std::vector<Tensor>& gradient) {
  check<ShapeError>(gradient.size() == sums_.size(), "clipped_sum: gradient: expected ",
                    sums_.size(), " tensors, got ", gradient.size());
  std::vector<Tensor> dense;
  double squares = 0;
  for (std::size_t p = 0; p < sums_.size(); ++p) {
    dense.push_back(gradient[p].defined() ? gradient[p].contiguous() : Tensor());
    if (!gradient[p].defined()) continue;
    check<ShapeError>(gradient[p].shape() == sums_[p].shape(), "clipped_sum: gradient ", p,
                      ": expected shape ", sums_[p].shape(), ", got ", gradient[p].shape());
    squares += squares_of(dense[p]);
  }
  const double norm = std::sqrt(squares);
  check<ValueError>(std::isfinite(norm), "clipped_sum: the length of a unit's gradient is ", norm);
  const double factor = norm <= clip_ ? 1 : clip_ / norm;
  for (std::size_t p = 0; p < sums_.size(); ++p) {
    if (!dense[p].defined()) continue;
    const float* g = dense[p].data<float>();
    float* sum = sums_[p].mutable_data<float>();
    parallel_for(dense[p].numel(), kBlock, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t i = begin; i < end; ++i) sum[i] += static_cast<float>(factor * g[i]);
    });
  }
  return norm;
}

std::vector<Tensor> noisy_mean(const std::vector<Tensor>& sums, double deviation, double divisor,
                               const Generator& noise, std::int64_t step) {
  std::vector<Tensor> result;
  for (std::size_t p = 0; p < sums.size(); ++p) {
    Tensor out = Tensor::empty(sums[p].shape(), DType::f32);
    const float* sum = sums[p].data<float>();
    float* y = out.mutable_data<float>();
    parallel_for(out.numel(), kBlock, [&](std::int64_t begin, std::int64_t end) {
      RandomSequence random =
          noise.sequence(static_cast<std::uint32_t>(step), static_cast<std::uint32_t>(p));
      random.seek(4 * static_cast<std::uint64_t>(begin));  // a normal number takes a block's words
      for (std::int64_t i = begin; i < end; ++i) {
        const double z = deviation == 0 ? 0 : random.normal();
        y[i] = static_cast<float>((sum[i] + deviation * z) / divisor);
      }
    });
    result.push_back(std::move(out));
  }
  return result;
}

}  // namespace chainline::experiments
