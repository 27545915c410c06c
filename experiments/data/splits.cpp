#include "experiments/data/splits.h"

#include <algorithm>
#include <map>
#include <numeric>
#include <set>
#include <utility>

#include "experiments/data/image.h"
#include "tensor/error.h"
#include "tensor/random.h"

namespace chainline::experiments {
namespace {

constexpr Rgb kGrey = {127, 127, 127};  // what a square is filled up with (LLaVA's mean colour)

/// Some images of a source under new numbers.
class ChosenImages : public ImageSource {
 public:
  ChosenImages(std::shared_ptr<const ImageSource> source, std::vector<std::int64_t> images)
      : source_(std::move(source)), images_(std::move(images)) {}

  std::int64_t size() const override { return static_cast<std::int64_t>(images_.size()); }
  Image image(std::int64_t index) const override { return source_->image(at(index)); }
  std::string name(std::int64_t index) const override { return source_->name(at(index)); }

 private:
  std::int64_t at(std::int64_t index) const {
    check<ValueError>(index >= 0 && index < size(), "images: expected 0 .. ", size() - 1, ", got ",
                      index);
    return images_[static_cast<std::size_t>(index)];
  }

  std::shared_ptr<const ImageSource> source_;
  std::vector<std::int64_t> images_;
};

class CanvasImages : public ImageSource {
 public:
  CanvasImages(std::shared_ptr<const ImageSource> source, int side)
      : source_(std::move(source)), side_(side) {}

  std::int64_t size() const override { return source_->size(); }
  Image image(std::int64_t index) const override {
    const Image image = source_->image(index);
    const Image square = image.width == image.height ? image : pad_to_square(image, kGrey);
    return square.width == side_ ? square : resize_bicubic(square, side_, side_);
  }
  std::string name(std::int64_t index) const override { return source_->name(index); }

 private:
  std::shared_ptr<const ImageSource> source_;
  int side_;
};

std::vector<std::int64_t> shuffled_images(std::int64_t count, std::uint64_t seed,
                                          const char* stream) {
  std::vector<std::int64_t> order(static_cast<std::size_t>(count));
  std::iota(order.begin(), order.end(), 0);
  RandomSequence random = Generator(seed, stream).sequence(0, 0);
  random.shuffle(order);
  return order;
}

}  // namespace

Split subset_of(const Split& split, const std::vector<std::int64_t>& images) {
  std::map<std::int64_t, std::int64_t> number_of;
  for (const std::int64_t image : images) {
    check<ValueError>(image >= 0 && image < split.images->size(),
                      "split: image: expected one of 0 .. ", split.images->size() - 1, ", got ",
                      image);
    const bool fresh = number_of.emplace(image, static_cast<std::int64_t>(number_of.size())).second;
    check<ValueError>(fresh, "split: image ", image, ": expected once, got it twice");
  }
  Split chosen{{}, std::make_shared<ChosenImages>(split.images, images)};
  for (const Example& example : split.examples) {
    const auto found = number_of.find(example.image);
    if (found == number_of.end()) continue;
    chosen.examples.push_back(example);
    chosen.examples.back().image = found->second;
  }
  return chosen;
}

Halves halves_of(const Split& split, std::uint64_t seed) {
  std::vector<std::int64_t> order = shuffled_images(split.images->size(), seed, "halves");
  const auto middle = order.begin() + static_cast<std::ptrdiff_t>(order.size() / 2);
  std::sort(order.begin(), middle);
  std::sort(middle, order.end());
  return {subset_of(split, {order.begin(), middle}), subset_of(split, {middle, order.end()})};
}

Split sample_of(const Split& split, std::int64_t count, std::uint64_t seed) {
  check<ValueError>(count >= 1, "split: count: expected at least 1, got ", count);
  std::vector<std::int64_t> order = shuffled_images(split.images->size(), seed, "sample");
  order.resize(std::min(order.size(), static_cast<std::size_t>(count)));
  std::sort(order.begin(), order.end());
  return subset_of(split, order);
}

Split on_canvas(const Split& split, int side) {
  check<ValueError>(side >= 1, "split: canvas: expected at least 1 pixel, got ", side);
  return {split.examples, std::make_shared<CanvasImages>(split.images, side)};
}

Split of_kinds(const Split& split, const std::vector<std::string>& kinds) {
  Split chosen{{}, split.images};
  std::set<std::string> known;
  std::set<std::int64_t> asked_about;
  for (const Example& example : split.examples) {
    known.insert(example.kind);
    if (std::find(kinds.begin(), kinds.end(), example.kind) == kinds.end()) continue;
    chosen.examples.push_back(example);
    asked_about.insert(example.image);
  }
  std::string names;
  for (const std::string& kind : known) names += (names.empty() ? "" : ", ") + kind;
  check<ValueError>(!chosen.examples.empty(), "split: kinds: expected some of ", names,
                    ", got none of them");
  return subset_of(chosen, {asked_about.begin(), asked_about.end()});
}

}  // namespace chainline::experiments
