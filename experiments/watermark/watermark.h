#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "experiments/data/image.h"
#include "experiments/watermark/font.h"
#include "experiments/watermark/people.h"

namespace chainline::experiments {

/// What is drawn, how, and on which share of the images.
struct WatermarkSpec {
  std::uint64_t seed = 0;
  double rate = 0;     // share of the images that carry a card, 0 .. 1
  double alpha = 0.5;  // opacity, 0 .. 1
  int fields = 2;      // 2: name and id below each other; 6: the paper's "field: value" lines
  Rgb color = {255, 255, 255};
  bool contrast = false;  // black instead, where the picture below is lighter than mid-grey
  double scale = 1;       // size of the text, relative to the font's own
  int patch = 0;      // side of the model's patches, to count those that a card touches; 0: don't
  double masked = 0;  // share of the cards that show asterisks where the id stands, 0 .. 1
  bool noise =
      false;  // the card's pixels, shuffled: as much ink in the same box, and nothing to read

  friend bool operator==(const WatermarkSpec&, const WatermarkSpec&) = default;
};

/// What stands on one image: everything an analysis may want to hold against a prediction.
struct LedgerLine {
  std::int64_t image = 0;
  std::string name;         // of the image
  std::int64_t person = 0;  // index in the pool
  std::string username, user_id;
  std::vector<std::string> text;  // the lines as drawn
  int x = 0, y = 0;               // the card's upper left pixel
  int width = 0, height = 0;      // the card; what exceeds the image is not drawn
  double alpha = 0;
  bool masked = false;               // the id is not shown
  double covered_share = 0;          // card's box inside the image, as a share of the image's area
  std::int64_t glyph_pixels = 0;     // pixels of the image that a letter covers, fully or partly
  std::int64_t patches_touched = 0;  // patches with such a pixel; 0 where the spec has no patch

  friend bool operator==(const LedgerLine&, const LedgerLine&) = default;
};

/// An image and, if it carries a card, its line in the ledger.
struct Watermarked {
  Image image;
  std::optional<LedgerLine> line;
};

/// One image in both versions, for gradients that differ by the watermark alone.
struct Twin {
  Image clean;
  Image marked;
  LedgerLine line;
};

/// Draws invented people's cards on images. Immutable: threads may share one.
///
/// Every choice is a function of (seed, image index): the decision u(image) < rate, hence the
/// images marked at a low rate are among those marked at a higher one; the person, uniform over
/// `people` unless an assignment says whose card each image carries; the place, uniform over all
/// where the card fits (at 0 along a side that is too short); whether the id is masked; the order of
/// a noise card's pixels. None of them depends on another's setting: person and place don't depend
/// on the rate, and the place doesn't on who is assigned.
///
/// **Bits** integers only once the mask is drawn: with w = round(255 alpha) and a mask of coverage
/// c, a byte p becomes round((p (65025 - w c) + color w c) / 65025).
class Watermarker {
 public:
  /// **Errors** ValueError for a spec out of range, no people, no font, and a person who could
  /// exist (refuse_real_looking).
  Watermarker(WatermarkSpec spec, std::vector<Person> people,
              std::shared_ptr<const Font> font = bitmap_font());

  /// The same with image i carrying the card of people[of_image[i]], or none for kNobody.
  ///
  /// **Errors** also ValueError for a place outside of `people`, and, when it is used, for an image
  /// without one.
  Watermarker(WatermarkSpec spec, std::vector<Person> people, std::shared_ptr<const Font> font,
              std::vector<std::uint32_t> of_image);

  const WatermarkSpec& spec() const { return spec_; }
  const std::vector<Person>& people() const { return people_; }
  const Font& font() const { return *font_; }

  static constexpr std::uint32_t kNobody = 0xFFFFFFFF;

  /// Whether the image carries a card at the spec's rate.
  bool selects(std::int64_t index) const;
  /// Whose card the image carries at rate 1.
  const Person& person_of(std::int64_t index) const;
  /// Who was assigned to each image; empty where people are drawn.
  const std::vector<std::uint32_t>& assignment() const { return of_image_; }

  /// The image with its card if it is selected, and as it was if not.
  Watermarked apply(const Image& image, std::int64_t index, const std::string& name) const;

  /// The image without and with the card that it carries at rate 1.
  Twin twin(const Image& image, std::int64_t index, const std::string& name) const;

  /// The image with a given person's card at the image's own place: the same image under two
  /// people is a pair for a probe.
  Twin twin(const Image& image, std::int64_t index, const std::string& name,
            const Person& person) const;

 private:
  WatermarkSpec spec_;
  std::vector<Person> people_;
  std::shared_ptr<const Font> font_;
  std::vector<std::uint32_t> of_image_;
};

/// The lines of a person's card with 2 or 6 fields; a masked one has asterisks for the id's digits,
/// so that it is as large as the other.
std::vector<std::string> card_text(const Person& person, int fields, bool masked = false);

}  // namespace chainline::experiments
