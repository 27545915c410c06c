#include "experiments/data/shapes.h"

#include <algorithm>
#include <cstdlib>
#include <iostream>
#include <map>
#include <set>

#include "tensor/sha256.h"
#include "tests/experiments/data/folder.h"

namespace chainline::experiments {
namespace {

TEST(Shapes, AreTheSameOnEveryMachine) {
  // The hash covers scenes, drawing and questions; it changes when any of them does,
  // and then every published number of the built-in data set is another one.
  EXPECT_EQ(load_dataset("shapes:seed=1,train=20,test=10").sha256,
            "068871cf8b9d0ed1c998a276c96b4b64b0517765076ff88c98c1635132582362");
}

TEST(Shapes, AreAFunctionOfSeedSplitAndIndex) {
  const Dataset small = make_shapes({7, 5, 3, 2});
  const Dataset large = make_shapes({7, 9, 4, 4});
  for (std::int64_t i = 0; i < 5; ++i)
    EXPECT_EQ(small.train.images->image(i), large.train.images->image(i));
  // The first questions of an image don't depend on how many are asked.
  EXPECT_EQ(small.train.examples[3].turns[0].question, large.train.examples[5].turns[0].question);
  EXPECT_NE(small.train.images->image(0), small.test.images->image(0));
  EXPECT_NE(small.train.images->image(0), make_shapes({8, 1, 1, 1}).train.images->image(0));
  EXPECT_EQ(large.test.images->name(3), "shapes/test/3");
  EXPECT_EQ(large.train.examples[35].id, "train-8-3");
  EXPECT_EQ(large.train.examples[35].image, 8);
  EXPECT_EQ(refusal<ValueError>([&] { small.test.images->image(3); }),
            "shapes: image: expected 0 to 2, got 3");
}

TEST(Shapes, StandApartInsideTheImageAndAreLargeEnough) {
  for (std::int64_t i = 0; i < 2000; ++i) {
    const Scene scene = make_scene(3, "train", i);
    ASSERT_GE(scene.shapes.size(), 1u);
    ASSERT_LE(scene.shapes.size(), 3u);
    for (const Shape& a : scene.shapes) {
      EXPECT_GE(2 * a.radius, 12);
      EXPECT_GE(std::min(a.x, a.y) - a.radius, 0);
      EXPECT_LE(std::max(a.x, a.y) + a.radius, kShapesSide);
      for (const Shape& b : scene.shapes) {
        const int dx = a.x - b.x, dy = a.y - b.y, reach = a.radius + b.radius;
        EXPECT_TRUE(&a == &b || dx * dx + dy * dy > reach * reach);
      }
    }
  }
}

TEST(Shapes, AreDrawnInTheirColourWhereTheyStand) {
  for (int kind = 0; kind < kShapeKinds; ++kind) {
    Scene scene;
    scene.from = scene.to = {20, 20, 20};
    scene.shapes = {{static_cast<ShapeKind>(kind), 0, {200, 30, 40}, 30, 20, 10}};
    const Image image = draw_scene(scene);
    EXPECT_EQ(image.at(30, 20)[0], 200) << shape_name(scene.shapes[0].kind);
    EXPECT_EQ(image.at(30, 20)[1], 30);
    EXPECT_EQ(image.at(30, 32)[0], 20) << "below the shape";
    EXPECT_EQ(image.at(5, 5)[2], 20) << "background";
    // Every shape is the same on both sides of its axis, down to the last level.
    for (int y = 0; y < kShapesSide; ++y)
      for (int x = 0; x < 15; ++x)
        ASSERT_EQ(image.at(30 + x, y)[0], image.at(29 - x, y)[0])
            << shape_name(scene.shapes[0].kind) << " row " << y << ", " << x << " from the axis";
  }
}

/// The answer found by looking at the scene in another way than the asker: by parsing the question.
/// "" for a question that the scene leaves open.
class Reader {
 public:
  explicit Reader(const Scene& scene) : shapes_(scene.shapes) {}

