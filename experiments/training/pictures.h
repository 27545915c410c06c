#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "experiments/data/dataset.h"
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

/// The mapping of the bytes alone.
void normalize(std::span<const std::uint8_t> bytes, float* out);

/// Pictures as bytes that only that mapping parts from what the encoder sees, channel by channel.
/// A picture is decoded, watermarked, padded and resized by the thread that asks for it first, and
/// then kept, as long as there is room; one without room is prepared again each time. Every member
/// may be called from several threads at once.
class Pictures {
 public:
  static constexpr std::int64_t kRoom = std::int64_t{4} << 30;

  /// Row r is picture indices[r] of the source. With a watermarker the pictures that it selects
  /// carry a card, drawn before they are resized. Keeps as many rows as fit into `room` bytes.
  Pictures(std::shared_ptr<const ImageSource> source, std::vector<std::int64_t> indices, int size,
           const Watermarker* watermarker, std::int64_t room = kRoom);

  std::int64_t bytes() const { return std::int64_t{3} * size_ * size_; }  ///< of a row
  int size() const { return size_; }

  /// Writes bytes() of a row.
  ///
  /// **Errors** those of decoding, naming the picture.
  void copy(std::int64_t row, std::uint8_t* out) const;

  /// The cards of all rows in the order of the source; prepares those that nobody asked for.
  std::vector<LedgerLine> cards() const;

  /// SHA-256 of all that the rows are a function of: the source's pictures, which of them, the
  /// size and the cards. Known before any row is prepared.
  Sha256Digest digest() const;

 private:
  void prepare(std::int64_t row, std::uint8_t* out) const;
  void need(std::int64_t row) const;

  static constexpr std::size_t kLocks = 64;

  std::shared_ptr<const ImageSource> source_;
  std::vector<std::int64_t> indices_;
  int size_;
  std::optional<Watermarker> watermarker_;
  std::int64_t kept_;  // rows that have room, the first ones
  std::unique_ptr<std::uint8_t[]> pixels_;
  std::unique_ptr<std::atomic<bool>[]> ready_;
  mutable std::mutex locks_[kLocks];  // row r is prepared under lock r % kLocks
  mutable std::mutex cards_lock_;
  mutable std::map<std::int64_t, LedgerLine> cards_;  // by index
};

}  // namespace chainline::experiments
