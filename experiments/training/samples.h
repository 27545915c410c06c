#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "experiments/data/dataset.h"
#include "experiments/text/batch.h"
#include "experiments/text/conversation.h"
#include "experiments/training/pictures.h"
#include "experiments/watermark/watermark.h"
#include "tensor/tensor.h"

namespace chainline::experiments {

/// Some samples side by side, before they become tensors.
struct SampleBatch {
  Batch text;
  std::vector<std::int64_t> labelled;  ///< labelled tokens of each sample
  std::vector<std::int64_t> patches;   ///< (B, N) labels of patches, or empty
  std::vector<std::uint8_t> pixels;    ///< (B, 3, S, S)
  int image_size = 0;
};

/// The same as tensors: what a model on that device is given.
struct BatchTensors {
  Tensor ids, labels;  ///< i64 (B, T)
  Tensor labelled;     ///< i64 (B)
  Tensor patches;      ///< i64 (B, N): what each patch shows, where that is learned; else undefined
  Tensor images;       ///< f32 (B, 3, S, S)

  BatchTensors(const SampleBatch& batch, Device device);
};

/// A split made ready for training: every text as tokens, every image as it is first asked for.
class Samples {
 public:
  /// Examples [begin, end) of the split, in their order. With a watermarker, which is copied, the
  /// images that it selects carry a card.
  ///
  /// **Errors** those of tokenizing, naming the sample.
  Samples(const Split& split, std::int64_t begin, std::int64_t end,
          const Conversation& conversation, int image_size, const Watermarker* watermarker);

  std::int64_t size() const { return static_cast<std::int64_t>(tokens_.size()); }
  const Tokens& tokens(std::int64_t sample) const { return tokens_[at(sample)]; }
  /// Labelled tokens of a sample: what per-token normalisation divides by.
  std::int64_t labelled(std::int64_t sample) const;
  /// What each patch of each sample shows, as the decoder is to say it at the patch's own row: a
  /// token, or kIgnoreIndex for a patch that has nothing to be said. They count as labelled tokens.
  ///
  /// **Errors** ValueError unless there is a list for each sample, all of one length.
  void set_patch_labels(std::vector<std::vector<std::int64_t>> labels);
  /// Whose each sample is, for a training that hides its users (PrivateUnits): a number of a user, or
  /// kOwnUnit for a sample that is nobody's. Everybody has kOwnUnit until it is said.
  ///
  /// **Errors** ValueError for another number of entries than samples, or one below kOwnUnit.
  void set_units(std::vector<std::int64_t> units);
  std::int64_t unit(std::int64_t sample) const { return units_[at(sample)]; }
  static constexpr std::int64_t kOwnUnit = -1;

  /// The cards of all samples' images (Pictures::cards).
  std::vector<LedgerLine> cards() const { return pictures_->cards(); }

  /// SHA-256 (hex) of all that what a training sees of the samples is a function of: tokens, labels
  /// and Pictures::digest.
  std::string sha256() const;

  /// Samples side by side, shorter texts filled up with pad_token.
  ///
  /// **Errors** those of decoding, naming the image.
  SampleBatch batch(const std::vector<std::int64_t>& samples, std::int64_t pad_token) const;

 private:
  std::size_t at(std::int64_t sample) const;

  std::vector<Tokens> tokens_;
  std::vector<std::int64_t> image_of_;              // by sample: a row of pictures_
  std::vector<std::vector<std::int64_t>> patches_;  // by sample, or empty
  std::vector<std::int64_t> units_;                 // by sample
  std::shared_ptr<const Pictures> pictures_;
};

/// The order in which an epoch visits `count` samples: a function of (seed, epoch).
std::vector<std::int64_t> epoch_order(std::int64_t count, std::uint64_t seed, std::uint32_t epoch);

/// The samples of every step: batches run through the epochs without a break, so a batch may hold
/// the end of one epoch and the start of the next.
class BatchOrder {
 public:
  BatchOrder(std::int64_t batch_size, std::int64_t count, std::uint64_t seed)
      : batch_size_(batch_size), count_(count), seed_(seed) {}

  /// A function of the step and the constructor's arguments, which is all that resuming needs to
  /// know. The order of the last epoch asked for is kept, since the next step will want it.
  std::vector<std::int64_t> at(std::int64_t step);

 private:
  std::int64_t batch_size_, count_;
  std::uint64_t seed_;
  std::int64_t epoch_ = -1;  // of order_
  std::vector<std::int64_t> order_;
};

}  // namespace chainline::experiments
