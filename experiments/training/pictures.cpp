#include "experiments/training/pictures.h"

#include <algorithm>
#include <span>
#include <utility>

#include "experiments/data/image.h"
#include "experiments/watermark/ledger.h"
#include "tensor/parallel.h"

namespace chainline::experiments {
namespace {

constexpr Rgb kPadding = {127, 127, 127};  // 0 after the mapping to [-1, 1], as nearly as bytes go

/// The image as `size` x `size` bytes, channel by channel.
void separate(const Image& image, int size, std::uint8_t* out) {
  const Image square = image.width == image.height ? image : pad_to_square(image, kPadding);
  const Image small = square.width == size ? square : resize_bicubic(square, size, size);
  const auto area = static_cast<std::size_t>(size) * static_cast<std::size_t>(size);
  for (std::size_t i = 0; i < area; ++i) {
    for (std::size_t c = 0; c < 3; ++c) out[c * area + i] = small.pixels[3 * i + c];
  }
}

}  // namespace

Tensor image_tensor(const Image& image, int size) {
  Tensor t = Tensor::empty({3, size, size}, DType::f32);
  std::vector<std::uint8_t> bytes(static_cast<std::size_t>(t.numel()));
  separate(image, size, bytes.data());
  normalize(bytes, t.mutable_data<float>());
  return t;
}

void normalize(std::span<const std::uint8_t> bytes, float* out) {
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    out[i] = static_cast<float>(bytes[i]) / 127.5f - 1.0f;
  }
}

Pictures::Pictures(std::shared_ptr<const ImageSource> source, std::vector<std::int64_t> indices,
                   int size, const Watermarker* watermarker, std::int64_t room)
    : source_(std::move(source)), indices_(std::move(indices)), size_(size) {
  check<ValueError>(size >= 1, "pictures: size: expected at least 1, got ", size);
  if (watermarker != nullptr && watermarker->spec().rate > 0) watermarker_ = *watermarker;
  kept_ = std::min(static_cast<std::int64_t>(indices_.size()), room / bytes());
  // Not initialized: the system gives the pages when their rows are prepared.
  pixels_.reset(new std::uint8_t[static_cast<std::size_t>(kept_ * bytes())]);
  ready_ = std::make_unique<std::atomic<bool>[]>(static_cast<std::size_t>(kept_));
}

void Pictures::prepare(std::int64_t row, std::uint8_t* out) const {
  const std::int64_t index = indices_[static_cast<std::size_t>(row)];
  Image image = source_->image(index);
  if (watermarker_) {
    Watermarked marked = watermarker_->apply(image, index, source_->name(index));
    image = std::move(marked.image);
    if (marked.line) {
      const std::lock_guard lock(cards_lock_);
      cards_.emplace(index, std::move(*marked.line));
    }
  }
  separate(image, size_, out);
}

void Pictures::need(std::int64_t row) const {
  std::atomic<bool>& ready = ready_[static_cast<std::size_t>(row)];
  if (ready.load(std::memory_order_acquire)) return;
  const std::lock_guard lock(locks_[static_cast<std::size_t>(row) % kLocks]);
  if (ready.load(std::memory_order_relaxed)) return;
  prepare(row, pixels_.get() + row * bytes());
  ready.store(true, std::memory_order_release);
}

void Pictures::copy(std::int64_t row, std::uint8_t* out) const {
  if (row >= kept_) return prepare(row, out);
  need(row);
  std::copy_n(pixels_.get() + row * bytes(), bytes(), out);
}

std::vector<LedgerLine> Pictures::cards() const {
  if (!watermarker_) return {};
  const auto known = [&](std::int64_t index) {
    const std::lock_guard lock(cards_lock_);
    return cards_.count(index) > 0;
  };
  parallel_for(static_cast<std::int64_t>(indices_.size()), 16,
               [&](std::int64_t begin, std::int64_t end) {
                 std::vector<std::uint8_t> unkept(static_cast<std::size_t>(bytes()));
                 for (std::int64_t row = begin; row < end; ++row) {
                   const std::int64_t index = indices_[static_cast<std::size_t>(row)];
                   if (!watermarker_->selects(index) || known(index)) continue;
                   copy(row, unkept.data());
                 }
               });
  const std::lock_guard lock(cards_lock_);
  std::vector<LedgerLine> lines;
  for (const auto& card : cards_) lines.push_back(card.second);
  return lines;
}

Sha256Digest Pictures::digest() const {
  Sha256 hash;
  hash.update("chainline-pictures-1 " + std::to_string(size_) + "\n");
  hash.update(std::as_bytes(std::span(source_->digest())));
  hash.update(std::as_bytes(std::span(indices_)));
  if (watermarker_) {
    hash.update(header_line(open_ledger(*watermarker_)));
    hash.update(std::as_bytes(std::span(watermarker_->assignment())));
    for (const Person& person : watermarker_->people()) {
      for (const std::string& line : card_text(person, watermarker_->spec().fields)) {
        hash.update(line + "\n");
      }
    }
  }
  return hash.digest();
}

}  // namespace chainline::experiments
