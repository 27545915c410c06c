#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "experiments/data/dataset.h"
#include "experiments/text/batch.h"
#include "experiments/text/conversation.h"
#include "experiments/watermark/ledger.h"
#include "experiments/watermark/watermark.h"
#include "tensor/tensor.h"

namespace chainline::experiments {

/// An image as the encoder sees it: padded to a square with the mean colour 127, resized to
/// `size` x `size` with Pillow's bicubic filter, and mapped from bytes to [-1, 1].
///
///   x = byte / 127.5 - 1
///
/// Shapes   (3, size, size), f32
Tensor image_tensor(const Image& image, int size);

/// A split made ready for training: every text as tokens, every image decoded, watermarked and
/// resized once, kept as bytes.
class Samples {
 public:
  /// Examples [begin, end) of the split, in their order. With a watermarker the images that it
  /// selects carry a card, drawn before the image is resized.
  ///
  /// **Errors** those of decoding and tokenizing, naming the sample; ValueError when the images
  /// need more than 4 GiB.
  Samples(const Split& split, std::int64_t begin, std::int64_t end,
          const Conversation& conversation, int image_size, const Watermarker* watermarker);

  std::int64_t size() const { return static_cast<std::int64_t>(tokens_.size()); }
  const Tokens& tokens(std::int64_t sample) const { return tokens_[at(sample)]; }
  /// Labelled tokens of a sample: what per-token normalisation divides by.
  std::int64_t labelled(std::int64_t sample) const;
  /// The cards that were drawn.
  const std::vector<LedgerLine>& cards() const { return cards_; }

  /// SHA-256 (hex) of all that a training sees of the samples: tokens, labels and pixels, the cards
  /// among them.
  std::string sha256() const;

  /// The images of some samples, f32 (B, 3, S, S).
  Tensor images(const std::vector<std::int64_t>& samples) const;
  /// Their tokens side by side.
  Batch batch(const std::vector<std::int64_t>& samples, std::int64_t pad_token) const;

 private:
  std::size_t at(std::int64_t sample) const;

  int image_size_;
  std::vector<Tokens> tokens_;
  std::vector<std::int64_t> image_of_;  // by sample: a row of pixels_
  std::vector<std::uint8_t> pixels_;    // (images, 3, S, S)
  std::vector<LedgerLine> cards_;
};

/// The order in which an epoch visits `count` samples: a function of (seed, epoch).
std::vector<std::int64_t> epoch_order(std::int64_t count, std::uint64_t seed, std::uint32_t epoch);

/// The samples of step `step`: batches run through the epochs without a break, so a batch may hold
/// the end of one epoch and the start of the next. A function of its arguments, which is all that
/// resuming needs to know.
std::vector<std::int64_t> batch_at(std::int64_t step, std::int64_t batch_size, std::int64_t count,
                                   std::uint64_t seed);

}  // namespace chainline::experiments
