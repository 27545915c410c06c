#include "experiments/watermark/watermark.h"

#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>

#include "experiments/watermark/ledger.h"
#include "tensor/error.h"
#include "tests/support.h"

namespace chainline::experiments {
namespace {

using test::message_of;

Image plain_image(int width, int height, Rgb fill) {
  Image image;
  image.width = width;
  image.height = height;
  for (int i = 0; i < width * height; ++i)
    image.pixels.insert(image.pixels.end(), fill.begin(), fill.end());
  return image;
}

WatermarkSpec spec_of(double rate) {
  WatermarkSpec spec;
  spec.seed = 42;
  spec.rate = rate;
  return spec;
}

const std::vector<Person>& pool() {
  static const std::vector<Person> people = make_people(64, 1);
  return people;
}

// alpha 0.5 is a weight of round(127.5) = 128: a byte p becomes round((127 p + 128 white) / 255).
TEST(Watermark, BlendsLettersAndLeavesTheRestAlone) {
  const Watermarker marker(spec_of(1), pool());
  const Image image = plain_image(64, 64, {0, 100, 255});
  const Twin twin = marker.twin(image, 0, "i");
  EXPECT_EQ(twin.clean, image);
  std::int64_t changed = 0;
  for (int y = 0; y < 64; ++y)
    for (int x = 0; x < 64; ++x) {
      const std::uint8_t* p = twin.marked.at(x, y);
      if (p[0] == 0 && p[1] == 100 && p[2] == 255) continue;
      ++changed;
      EXPECT_EQ(p[0], 128);
      EXPECT_EQ(p[1], 178);  // 177.80
      EXPECT_EQ(p[2], 255);
      EXPECT_TRUE(x >= twin.line.x && x < twin.line.x + twin.line.width);
      EXPECT_TRUE(y >= twin.line.y && y < twin.line.y + twin.line.height);
    }
  EXPECT_EQ(changed, twin.line.glyph_pixels);
  EXPECT_GT(changed, 200);
}

TEST(Watermark, AlphaZeroChangesNothingAndAlphaOnePaints) {
  WatermarkSpec spec = spec_of(1);
  const Image image = plain_image(64, 64, {10, 20, 30});
  spec.alpha = 0;
  EXPECT_EQ(Watermarker(spec, pool()).twin(image, 0, "i").marked, image);
  spec.alpha = 1;
  spec.color = {1, 2, 3};
  const Twin twin = Watermarker(spec, pool()).twin(image, 0, "i");
  std::int64_t painted = 0;
  for (std::size_t i = 0; i < twin.marked.pixels.size(); i += 3)
    painted += twin.marked.pixels[i] == 1 && twin.marked.pixels[i + 2] == 3;
  EXPECT_EQ(painted, twin.line.glyph_pixels);
}

TEST(Watermark, MarksNestOverRatesAndKeepPersonAndPlace) {
  const Image image = plain_image(80, 64, {0, 0, 0});
  const Watermarker none(spec_of(0), pool()), some(spec_of(0.3), pool()), all(spec_of(1), pool());
  int marked = 0;
  const int images = 2000;
  for (int i = 0; i < images; ++i) {
    EXPECT_FALSE(none.selects(i));
    EXPECT_TRUE(all.selects(i));
    EXPECT_EQ(none.apply(image, i, "i").image, image);
    const Watermarked at_some = some.apply(image, i, "i");
    EXPECT_EQ(at_some.line.has_value(), some.selects(i));
    if (!at_some.line) continue;
    ++marked;
    EXPECT_EQ(at_some.image, all.apply(image, i, "i").image);
  }
  EXPECT_NEAR(marked, 0.3 * images, 5 * std::sqrt(images * 0.3 * 0.7));
}

// A card 59 wide (8-letter names are not wider than ids) on 64 x 20 has 6 x 6 places. Chi-squared
// with 35 degrees of freedom stays below 66.6 in 999 of 1000 samples, with 63 below 103.4.
TEST(Watermark, PlacesAndPeopleAreUniform) {
  const Watermarker marker(spec_of(1), pool());
  const Image image = plain_image(64, 20, {0, 0, 0});
  std::vector<int> places(36), people(64);
  const int n = 7200;
  for (int i = 0; i < n; ++i) {
    const LedgerLine line = marker.twin(image, i, "i").line;
    ASSERT_EQ(line.width, 59);
    ASSERT_LE(line.x, 5);
    ASSERT_LE(line.y, 5);
    ++places[6 * line.y + line.x];
    ++people[line.person];
  }
  const auto chi_squared = [&](const std::vector<int>& counts) {
    const double expected = static_cast<double>(n) / static_cast<double>(counts.size());
    double sum = 0;
    for (const int c : counts) sum += (c - expected) * (c - expected) / expected;
    return sum;
  };
  EXPECT_LT(chi_squared(places), 66.6);
  EXPECT_LT(chi_squared(people), 103.4);
}

TEST(Watermark, ACardLargerThanTheImageStartsAtItsCorner) {
  const Watermarker marker(spec_of(1), pool());
  const Image image = plain_image(30, 10, {0, 0, 0});
  const LedgerLine line = marker.twin(image, 3, "i").line;
  EXPECT_EQ(line.x, 0);
  EXPECT_EQ(line.y, 0);
  EXPECT_EQ(line.width, 59);
  EXPECT_EQ(line.height, 15);
  EXPECT_EQ(line.covered_share, 1);
}

TEST(Watermark, TheLedgerCountsWhatTheCardCovers) {
  WatermarkSpec spec = spec_of(1);
  spec.patch = 64;
  const Image image = plain_image(64, 64, {0, 0, 0});
  EXPECT_EQ(Watermarker(spec, pool()).twin(image, 0, "i").line.patches_touched, 1);
  spec.patch = 1;
  const LedgerLine line = Watermarker(spec, pool()).twin(image, 0, "i").line;
  EXPECT_EQ(line.patches_touched, line.glyph_pixels);
  EXPECT_EQ(line.covered_share, 59.0 * 15 / (64 * 64));
  EXPECT_EQ(line.text, (std::vector<std::string>{line.username, line.user_id}));
  EXPECT_EQ(line.username, pool()[line.person].username);
}

TEST(Watermark, TheSameImageTakesTwoPeoplesCardsAtOnePlace) {
  const Watermarker marker(spec_of(1), pool());
  const Image image = plain_image(64, 64, {0, 0, 0});
  const Twin one = marker.twin(image, 9, "i", pool()[1]),
             two = marker.twin(image, 9, "i", pool()[2]);
  EXPECT_EQ(one.line.x, two.line.x);
  EXPECT_EQ(one.line.y, two.line.y);
  EXPECT_NE(one.marked, two.marked);
}

TEST(Watermark, TheSixLineCardNamesItsFields) {
  const Person& person = pool()[0];
  const std::vector<std::string> text = card_text(person, 6);
  ASSERT_EQ(text.size(), 6u);
  EXPECT_EQ(text[0], "username: " + person.username);
  EXPECT_EQ(text[5], "capture_location: " + person.capture_location);
}

TEST(Watermark, RefusesSpecsOutOfRange) {
  const auto refusal = [](auto change) {
    WatermarkSpec spec = spec_of(0.5);
    change(spec);
    return message_of<ValueError>([&] { Watermarker(spec, pool()); });
  };
  EXPECT_EQ(refusal([](WatermarkSpec& s) { s.rate = 1.5; }),
            "watermark: rate: expected 0 .. 1, got 1.5");
  EXPECT_EQ(refusal([](WatermarkSpec& s) { s.rate = NAN; }),
            "watermark: rate: expected 0 .. 1, got nan");
  EXPECT_EQ(refusal([](WatermarkSpec& s) { s.alpha = -1; }),
            "watermark: alpha: expected 0 .. 1, got -1");
  EXPECT_EQ(refusal([](WatermarkSpec& s) { s.fields = 3; }),
            "watermark: fields: expected 2 or 6, got 3");
  EXPECT_EQ(refusal([](WatermarkSpec& s) { s.scale = 0; }),
            "watermark: scale: expected 1/4 .. 16, got 0");
  EXPECT_EQ(refusal([](WatermarkSpec& s) { s.patch = -1; }),
            "watermark: patch: expected at least 0, got -1");
  EXPECT_EQ(message_of<ValueError>([] { Watermarker(spec_of(1), {}); }),
            "watermark: people: expected at least one, got none");
  EXPECT_EQ(message_of<ValueError>([] { Watermarker(spec_of(1), pool()).selects(-1); }),
            "watermark: index: expected 0 .. 4294967295, got -1");
  EXPECT_EQ(message_of<ShapeError>([] { Watermarker(spec_of(1), pool()).apply({}, 1, "x"); }),
            "watermark: image: expected pixels in x, got 0 x 0");
}

TEST(Watermark, RefusesPeopleWhoMayExist) {
  std::vector<Person> people = {pool()[0]};
  people[0].age = 40;
  EXPECT_EQ(message_of<FileError>([&] { Watermarker(spec_of(1), people); }),
            "watermark: person 0: age: expected 130 .. 199, got 40; only people who cannot exist "
            "are accepted");
}

TEST(Ledger, ReadsWhatItWrote) {
  WatermarkSpec spec = spec_of(0.5);
  spec.seed = 0xFFFFFFFFFFFFFFFFu;
  spec.alpha = 0.1;
  spec.patch = 8;
  spec.masked = 0.25;
  spec.noise = true;
  spec.contrast = true;
  const Watermarker marker(spec, pool());
  Ledger ledger = open_ledger(marker);
  for (int i = 0; i < 30; ++i) {
    const Watermarked marked =
        marker.apply(plain_image(64, 64, {9, 9, 9}), i, "train/\"" + std::to_string(i));
    if (marked.line) ledger.lines.push_back(*marked.line);
  }
  ASSERT_GT(ledger.lines.size(), 5u);
  const auto path = std::filesystem::path(testing::TempDir()) / "watermark_test_ledger.jsonl";
  write_ledger(path, ledger);
  EXPECT_EQ(read_ledger(path), ledger);

  std::ifstream file(path);
  std::stringstream text;
  text << file.rdbuf();
  EXPECT_EQ(text.str().substr(0, 63),
            R"({"ledger":"chainline watermark","version":2,"seed":18446744)"
            R"(0737)");
  std::ofstream(path) << text.str().substr(0, text.str().size() - 9);
  EXPECT_EQ(message_of<FileError>([&] { read_ledger(path); }),
            path.string() + ": line " + std::to_string(ledger.lines.size() + 1) +
                ": expected a line's end, got a truncated file");
  std::ofstream(path) << R"({"ledger":"chainline watermark","version":1})" << '\n';
  EXPECT_EQ(message_of<FileError>([&] { read_ledger(path); }),
            path.string() + ": line 1: version: expected 2, got 1");
  std::ofstream(path) << "";
  EXPECT_EQ(message_of<FileError>([&] { read_ledger(path); }),
            path.string() + ": expected a header, got an empty file");
}

TEST(Watermark, AnAssignmentSaysWhoseCardAnImageCarriesAndNotWhere) {
  const Watermarker drawn(spec_of(1), pool());
  const Watermarker assigned(spec_of(1), pool(), bitmap_font(), {5, 5, Watermarker::kNobody});
  EXPECT_EQ(assigned.person_of(0), pool()[5]);
  EXPECT_EQ(assigned.person_of(1), pool()[5]);
  EXPECT_FALSE(assigned.selects(2));
  const Image image = plain_image(64, 64, {});
  EXPECT_EQ(assigned.twin(image, 0, "").line.y, drawn.twin(image, 0, "").line.y);
  EXPECT_EQ(message_of<ValueError>([&] { assigned.person_of(3); }),
            "watermark: assignment: expected an image in [0, 3), got 3");
  EXPECT_EQ(message_of<ValueError>([&] { Watermarker(spec_of(1), pool(), bitmap_font(), {64}); }),
            "watermark: assignment: expected one of 64 people, got number 64");
}

TEST(Watermark, AMaskedCardIsAsLargeAndHidesTheId) {
  WatermarkSpec masked = spec_of(1);
  masked.masked = 1;
  const Twin shown = Watermarker(spec_of(1), pool()).twin(plain_image(64, 64, {}), 0, "");
  const Twin hidden = Watermarker(masked, pool()).twin(plain_image(64, 64, {}), 0, "");
  EXPECT_EQ(hidden.line.text[0], shown.line.text[0]);
  EXPECT_EQ(hidden.line.text[1], "**********");
  EXPECT_EQ(hidden.line.width, shown.line.width);
  EXPECT_EQ(hidden.line.x, shown.line.x);
  EXPECT_TRUE(hidden.line.masked);
}

TEST(Watermark, ContrastIsBlackOnLightPicturesAndWhiteOnDarkOnes) {
  WatermarkSpec spec = spec_of(1);
  spec.contrast = true;
  spec.alpha = 1;
  const Watermarker marker(spec, pool());
  const auto ink = [&](std::uint8_t grey) {
    const Twin twin = marker.twin(plain_image(64, 64, {grey, grey, grey}), 0, "");
    std::set<int> bytes(twin.marked.pixels.begin(), twin.marked.pixels.end());
    bytes.erase(grey);
    return bytes;
  };
  EXPECT_EQ(ink(20), std::set<int>{255});
  EXPECT_EQ(ink(230), std::set<int>{0});
}

}  // namespace
}  // namespace chainline::experiments
