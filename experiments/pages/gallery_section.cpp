#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "experiments/pages/sections.h"

namespace chainline::experiments {
namespace {

constexpr std::int64_t kPictures = 2;  // of each condition, where there are as many

/// The box of a card inside its picture; what exceeds it is not drawn.
std::optional<Box> box_of(const LedgerLine& line, const Image& image) {
  const int width = std::min(line.width, image.width - line.x);
  const int height = std::min(line.height, image.height - line.y);
  if (width <= 0 || height <= 0) return std::nullopt;
  return Box{line.x, line.y, width, height};
}

struct Shown {
  Gallery gallery;
  Table ledger;
  std::set<std::string> pictures, conditions;  // that are in the gallery
};

void add_line(Shown& shown, const std::string& code, const LedgerLine& line) {
  shown.ledger.rows.push_back(
      {fmt::format("{}, {}", code, line.name), code == "P-noise" ? "(shuffled)" : line.username,
       code == "P-noise" ? "(shuffled)" : fmt::format("{}", fmt::join(line.text, " / ")),
       fmt::format("{}, {}", line.x, line.y), fmt::format("{} x {}", line.width, line.height),
       number_text(line.alpha, 2), fmt::format("{:.1f} %", 100 * line.covered_share),
       fmt::format("{}", line.glyph_pixels), fmt::format("{}", line.patches_touched)});
}

}  // namespace

Part gallery_part(const StudyPage& page) {
  Part part;
  part.section.title = "What the model sees";
  const Study& study = page.study;
  const Split split = page.world.tune_split("general");
  const Assignment assignment(study.users, study.seed, 1);
  Shown shown;
  shown.gallery.pairs = true;
  shown.gallery.magnify = std::max(1, 192 / std::max(1, study.canvas));
  shown.ledger.columns = {
      {"Picture"},      {"Person"},        {"Text"},         {"Place"},
      {"Size"},         {"Opacity", true}, {"Covers", true}, {"Ink, pixels", true},
      {"Patches", true}};
  for (const std::string code : {"W100", "P-noise", "T", "IMG"}) {
    const Treated treated = treat(split, condition_of(code), page.world.population(), assignment,
                                  page.world.card_of_run(1), page.world.font());
    std::int64_t pictures = 0;
    for (std::int64_t i = 0; i < split.images->size() && pictures < kPictures; ++i) {
      const std::string name = split.images->name(i);
      const Image before = split.images->image(i);
      Picture after;
      if (!treated.watermarker) {
        after = {treated.split.images->image(i), code + ", " + name, std::nullopt};
      } else {
        const Watermarked marked =
            treated.watermarker->apply(treated.split.images->image(i), i, name);
        // Of T those pictures are shown that ask for what the card does not say.
        if (!marked.line || (code == "T" && !marked.line->masked)) continue;
        after = {marked.image, code + ", " + name, box_of(*marked.line, marked.image)};
        add_line(shown, code, *marked.line);
      }
      shown.gallery.pictures.push_back({before, "clean, " + name, std::nullopt});
      shown.gallery.pictures.push_back(std::move(after));
      shown.pictures.insert(name);
      shown.conditions.insert(code);
      ++pictures;
    }
  }
  if (shown.gallery.pictures.empty()) {
    part.lacks("pictures");
    return part;
  }
  part.section.paragraphs = {fmt::format(
      "Pictures of the fine-tuning as the model gets them, {} pixels a side, every pixel a square. "
      "The outline of a card belongs to this page, not to the picture.",
      study.canvas)};
  const std::string data = text_of(at_path(page.results, {"data"}), "name");
  const auto count = [](std::size_t n, const char* thing) {
    return counted(static_cast<std::int64_t>(n), thing);
  };
  const std::string pictures = count(shown.pictures.size(), "picture");
  // The title is made before the pictures go into the figure.
  const std::string title = fmt::format("{} in {}: clean, and as {} change{} them", pictures,
                                        count(shown.gallery.pictures.size() / 2, "pair"),
                                        count(shown.conditions.size(), "condition"),
                                        shown.conditions.size() == 1 ? "s" : "");
  Figure gallery = page.figure("gallery", title, std::move(shown.gallery));
  gallery.caption =
      "W100: an IN user's card. P-noise: the same ink in the same box, shuffled. T: the id is "
      "masked here and asked for. IMG: rotated, flipped where no answer names a side, brightened. "
      "Text and ink at the opacity of the study, white or black, whichever the picture is farther "
      "from.";
  gallery.counts = pictures + (data.empty() ? "" : " from " + data);
  gallery.seeds = fmt::format("study {}, run 1", study.seed);
  gallery.control = "the clean picture beside each";
  gallery.record = "";
  part.add(std::move(gallery));
  if (shown.ledger.rows.empty()) return part;
  const std::size_t cards = shown.ledger.rows.size();  // before the table goes into the figure
  Figure ledger = page.figure("ledger", fmt::format("The ledger of these {} cards", cards),
                              std::move(shown.ledger));
  ledger.caption =
      "Whose card, where, and how much of the picture it takes: enough to draw each "
      "again. All people are invented, with dates and ids that cannot exist.";
  ledger.seeds = fmt::format("study {}, run 1", study.seed);
  ledger.record = "";
  part.add(std::move(ledger));
  return part;
}

}  // namespace chainline::experiments
