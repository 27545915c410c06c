// What is asked about a scene. Every family asks only what the scene answers without doubt; where
// the answer is yes or no, both are equally likely for a scene of whatever content, so that knowing
// the question alone helps little.

#include <algorithm>
#include <cstdlib>
#include <initializer_list>
#include <optional>
#include <set>

#include "experiments/data/shapes.h"
#include "tensor/random.h"

namespace chainline::experiments {
namespace {

constexpr int kClearlyApart = 12;  // pixels between centres for "left of" and "above"

using Texts = std::initializer_list<const char*>;

class Asker {
 public:
  Asker(const Scene& scene, RandomSequence random)
      : shapes_(scene.shapes), random_(std::move(random)) {}

  /// A question of a random family about something not asked before; nothing when the scene is not
  /// fit for what was drawn.
  std::optional<ShapesQuestion> ask() {
    struct Family {
      const char* kind;
      std::uint64_t percent;
      std::optional<Draft> (Asker::*draft)();
    };
    static constexpr Family families[] = {
        {"color", 28, &Asker::color},       {"shape", 20, &Asker::shape},
        {"exists", 22, &Asker::exists},     {"count", 12, &Asker::count},
        {"relation", 10, &Asker::relation}, {"size", 8, &Asker::size}};
    constexpr int kTries = 8;
    const Family* family = families;
    std::uint64_t draw = random_.below(100);
    for (; draw >= family->percent; ++family) draw -= family->percent;
    yes_ = coin();  // drawn once: a "yes" that finds no question must not turn into a "no"
    for (int i = 0; i < kTries; ++i) {
      auto draft = (this->*family->draft)();
      if (draft && asked_.insert(family->kind + (" " + draft->about)).second)
        return ShapesQuestion{std::move(draft->turn), family->kind};
    }
    return std::nullopt;
  }

 private:
  /// A question and what it is about, so that other words don't make it another question.
  struct Draft {
    std::string about;
    Turn turn;
  };
  using Question = std::optional<Draft>;

  bool coin() { return random_.below(2) == 0; }
  const Shape& any() { return shapes_[random_.below(shapes_.size())]; }
  ShapeKind any_kind() { return static_cast<ShapeKind>(random_.below(kShapeKinds)); }
  int any_color() { return static_cast<int>(random_.below(kShapeColors)); }

  template <class Predicate>
  std::int64_t number(Predicate predicate) const {
    return std::count_if(shapes_.begin(), shapes_.end(), predicate);
  }
  std::int64_t number(ShapeKind kind) const {
    return number([&](const Shape& s) { return s.kind == kind; });
  }
  std::int64_t number(int color) const {
    return number([&](const Shape& s) { return s.color == color; });
  }
  std::int64_t number(ShapeKind kind, int color) const {
    return number([&](const Shape& s) { return s.kind == kind && s.color == color; });
  }

  /// One of the texts, the {} in it replaced.
  std::string phrase(Texts texts, const std::string& word) {
    std::string text = texts.begin()[random_.below(texts.size())];
    if (const std::size_t at = text.find("{}"); at != std::string::npos) text.replace(at, 2, word);
    return text;
  }

  static std::string with_article(const std::string& noun) {
    return (noun.front() == 'o' ? "an " : "a ") + noun;
  }

  Question color() {
    const std::size_t i = random_.below(shapes_.size());
    std::string noun = shape_name(shapes_[i].kind);
    if (shapes_.size() == 1 && coin())
      noun = "shape";
    else if (number(shapes_[i].kind) > 1)
      return std::nullopt;
    return Draft{std::to_string(i), color_of(noun, shapes_[i])};
  }

  Turn color_of(const std::string& noun, const Shape& shape) {
    return {phrase({"what color is the {}?", "what is the color of the {}?",
                    "which color does the {} have?", "which color is the {}?"},
                   noun),
            color_name(shape.color)};
  }

  Question shape() {
    const std::size_t i = random_.below(shapes_.size());
    const std::string answer = shape_name(shapes_[i].kind);
    if (shapes_.size() == 1 && coin())
      return Draft{"0",
                   {phrase({"what shape is this?", "what shape is in the image?",
                            "which shape do you see?", "what is the shape?"},
                           ""),
                    answer}};
    if (number(shapes_[i].color) > 1) return std::nullopt;
    return Draft{std::to_string(i),
                 {phrase({"what shape is the {} object?", "what is the {} shape?",
                          "which shape is {}?", "what shape is the {} thing?"},
                         color_name(shapes_[i].color)),
                  answer}};
  }

