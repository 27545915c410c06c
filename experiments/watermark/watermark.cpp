#include "experiments/watermark/watermark.h"

#include <algorithm>
#include <cmath>
#include <set>
#include <utility>

#include "tensor/error.h"
#include "tensor/random.h"

namespace chainline::experiments {
namespace {

/// The draws of one image, always all of them and in this order.
struct Draws {
  double decision;
  RandomSequence random;  // continues with person, x, y
};

Draws draws_of(std::uint64_t seed, std::int64_t index) {
  check<ValueError>(index >= 0 && index <= std::int64_t{UINT32_MAX},
                    "watermark: index: expected 0 .. 4294967295, got ", index);
  RandomSequence random =
      Generator(seed, "watermark").sequence(0, static_cast<std::uint32_t>(index));
  const double decision = random.uniform();
  return {decision, random};
}

/// A place for `size` pixels along a side of `room`.
int place(int room, int size, RandomSequence& random) {
  const int places = std::max(room - size, 0) + 1;
  return static_cast<int>(random.below(static_cast<std::uint64_t>(places)));
}

bool masked(const WatermarkSpec& spec, std::int64_t index) {
  return Generator(spec.seed, "watermark id").uniform(0, static_cast<std::uint32_t>(index), 0) <
         spec.masked;
}

/// Puts the mask's pixels into a random order.
void shuffle(Mask& mask, std::uint64_t seed, std::int64_t index) {
  RandomSequence random =
      Generator(seed, "watermark noise").sequence(0, static_cast<std::uint32_t>(index));
  random.shuffle(mask.coverage);
}

std::uint8_t blend(std::uint8_t below, std::uint8_t above, int weight) {
  constexpr int kWhole = 255 * 255;
  return static_cast<std::uint8_t>((below * (kWhole - weight) + above * weight + kWhole / 2) /
                                   kWhole);
}

/// The spec's colour, or with contrast white or black, whichever is farther from the mean of the
/// picture's bytes below the card.
Rgb color_of_card(const Image& image, const LedgerLine& line, int width, int height,
                  const WatermarkSpec& spec) {
  if (!spec.contrast) return spec.color;
  std::int64_t sum = 0;
  for (int y = 0; y < height; ++y)
    for (int x = 0; x < 3 * width; ++x) sum += image.at(line.x, line.y + y)[x];
  const bool light = sum > std::int64_t{3} * width * height * 127;
  const std::uint8_t ink = light ? 0 : 255;
  return {ink, ink, ink};
}

/// Draws the mask at the line's place and counts what it covers.
Image draw(Image image, const Mask& mask, const WatermarkSpec& spec, LedgerLine& line) {
  const int opacity = static_cast<int>(std::lround(255 * spec.alpha));
  const int width = std::min(mask.width, image.width - line.x);
  const int height = std::min(mask.height, image.height - line.y);
  const Rgb color = color_of_card(image, line, width, height, spec);
  std::set<std::pair<int, int>> patches;
  for (int y = 0; y < height; ++y)
    for (int x = 0; x < width; ++x) {
      const int coverage = mask.at(x, y);
      if (coverage == 0) continue;
      std::uint8_t* pixel = image.at(line.x + x, line.y + y);
      for (std::size_t c = 0; c < 3; ++c) pixel[c] = blend(pixel[c], color[c], opacity * coverage);
      ++line.glyph_pixels;
      if (spec.patch > 0) patches.insert({(line.x + x) / spec.patch, (line.y + y) / spec.patch});
    }
  line.patches_touched = static_cast<std::int64_t>(patches.size());
  line.covered_share =
      static_cast<double>(width) * height / (static_cast<double>(image.width) * image.height);
  return image;
}

}  // namespace

std::vector<std::string> card_text(const Person& person, int fields, bool masked) {
  check<ValueError>(fields == 2 || fields == 6, "watermark: fields: expected 2 or 6, got ", fields);
  const std::string id = masked ? std::string(person.user_id.size(), '*') : person.user_id;
  if (fields == 2) return {person.username, id};
  return {"username: " + person.username,
          "user_id: " + id,
          "gender: " + person.gender,
          "age: " + std::to_string(person.age),
          "capture_time: " + person.capture_time,
          "capture_location: " + person.capture_location};
}

Watermarker::Watermarker(WatermarkSpec spec, std::vector<Person> people,
                         std::shared_ptr<const Font> font)
    : Watermarker(spec, std::move(people), std::move(font), {}) {}

Watermarker::Watermarker(WatermarkSpec spec, std::vector<Person> people,
                         std::shared_ptr<const Font> font, std::vector<std::uint32_t> of_image)
    : spec_(spec),
      people_(std::move(people)),
      font_(std::move(font)),
      of_image_(std::move(of_image)) {
  check<ValueError>(spec_.rate >= 0 && spec_.rate <= 1, "watermark: rate: expected 0 .. 1, got ",
                    spec_.rate);
  check<ValueError>(spec_.alpha >= 0 && spec_.alpha <= 1, "watermark: alpha: expected 0 .. 1, got ",
                    spec_.alpha);
  check<ValueError>(spec_.fields == 2 || spec_.fields == 6,
                    "watermark: fields: expected 2 or 6, got ", spec_.fields);
  check<ValueError>(spec_.scale >= 0.25 && spec_.scale <= 16,
                    "watermark: scale: expected 1/4 .. 16, got ", spec_.scale);
  check<ValueError>(spec_.masked >= 0 && spec_.masked <= 1,
                    "watermark: masked: expected a share of 0 .. 1, got ", spec_.masked);
  check<ValueError>(spec_.patch >= 0, "watermark: patch: expected at least 0, got ", spec_.patch);
  check<ValueError>(!people_.empty(), "watermark: people: expected at least one, got none");
  check<ValueError>(font_ != nullptr, "watermark: font: expected one, got none");
  for (const Person& person : people_)
    refuse_real_looking(person, "watermark: person " + std::to_string(person.index));
  for (const std::uint32_t person : of_image_)
    check<ValueError>(person < people_.size() || person == kNobody,
                      "watermark: assignment: expected one of ", people_.size(),
                      " people, got number ", person);
}

bool Watermarker::selects(std::int64_t index) const {
  const auto i = static_cast<std::size_t>(index);
  if (i < of_image_.size() && of_image_[i] == kNobody) return false;
  return draws_of(spec_.seed, index).decision < spec_.rate;
}

Watermarked Watermarker::apply(const Image& image, std::int64_t index,
                               const std::string& name) const {
  if (!selects(index)) return {image, std::nullopt};
  Twin both = twin(image, index, name);
  return {std::move(both.marked), std::move(both.line)};
}

const Person& Watermarker::person_of(std::int64_t index) const {
  if (of_image_.empty()) {
    RandomSequence random = draws_of(spec_.seed, index).random;
    return people_[static_cast<std::size_t>(random.below(people_.size()))];
  }
  check<ValueError>(index >= 0 && index < static_cast<std::int64_t>(of_image_.size()),
                    "watermark: assignment: expected an image in [0, ", of_image_.size(), "), got ",
                    index);
  const std::uint32_t person = of_image_[static_cast<std::size_t>(index)];
  check<ValueError>(person != kNobody, "watermark: assignment: image ", index,
                    ": expected somebody, got nobody");
  return people_[person];
}

Twin Watermarker::twin(const Image& image, std::int64_t index, const std::string& name) const {
  return twin(image, index, name, person_of(index));
}

Twin Watermarker::twin(const Image& image, std::int64_t index, const std::string& name,
                       const Person& person) const {
  check<ShapeError>(image.width > 0 && image.height > 0, "watermark: image: expected pixels in ",
                    name, ", got ", image.width, " x ", image.height);
  LedgerLine line;
  line.image = index;
  line.name = name;
  line.person = person.index;
  line.username = person.username;
  line.user_id = person.user_id;
  line.masked = masked(spec_, index);
  line.text = card_text(person, spec_.fields, line.masked);
  line.alpha = spec_.alpha;
  Mask mask = font_->render(line.text, spec_.scale);
  if (spec_.noise) shuffle(mask, spec_.seed, index);
  line.width = mask.width;
  line.height = mask.height;
  RandomSequence random = draws_of(spec_.seed, index).random;
  random.uniform();  // the person's draw comes before the place's
  line.x = place(image.width, mask.width, random);
  line.y = place(image.height, mask.height, random);
  Twin both;
  both.clean = image;
  both.marked = draw(image, mask, spec_, line);
  both.line = std::move(line);
  return both;
}

}  // namespace chainline::experiments