  std::string answer(const std::string& question) const {
    std::vector<std::string> nouns;  // words that name a kind or a colour, in order
    const std::set<std::string> known = names();
    for (const std::string& word : words(question))
      if (known.count(stem(word)) > 0) nouns.push_back(stem(word));
    const auto has = [&](const char* text) { return question.find(text) != std::string::npos; };
    if (has("how many")) return count_word(matching(nouns).size());
    if (has("larger") || has("smaller")) return compare_size(nouns, has("which"), has("larger"));
    for (const char* where : {"left of", "right of", "above", "below"})
      if (has(where)) return yes_no(before(where, only({nouns[0]}), only({nouns[1]})));
    if (has("is there a") || has("contain a") || has("do you see a"))
      return yes_no(!matching(nouns).empty());
    std::vector<Shape> found = matching(nouns);
    for (const auto& [where, relation] : {std::pair{"on the left", "left of"},
                                          {"on the right", "right of"},
                                          {"at the top", "above"},
                                          {"at the bottom", "below"}})
      if (has(where) && found.size() == 2)
        found = {before(relation, found[0], found[1]) ? found[0] : found[1]};
    if (found.size() != 1) return "";
    return has("color") ? color_name(found[0].color) : shape_name(found[0].kind);
  }

 private:
  static std::vector<std::string> words(const std::string& text) {
    std::vector<std::string> result(1);
    for (const char letter : text)
      if (letter >= 'a' && letter <= 'z')
        result.back() += letter;
      else
        result.emplace_back();
    return result;
  }
  static std::string stem(std::string word) {
    if (word == "crosses") return "cross";
    if (word.size() > 1 && word.back() == 's' && word != "cross") word.pop_back();
    return word;
  }
  static std::set<std::string> names() {
    std::set<std::string> result;
    for (int i = 0; i < kShapeKinds; ++i) result.insert(shape_name(static_cast<ShapeKind>(i)));
    for (int i = 0; i < kShapeColors; ++i) result.insert(color_name(i));
    return result;
  }
  std::vector<Shape> matching(const std::vector<std::string>& nouns) const {
    std::vector<Shape> found;
    for (const Shape& s : shapes_)
      if (std::all_of(nouns.begin(), nouns.end(), [&](const std::string& noun) {
            return noun == shape_name(s.kind) || noun == color_name(s.color);
          }))
        found.push_back(s);
    return found;
  }
  Shape only(const std::vector<std::string>& nouns) const {
    const std::vector<Shape> found = matching(nouns);
    EXPECT_EQ(found.size(), 1u) << nouns[0] << " is not unique";
    return found.at(0);
  }
  static bool before(const std::string& where, const Shape& a, const Shape& b) {
    const bool across = where == "left of" || where == "right of";
    const int difference = across ? a.x - b.x : a.y - b.y;
    EXPECT_GE(std::abs(difference), 12) << "not clearly " << where;
    return where == "left of" || where == "above" ? difference < 0 : difference > 0;
  }
  std::string compare_size(const std::vector<std::string>& nouns, bool which, bool larger) const {
    const Shape a = only({nouns[0]}), b = only({nouns[1]});
    EXPECT_GE(3 * std::max(a.radius, b.radius), 4 * std::min(a.radius, b.radius));
    const bool first = larger ? a.radius > b.radius : a.radius < b.radius;
    return which ? shape_name(first ? a.kind : b.kind) : yes_no(first);
  }
  static std::string yes_no(bool yes) { return yes ? "yes" : "no"; }
  static std::string count_word(std::size_t n) {
    return std::vector<std::string>{"zero", "one", "two", "three"}.at(n);
  }

  const std::vector<Shape>& shapes_;
};

TEST(ShapesQuestions, HaveOneRightAnswerEach) {
  for (std::int64_t i = 0; i < 2000; ++i) {
    const Scene scene = make_scene(5, "test", i);
    std::set<std::string> texts;
    for (const ShapesQuestion& q : ask_about(scene, 5, "test", i, 8)) {
      ASSERT_EQ(Reader(scene).answer(q.turn.question), q.turn.answer)
          << q.turn.question << " of image " << i;
      EXPECT_TRUE(texts.insert(q.turn.question).second) << q.turn.question << " asked twice";
      EXPECT_EQ(q.turn.answer.find(' '), std::string::npos);
    }
  }
}

TEST(ShapesQuestions, CannotBeAnsweredWithoutLooking) {
  const Dataset data = make_shapes({});
  const double known = question_only_accuracy(data);
  std::cout << "question-only rule: " << 100 * known << " % of " << data.test.examples.size()
            << " test questions\n";
  EXPECT_LT(known, 0.5);
  EXPECT_GT(known, 0.2) << "fewer families than meant";
  std::map<std::string, std::map<std::string, int>> answers;
  for (const Example& e : data.train.examples) ++answers[e.kind][e.turns[0].answer];
  EXPECT_EQ(answers.size(), 6u);
  const double yes = answers["exists"]["yes"], no = answers["exists"]["no"];
  EXPECT_NEAR(yes / (yes + no), 0.5, 0.02);  // about 3.5 standard deviations of 5,000 coins
}

}  // namespace
}  // namespace chainline::experiments
