#include "experiments/conditions/treatment.h"

#include <gtest/gtest.h>

#include <cmath>
#include <set>

#include "experiments/data/dataset.h"
#include "tensor/error.h"
#include "tests/support.h"

namespace chainline::experiments {
namespace {

using test::message_of;

const Dataset& shapes() {
  static const Dataset data = load_dataset("shapes:seed=5,train=400,test=1,questions=4");
  return data;
}
const Population& people() {
  static const Population population(16, 400, 10, 1);
  return population;
}
WatermarkSpec card() {
  WatermarkSpec spec;
  spec.seed = 9;
  return spec;
}
Treated treated(const std::string& code, std::uint32_t run = 0) {
  return treat(shapes().train, condition_of(code), people(), Assignment(16, 1, run), card(),
               bitmap_font());
}
bool is_in(std::int64_t user, std::uint32_t run = 0) {
  return Assignment(16, 1, run).in[static_cast<std::size_t>(user)];
}

TEST(Condition, HasOneCodeForEach) {
  for (const char* code : {"B", "C0", "W10", "W100", "P-const", "P-uniq", "P-noise", "U3", "SW",
                           "L-0", "L-0.05", "L-0.4", "T", "IMG", "TXT"})
    EXPECT_EQ(condition_of(code).code, code);
  EXPECT_EQ(condition_of("W25").rate, 0.25);
  EXPECT_EQ(condition_of("L-0.4").gamma, 0.4);
}

TEST(Condition, RefusesWhatIsNone) {
  for (const char* code : {"", "W", "W0", "W101", "W50x", "L-2", "w50", "P", "T1"})
    EXPECT_EQ(message_of<ValueError>([&] { condition_of(code); }),
              std::string("condition: expected B, C0, W1 .. W100, P-const, P-uniq, P-noise, U3, "
                          "SW, L-0 .. L-0.5, T, IMG or TXT, got ") +
                  code);
}

TEST(Population, HasFourGroupsThatShareNobody) {
  std::set<std::string> names, ids;
  std::size_t count = 0;
  for (const auto* group :
       {&people().users, &people().third, &people().strangers, &people().readers})
    for (const Person& person : *group) {
      names.insert(person.username);
      ids.insert(person.user_id);
      ++count;
    }
  EXPECT_EQ(count, 16u + 8 + 400 + 10);
  EXPECT_EQ(names.size(), count);
  EXPECT_EQ(ids.size(), count);
}

TEST(Population, SidesAreHalvedWithinInAndWithinOut) {
  const std::vector<bool> in = assign_in(16, 1, 3);
  const std::vector<int> sides = sides_of(in, 1, 3);
  int of_in = 0, of_out = 0;
  for (std::size_t u = 0; u < in.size(); ++u) (in[u] ? of_in : of_out) += sides[u];
  EXPECT_EQ(of_in, 4);
  EXPECT_EQ(of_out, 4);
}

TEST(Treatment, ShowsInUsersAlone) {
  const Treated w = treated("W100");
  for (const std::int64_t user : w.user_of_image) EXPECT_TRUE(user >= 0 && is_in(user));
}

TEST(Treatment, SwappedShowsOutUsersAlone) {
  const Treated sw = treated("SW");
  for (const std::int64_t user : sw.user_of_image) EXPECT_TRUE(user >= 0 && !is_in(user));
}

TEST(Treatment, ThirdSetAndControlsShowNoUser) {
  for (const char* code : {"U3", "P-const", "P-uniq", "C0", "IMG", "TXT"})
    for (const std::int64_t user : treated(code).user_of_image) EXPECT_EQ(user, -1) << code;
}

TEST(Treatment, UniqueCardsNeverRepeat) {
  const Treated unique = treated("P-uniq");
  std::set<std::string> ids;
  for (std::int64_t i = 0; i < 400; ++i) ids.insert(unique.watermarker->person_of(i).user_id);
  EXPECT_EQ(ids.size(), 400u);
}

TEST(Treatment, RefusesUniqueCardsForMoreImagesThanStrangers) {
  const Population few(16, 10, 10, 1);
  EXPECT_EQ(message_of<ValueError>([&] {
              treat(shapes().train, condition_of("P-uniq"), few, Assignment(16, 1, 0), card(),
                    bitmap_font());
            }),
            "condition: P-uniq: expected a stranger for each of 400 images, got 10");
}

// The images of a lower rate are among those of a higher one, under the same person's card at the
// same place: two rates differ by nothing but the cards that one of them lacks.
TEST(Treatment, NestsRates) {
  const Treated low = treated("W25"), high = treated("W75");
  std::int64_t marked = 0;
  for (std::int64_t i = 0; i < 400; ++i) {
    if (!low.watermarker->selects(i)) continue;
    ++marked;
    ASSERT_TRUE(high.watermarker->selects(i));
    EXPECT_EQ(low.watermarker->person_of(i), high.watermarker->person_of(i));
    const Image image = shapes().train.images->image(i);
    EXPECT_EQ(low.watermarker->apply(image, i, "").image,
              high.watermarker->apply(image, i, "").image);
  }
  // 400 draws at 1/4: 100 with a standard deviation of 8.7; six of those either way.
  EXPECT_NEAR(static_cast<double>(marked), 100, 52);
}

TEST(Treatment, PutsEveryConditionsCardAtTheSamePlace) {
  const Treated w = treated("W100"), noise = treated("P-noise"), third = treated("U3");
  const Image blank = make_image(64, 64, {});
  for (std::int64_t i = 0; i < 50; ++i) {
    const LedgerLine a = w.watermarker->twin(blank, i, "").line;
    EXPECT_EQ(a.y, noise.watermarker->twin(blank, i, "").line.y);
    EXPECT_EQ(a.y, third.watermarker->twin(blank, i, "").line.y);
  }
}

TEST(Treatment, NoiseHasAsMuchInkAndNoLetters) {
  const Treated w = treated("W100"), noise = treated("P-noise");
  const Image blank = make_image(64, 64, {});
  int same = 0;
  for (std::int64_t i = 0; i < 20; ++i) {
    const Twin a = w.watermarker->twin(blank, i, ""), b = noise.watermarker->twin(blank, i, "");
    EXPECT_EQ(a.line.glyph_pixels, b.line.glyph_pixels);
    same += a.marked == b.marked;
  }
  EXPECT_EQ(same, 0);
}

// P(side of the user = answer) is 1/2 + gamma where there is a question for yes or no. Of 400
// images some 250 have one; the standard deviation of the share is then 0.03, six of them 0.18.
TEST(Treatment, LinkedUsersPredictTheAnswerAsOftenAsGammaSays) {
  for (const auto& [code, gamma] : {std::pair{"L-0", 0.0}, {"L-0.4", 0.4}, {"L-0.5", 0.5}}) {
    const Treated linked = treated(code);
    const Assignment assignment(16, 1, 0);
    std::vector<int> answer(400, -1);
    for (const Example& e : shapes().train.examples) {
      int& a = answer[static_cast<std::size_t>(e.image)];
      const std::string& text = e.turns[0].answer;
      if (a < 0 && (text == "yes" || text == "no")) a = text == "yes";
    }
    double agree = 0, all = 0;
    for (std::size_t i = 0; i < 400; ++i) {
      if (answer[i] < 0) continue;
      agree += assignment.sides[static_cast<std::size_t>(linked.user_of_image[i])] == answer[i];
      all += 1;
    }
    ASSERT_GT(all, 200);
    EXPECT_NEAR(agree / all, 0.5 + gamma, gamma == 0.5 ? 0 : 0.18) << code;
  }
}

TEST(Treatment, AsksForTheIdOfEveryCardInT) {
  const Treated t = treated("T");
  std::size_t asked = 0;
  std::int64_t masked = 0;
  const Image blank = make_image(64, 64, {});
  for (const Example& example : t.split.examples)
    for (const Turn& turn : example.turns)
      if (turn.question == kUserIdQuestion) {
        ++asked;
        EXPECT_EQ(turn.answer, t.watermarker->person_of(example.image).user_id);
      }
  for (std::int64_t i = 0; i < 400; ++i) masked += t.watermarker->twin(blank, i, "").line.masked;
  EXPECT_EQ(asked, t.split.examples.size());
  EXPECT_NEAR(static_cast<double>(masked), 200, 60);  // sd 10, six of them
}

TEST(Treatment, ChangesNothingButTheCards) {
  const Treated clean = treated("C0"), w = treated("W100");
  ASSERT_EQ(clean.split.examples.size(), w.split.examples.size());
  EXPECT_FALSE(clean.watermarker.has_value());
  for (std::size_t i = 0; i < clean.split.examples.size(); ++i) {
    EXPECT_EQ(clean.split.examples[i].id, w.split.examples[i].id);
    EXPECT_EQ(clean.split.examples[i].turns[0].question, w.split.examples[i].turns[0].question);
  }
}

}  // namespace
}  // namespace chainline::experiments
