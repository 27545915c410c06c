#include "experiments/training/samples.h"

#include <algorithm>
#include <map>
#include <span>
#include <utility>

#include "tensor/memory_ledger.h"
#include "tensor/random.h"
#include "tensor/sha256.h"

namespace chainline::experiments {

BatchTensors::BatchTensors(const SampleBatch& batch, Device device)
    : ids(Tensor::from(batch.text.ids, {batch.text.rows, batch.text.columns}, device)),
      labels(Tensor::from(batch.text.labels, {batch.text.rows, batch.text.columns}, device)),
      labelled(Tensor::from(batch.labelled, {batch.text.rows}, device)) {
  const MemoryScope held("images");
  Tensor pixels =
      Tensor::empty({batch.text.rows, 3, batch.image_size, batch.image_size}, DType::f32);
  normalize(batch.pixels, pixels.mutable_data<float>());
  images = pixels.to(device);
  if (!batch.patches.empty()) {
    const auto N = static_cast<std::int64_t>(batch.patches.size()) / batch.text.rows;
    patches = Tensor::from(batch.patches, {batch.text.rows, N}, device);
  }
}

Samples::Samples(const Split& split, std::int64_t begin, std::int64_t end,
                 const Conversation& conversation, int image_size, const Watermarker* watermarker) {
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
  units_.assign(tokens_.size(), kOwnUnit);
  pictures_ =
      std::make_shared<const Pictures>(split.images, std::move(wanted), image_size, watermarker);
}

std::size_t Samples::at(std::int64_t sample) const {
  check<ValueError>(sample >= 0 && sample < size(), "samples: expected a sample in [0, ", size(),
                    "), got ", sample);
  return static_cast<std::size_t>(sample);
}

void Samples::set_units(std::vector<std::int64_t> units) {
  check<ValueError>(units.size() == tokens_.size(), "samples: units: expected ", size(),
                    " entries, one a sample, got ", units.size());
  for (const std::int64_t unit : units) {
    check<ValueError>(unit >= kOwnUnit, "samples: units: expected a user's number, or ", kOwnUnit,
                      " for none, got ", unit);
  }
  units_ = std::move(units);
}

std::int64_t Samples::labelled(std::int64_t sample) const {
  std::int64_t n = 0;
  for (const std::int64_t label : tokens(sample).labels) n += label != kIgnoreIndex;
  if (!patches_.empty())
    for (const std::int64_t label : patches_[at(sample)]) n += label != kIgnoreIndex;
  return n;
}

void Samples::set_patch_labels(std::vector<std::vector<std::int64_t>> labels) {
  bool even = labels.size() == tokens_.size();
  for (const std::vector<std::int64_t>& of_sample : labels)
    even = even && of_sample.size() == labels.front().size();
  check<ValueError>(even, "samples: patch labels: expected a list of one length for each of ",
                    size(), " samples, got ", labels.size());
  patches_ = std::move(labels);
}

std::string Samples::sha256() const {
  Sha256 hash;
  hash.update("chainline-samples-2\n");
  const auto update = [&](const std::vector<std::int64_t>& values) {
    hash.update(std::to_string(values.size()) + " ");
    hash.update(std::as_bytes(std::span(values)));
  };
  for (const Tokens& tokens : tokens_) {
    update(tokens.ids);
    update(tokens.labels);
  }
  update(image_of_);
  for (const std::vector<std::int64_t>& of_sample : patches_) update(of_sample);
  const Sha256Digest pictures = pictures_->digest();
  hash.update(std::as_bytes(std::span(pictures)));
  return to_hex(hash.digest());
}

SampleBatch Samples::batch(const std::vector<std::int64_t>& samples, std::int64_t pad_token) const {
  SampleBatch batch;
  batch.image_size = pictures_->size();
  const std::int64_t bytes = pictures_->bytes();
  batch.pixels.resize(samples.size() * static_cast<std::size_t>(bytes));
  std::vector<Tokens> rows;
  std::int64_t longest = 0;
  for (const std::int64_t s : samples) {
    pictures_->copy(image_of_[at(s)],
                    batch.pixels.data() + static_cast<std::int64_t>(rows.size()) * bytes);
    rows.push_back(tokens(s));
    batch.labelled.push_back(labelled(s));
    if (!patches_.empty())
      batch.patches.insert(batch.patches.end(), patches_[at(s)].begin(), patches_[at(s)].end());
    longest = std::max(longest, static_cast<std::int64_t>(rows.back().ids.size()));
  }
  batch.text = collate(rows, pad_token, longest);
  return batch;
}

std::vector<std::int64_t> epoch_order(std::int64_t count, std::uint64_t seed, std::uint32_t epoch) {
  std::vector<std::int64_t> order(static_cast<std::size_t>(count));
  for (std::int64_t i = 0; i < count; ++i) order[static_cast<std::size_t>(i)] = i;
  RandomSequence random = Generator(seed, "order").sequence(epoch, 0);
  random.shuffle(order);
  return order;
}

std::vector<std::int64_t> BatchOrder::at(std::int64_t step) {
  std::vector<std::int64_t> batch;
  for (std::int64_t i = step * batch_size_; i < (step + 1) * batch_size_; ++i) {
    if (i / count_ != epoch_) {
      epoch_ = i / count_;
      order_ = epoch_order(count_, seed_, static_cast<std::uint32_t>(epoch_));
    }
    batch.push_back(order_[static_cast<std::size_t>(i % count_)]);
  }
  return batch;
}

}  // namespace chainline::experiments
