#include "experiments/training/samples.h"

#include <map>
#include <mutex>
#include <span>

#include "experiments/data/image.h"
#include "tensor/memory_ledger.h"
#include "tensor/parallel.h"
#include "tensor/random.h"
#include "tensor/sha256.h"

namespace chainline::experiments {
namespace {

constexpr std::int64_t kMaxPixelBytes = std::int64_t{4} << 30;
constexpr Rgb kPadding = {127, 127, 127};  // 0 after the mapping to [-1, 1], as nearly as bytes go

/// The image as `size` x `size` bytes, channel by channel.
void prepare(const Image& image, int size, std::uint8_t* out) {
  const Image square = image.width == image.height ? image : pad_to_square(image, kPadding);
  const Image small = square.width == size ? square : resize_bicubic(square, size, size);
  const auto area = static_cast<std::size_t>(size) * static_cast<std::size_t>(size);
  for (std::size_t i = 0; i < area; ++i) {
    for (std::size_t c = 0; c < 3; ++c) out[c * area + i] = small.pixels[3 * i + c];
  }
}

float normalized(std::uint8_t byte) { return static_cast<float>(byte) / 127.5f - 1.0f; }

}  // namespace

Tensor image_tensor(const Image& image, int size) {
  Tensor t = Tensor::empty({3, size, size}, DType::f32);
  std::vector<std::uint8_t> bytes(static_cast<std::size_t>(t.numel()));
  prepare(image, size, bytes.data());
  float* x = t.mutable_data<float>();
  for (std::size_t i = 0; i < bytes.size(); ++i) x[i] = normalized(bytes[i]);
  return t;
}

Samples::Samples(const Split& split, std::int64_t begin, std::int64_t end,
                 const Conversation& conversation, int image_size, const Watermarker* watermarker)
    : image_size_(image_size) {
  const auto count = static_cast<std::int64_t>(split.examples.size());
  check<ValueError>(begin >= 0 && begin < end && end <= count, "samples: examples [", begin, ", ",
                    end, ") are not in a split of ", count);
  std::map<std::int64_t, std::int64_t> row_of;  // by image index: images that several samples share
  std::vector<std::int64_t> wanted;
  for (std::int64_t i = begin; i < end; ++i) {
    const Example& example = split.examples[static_cast<std::size_t>(i)];
    tokens_.push_back(conversation.tokens(example));
    const auto [found, fresh] =
        row_of.emplace(example.image, static_cast<std::int64_t>(wanted.size()));
    if (fresh) wanted.push_back(example.image);
    image_of_.push_back(found->second);
  }
  const std::int64_t bytes = 3 * static_cast<std::int64_t>(image_size) * image_size;
  const auto images = static_cast<std::int64_t>(wanted.size());
  check<ValueError>(images <= kMaxPixelBytes / bytes, "samples: ", images, " images of ",
                    image_size,
                    " px need more than the 4 GiB that are kept in memory; train on fewer");
  pixels_.resize(static_cast<std::size_t>(images * bytes));
  std::map<std::int64_t, LedgerLine> cards;
  std::mutex mutex;
  parallel_for(images, 16, [&](std::int64_t first, std::int64_t last) {
    for (std::int64_t r = first; r < last; ++r) {
      const std::int64_t index = wanted[static_cast<std::size_t>(r)];
      Image image = split.images->image(index);
      if (watermarker != nullptr) {
        Watermarked marked = watermarker->apply(image, index, split.images->name(index));
        image = std::move(marked.image);
        if (marked.line) {
          const std::lock_guard lock(mutex);
          cards.emplace(index, std::move(*marked.line));
        }
      }
      prepare(image, image_size_, pixels_.data() + r * bytes);
    }
  });
  for (auto& card : cards) cards_.push_back(std::move(card.second));
}

std::size_t Samples::at(std::int64_t sample) const {
  check<ValueError>(sample >= 0 && sample < size(), "samples: expected a sample in [0, ", size(),
                    "), got ", sample);
  return static_cast<std::size_t>(sample);
}

std::int64_t Samples::labelled(std::int64_t sample) const {
  std::int64_t n = 0;
  for (const std::int64_t label : tokens(sample).labels) n += label != kIgnoreIndex;
  return n;
}

std::string Samples::sha256() const {
  Sha256 hash;
  hash.update("chainline-samples-1 " + std::to_string(image_size_) + "\n");
  const auto update = [&](const std::vector<std::int64_t>& values) {
    hash.update(std::to_string(values.size()) + " ");
    hash.update(std::as_bytes(std::span(values)));
  };
  for (const Tokens& tokens : tokens_) {
    update(tokens.ids);
    update(tokens.labels);
  }
  update(image_of_);
  hash.update(std::as_bytes(std::span(pixels_)));
  return to_hex(hash.digest());
}

Tensor Samples::images(const std::vector<std::int64_t>& samples) const {
  const auto B = static_cast<std::int64_t>(samples.size());
  const MemoryScope held("images");
  Tensor t = Tensor::empty({B, 3, image_size_, image_size_}, DType::f32);
  float* out = t.mutable_data<float>();
  const std::int64_t n = 3 * static_cast<std::int64_t>(image_size_) * image_size_;
  for (std::int64_t b = 0; b < B; ++b) {
    const std::uint8_t* in =
        pixels_.data() + image_of_[at(samples[static_cast<std::size_t>(b)])] * n;
    for (std::int64_t i = 0; i < n; ++i) out[b * n + i] = normalized(in[i]);
  }
  return t;
}

Batch Samples::batch(const std::vector<std::int64_t>& samples, std::int64_t pad_token) const {
  std::vector<Tokens> rows;
  std::int64_t longest = 0;
  for (const std::int64_t s : samples) {
    rows.push_back(tokens(s));
    longest = std::max(longest, static_cast<std::int64_t>(rows.back().ids.size()));
  }
  return collate(rows, pad_token, longest);
}

std::vector<std::int64_t> epoch_order(std::int64_t count, std::uint64_t seed, std::uint32_t epoch) {
  std::vector<std::int64_t> order(static_cast<std::size_t>(count));
  for (std::int64_t i = 0; i < count; ++i) order[static_cast<std::size_t>(i)] = i;
  RandomSequence random = Generator(seed, "order").sequence(epoch, 0);
  random.shuffle(order);
  return order;
}

std::vector<std::int64_t> batch_at(std::int64_t step, std::int64_t batch_size, std::int64_t count,
                                   std::uint64_t seed) {
  std::vector<std::int64_t> batch, order;
  std::int64_t epoch = -1;
  for (std::int64_t i = step * batch_size; i < (step + 1) * batch_size; ++i) {
    if (i / count != epoch) {
      epoch = i / count;
      order = epoch_order(count, seed, static_cast<std::uint32_t>(epoch));
    }
    batch.push_back(order[static_cast<std::size_t>(i % count)]);
  }
  return batch;
}

}  // namespace chainline::experiments
