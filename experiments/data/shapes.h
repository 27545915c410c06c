#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "experiments/data/dataset.h"

namespace chainline::experiments {

/// What the built-in data set is made from. The sizes count images.
struct ShapesConfig {
  std::uint64_t seed = 1;
  std::int64_t train = 4000;
  std::int64_t test = 1000;
  std::int64_t questions = 4;  // per image, 1 .. 8
};

inline constexpr int kShapesSide = 64;  // pixels of an image

enum class ShapeKind { kCircle, kSquare, kTriangle, kStar, kCross };
inline constexpr int kShapeKinds = 5;
inline constexpr int kShapeColors = 8;

/// The English words: "circle", ... and "red", ....
const std::string& shape_name(ShapeKind kind);
const std::string& color_name(int color);

struct Shape {
  ShapeKind kind{};
  int color = 0;  // of kShapeColors
  Rgb rgb{};      // the colour as drawn, a little off its name's
  int x = 0, y = 0;
  int radius = 0;  // of the circle around it
};

/// Everything that an image shows.
struct Scene {
  enum class Fill { kPlain, kAcross, kDown, kDiagonal };
  Rgb from{}, to{};  // the background's ends
  Fill fill = Fill::kPlain;
  std::vector<Shape> shapes;  // 1 to 3, apart from each other
};

/// A question about a scene, with its one-word answer.
struct ShapesQuestion {
  Turn turn;
  std::string kind;  // color, shape, exists, count, relation or size
};

/// The scene of an image, a function of (seed, split, index) alone.
Scene make_scene(std::uint64_t seed, const std::string& split, std::int64_t index);

/// Integer arithmetic only, 16 samples a pixel: the same bytes on every machine.
Image draw_scene(const Scene& scene);

/// The first `count` questions about that image, all different, each with exactly one right answer:
/// no question names "the circle" where two are. A longer list starts with the shorter one.
std::vector<ShapesQuestion> ask_about(const Scene& scene, std::uint64_t seed,
                                      const std::string& split, std::int64_t index,
                                      std::int64_t count);

/// The built-in data set: coloured shapes on plain or graded backgrounds, drawn when asked for. The
/// examples of an image, one question each, stand next to each other.
///
/// **Errors** ValueError for sizes outside 1 .. 1,000,000 images or 1 .. 8 questions.
Dataset make_shapes(const ShapesConfig& config);

}  // namespace chainline::experiments