  Question exists() {
    // Of five, two are about the kind, two about the colour, one about both; a "no" about both is
    // half true, for one of its two words describes something in the image.
    const std::uint64_t about = random_.below(5);
    const Shape& present = any();
    const bool keep_kind = yes_ || (about == 4 && coin());
    const bool keep_color = yes_ || (about == 4 && !keep_kind);
    const ShapeKind kind = keep_kind ? present.kind : any_kind();
    const int color = keep_color ? present.color : any_color();
    const std::int64_t found = about < 2   ? number(kind)
                               : about < 4 ? number(color)
                                           : number(kind, color);
    if ((found > 0) != yes_) return std::nullopt;
    const std::string noun = about < 2   ? shape_name(kind)
                             : about < 4 ? color_name(color) + " shape"
                                         : color_name(color) + " " + shape_name(kind);
    return Draft{noun,
                 {phrase({"is there {} in the image?", "is there {}?", "does the image contain {}?",
                          "do you see {}?"},
                         with_article(noun)),
                  yes_ ? "yes" : "no"}};
  }

  Question count() {
    static const char* const words[] = {"zero", "one", "two", "three"};
    std::string noun = "shapes";
    std::int64_t answer = static_cast<std::int64_t>(shapes_.size());
    const std::uint64_t about = random_.below(4);  // two of four are about all shapes
    if (about == 2) {
      const ShapeKind kind = random_.below(3) == 0 ? any_kind() : any().kind;
      answer = number(kind);
      noun = shape_name(kind) + (kind == ShapeKind::kCross ? "es" : "s");
    } else if (about == 3) {
      const int color = random_.below(3) == 0 ? any_color() : any().color;
      answer = number(color);
      noun = color_name(color) + " shapes";
    }
    return Draft{noun,
                 {phrase({"how many {} are there?", "how many {} are in the image?",
                          "how many {} do you see?"},
                         noun),
                  words[answer]}};
  }

  /// Two different shapes in random order; nothing when their kinds don't tell them apart.
  std::optional<std::pair<Shape, Shape>> pair() {
    const Shape& a = any();
    const Shape& b = any();
    if (&a == &b || number(a.kind) > 1 || number(b.kind) > 1) return std::nullopt;
    return std::pair{a, b};
  }

  Question relation() {
    if (shapes_.size() < 2) return std::nullopt;
    const bool across = coin();
    const auto position = [across](const Shape& s) { return across ? s.x : s.y; };
    if (shapes_.size() == 2 && coin()) {
      const int difference = position(shapes_[0]) - position(shapes_[1]);
      if (std::abs(difference) < kClearlyApart) return std::nullopt;
      const bool first = coin();
      const Shape& shape = shapes_[(difference < 0) == first ? 0 : 1];
      const std::string where = across ? (first ? "on the left" : "on the right")
                                       : (first ? "at the top" : "at the bottom");
      if (coin()) return Draft{"color " + where, color_of("shape " + where, shape)};
      return Draft{
          "shape " + where,
          {phrase({"what shape is {}?", "which shape is {}?"}, where), shape_name(shape.kind)}};
    }
    const auto two = pair();
    if (!two) return std::nullopt;
    const int difference = position(two->first) - position(two->second);
    if (std::abs(difference) < kClearlyApart) return std::nullopt;
    const bool before = (difference < 0) == yes_;
    const std::string a = shape_name(two->first.kind), b = shape_name(two->second.kind);
    const std::string where = across ? (before ? " left of the " : " right of the ")
                                     : (before ? " above the " : " below the ");
    return Draft{a + where + b, {"is the " + a + where + b + "?", yes_ ? "yes" : "no"}};
  }

  Question size() {
    const auto two = pair();
    if (!two) return std::nullopt;
    const int a = two->first.radius, b = two->second.radius;
    if (3 * std::max(a, b) < 4 * std::min(a, b)) return std::nullopt;  // less than a third apart
    const std::string x = shape_name(two->first.kind), y = shape_name(two->second.kind);
    if (coin()) {
      const bool larger = coin();
      return Draft{std::min(x, y) + std::max(x, y),
                   {std::string("which is ") + (larger ? "larger" : "smaller") + ", the " + x +
                        " or the " + y + "?",
                    (a > b) == larger ? x : y}};
    }
    const bool larger = (a > b) == yes_;
    return Draft{x + " than " + y,
                 {"is the " + x + (larger ? " larger" : " smaller") + " than the " + y + "?",
                  yes_ ? "yes" : "no"}};
  }

  const std::vector<Shape>& shapes_;
  RandomSequence random_;
  std::set<std::string> asked_;
  bool yes_ = false;  // the answer that a question for yes or no shall have
};

}  // namespace

std::vector<ShapesQuestion> ask_about(const Scene& scene, std::uint64_t seed,
                                      const std::string& split, std::int64_t index,
                                      std::int64_t count) {
  const Generator generator(seed, "shapes/" + split + "/questions");
  Asker asker(scene, generator.sequence(0, static_cast<std::uint32_t>(index)));
  std::vector<ShapesQuestion> questions;
  while (static_cast<std::int64_t>(questions.size()) < count)
    if (auto question = asker.ask()) questions.push_back(*std::move(question));
  return questions;
}

}  // namespace chainline::experiments
