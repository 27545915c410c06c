#include "experiments/data/shapes.h"

#include <algorithm>
#include <array>
#include <cstdlib>

#include "tensor/error.h"
#include "tensor/random.h"

namespace chainline::experiments {
namespace {

constexpr int kSmallest = 9;  // radius: at least 12 pixels across, also for a square
constexpr int kLargest = 16;
constexpr int kLargestOfThree = 11;

struct Color {
  std::string name;
  Rgb rgb;
};

const std::array<Color, kShapeColors>& colors() {
  static const std::array<Color, kShapeColors> table = {{{"red", {214, 35, 40}},
                                                         {"green", {40, 150, 60}},
                                                         {"blue", {40, 80, 220}},
                                                         {"yellow", {240, 215, 40}},
                                                         {"purple", {135, 55, 185}},
                                                         {"orange", {245, 130, 25}},
                                                         {"cyan", {40, 200, 215}},
                                                         {"pink", {245, 135, 195}}}};
  return table;
}

int between(RandomSequence& random, int low, int high) {
  return low + static_cast<int>(random.below(static_cast<std::uint64_t>(high - low + 1)));
}

Rgb near(RandomSequence& random, Rgb rgb, int by) {
  for (std::uint8_t& channel : rgb)
    channel = static_cast<std::uint8_t>(std::clamp(channel + between(random, -by, by), 0, 255));
  return rgb;
}

bool apart(const Shape& a, const Shape& b) {
  const int dx = a.x - b.x, dy = a.y - b.y, reach = a.radius + b.radius + 2;
  return dx * dx + dy * dy >= reach * reach;
}

/// Places one more shape where it touches none; false when no place was found.
bool place(RandomSequence& random, int largest, std::vector<Shape>& shapes) {
  constexpr int kTries = 50;
  Shape shape;
  shape.kind = static_cast<ShapeKind>(random.below(kShapeKinds));
  shape.color = static_cast<int>(random.below(kShapeColors));
  shape.rgb = near(random, colors()[static_cast<std::size_t>(shape.color)].rgb, 10);
  shape.radius = between(random, kSmallest, largest);
  for (int i = 0; i < kTries; ++i) {
    shape.x = between(random, shape.radius + 1, kShapesSide - 1 - shape.radius);
    shape.y = between(random, shape.radius + 1, kShapesSide - 1 - shape.radius);
    if (std::all_of(shapes.begin(), shapes.end(), [&](const Shape& s) { return apart(s, shape); }))
      return shapes.push_back(shape), true;
  }
  return false;
}

/// Five points of a star of radius 1024 (thousandths of sine and cosine of multiples of 36 degrees)
/// and the notches between them at 461.
constexpr int kStarPoints = 10;
constexpr int kStar[kStarPoints][2] = {{0, -1024},   {271, -373}, {974, -316}, {438, 142},
                                       {602, 828},   {0, 461},    {-602, 828}, {-438, 142},
                                       {-974, -316}, {-271, -373}};

/// The places begin, ..., end - 1 of a row.
struct Span {
  int begin, end;
};

/// floor(a / b) for b > 0.
std::int64_t floor_of(std::int64_t a, std::int64_t b) {
  return a >= 0 ? a / b : -((b - 1 - a) / b);
}

/// Even-odd rule: a point is inside when a ray to the right crosses the outline an odd number of
/// times. An edge is crossed by the rays that begin left of it, so the ends of the edges that reach
/// this row, in ascending order, are where spans begin and end.
std::vector<Span> star_row(int dy, int radius) {
  std::vector<int> ends;
  for (int i = 0; i < kStarPoints; ++i) {
    const int* a = kStar[i];
    const int* b = kStar[(i + 1) % kStarPoints];
    const std::int64_t y = std::int64_t{1024} * dy;
    const std::int64_t ax = std::int64_t{a[0]} * radius, ay = std::int64_t{a[1]} * radius;
    const std::int64_t bx = std::int64_t{b[0]} * radius, by = std::int64_t{b[1]} * radius;
    if ((ay > y) == (by > y)) continue;
    const std::int64_t rise = std::abs(by - ay);
    const std::int64_t across = (bx - ax) * (by > ay ? y - ay : ay - y);  // (x - ax) rise there
    // 1024 dx < end; a point on a falling edge is left of it, one on a rising edge is not.
    const std::int64_t end = ax + (by > ay ? -floor_of(-across, rise) : floor_of(across, rise) + 1);
    ends.push_back(static_cast<int>(-floor_of(-end, 1024)));
  }
  std::sort(ends.begin(), ends.end());
  std::vector<Span> spans;
  for (std::size_t i = 0; i + 1 < ends.size(); i += 2) spans.push_back({ends[i], ends[i + 1]});
  return spans;
}

/// The points of the row dy from the centre that belong to the shape; all in one unit.
std::vector<Span> shape_row(ShapeKind kind, int dy, int radius) {
  const int ay = std::abs(dy);
  const auto within = [](int dx) { return std::vector<Span>{{-dx, dx + 1}}; };
  switch (kind) {
    case ShapeKind::kCircle: {
      int dx = radius;
      while (dx >= 0 && dx * dx + dy * dy > radius * radius) --dx;
      return within(dx);
    }
    case ShapeKind::kSquare:
      return 8 * ay <= 7 * radius ? within(7 * radius / 8) : std::vector<Span>{};
    case ShapeKind::kTriangle:  // from (0, -1) down to a base from -1 to 1 at 3/4
      if (dy < -radius || 4 * dy > 3 * radius) return {};
      return within(4 * (dy + radius) / 7);
    case ShapeKind::kStar:
      return star_row(dy, radius);
    case ShapeKind::kCross:
      if (ay > radius) return {};
      return within(16 * ay <= 5 * radius ? radius : 5 * radius / 16);
  }
  return {};
}

/// How many of the 16 samples of each pixel in row y the shape covers. The unit is an eighth of a
/// pixel, so that samples lie at odd numbers and centres at multiples of eight.
std::array<int, kShapesSide> coverage_of_row(const Shape& shape, int y) {
  std::array<int, kShapesSide> samples{};
  for (int sy = 1; sy < 8; sy += 2) {
    for (const Span& span : shape_row(shape.kind, 8 * (y - shape.y) + sy, 8 * shape.radius)) {
      const int begin = span.begin + 8 * shape.x, end = span.end + 8 * shape.x;
      for (int x = std::max(0, begin / 8); x < kShapesSide && 8 * x < end; ++x) {
        // Before a place p there are p / 2 odd numbers.
        samples[static_cast<std::size_t>(x)] +=
            std::min(end, 8 * x + 8) / 2 - std::max(begin, 8 * x) / 2;
      }
    }
  }
  return samples;
}

/// Which part of the way from one end of the background to the other a pixel has, of 2 * 63.
int background_share(Scene::Fill fill, int x, int y) {
  switch (fill) {
    case Scene::Fill::kPlain:
      return 0;
    case Scene::Fill::kAcross:
      return 2 * x;
    case Scene::Fill::kDown:
      return 2 * y;
    case Scene::Fill::kDiagonal:
      return x + y;
  }
  return 0;
}

class ShapesImages : public ImageSource {
 public:
  ShapesImages(std::uint64_t seed, std::string split, std::int64_t size)
      : seed_(seed), split_(std::move(split)), size_(size) {}

  std::int64_t size() const override { return size_; }
  Image image(std::int64_t index) const override {
    check<ValueError>(index >= 0 && index < size_, "shapes: image: expected 0 to ", size_ - 1,
                      ", got ", index);
    return draw_scene(make_scene(seed_, split_, index));
  }
  std::string name(std::int64_t index) const override {
    return "shapes/" + split_ + "/" + std::to_string(index);
  }

 private:
  std::uint64_t seed_;
  std::string split_;
  std::int64_t size_;
};

Split make_split(const ShapesConfig& config, const std::string& split, std::int64_t size) {
  Split result;
  result.images = std::make_shared<ShapesImages>(config.seed, split, size);
  for (std::int64_t i = 0; i < size; ++i) {
    const Scene scene = make_scene(config.seed, split, i);
    std::int64_t number = 0;
    for (ShapesQuestion& q : ask_about(scene, config.seed, split, i, config.questions)) {
      const std::string id = split + "-" + std::to_string(i) + "-" + std::to_string(number++);
      result.examples.push_back({id, i, {std::move(q.turn)}, std::move(q.kind)});
    }
  }
  return result;
}

}  // namespace

const std::string& shape_name(ShapeKind kind) {
  static const std::array<std::string, kShapeKinds> names = {"circle", "square", "triangle", "star",
                                                             "cross"};
  return names[static_cast<std::size_t>(kind)];
}

const std::string& color_name(int color) { return colors()[static_cast<std::size_t>(color)].name; }

Scene make_scene(std::uint64_t seed, const std::string& split, std::int64_t index) {
  RandomSequence random =
      Generator(seed, "shapes/" + split + "/scene").sequence(0, static_cast<std::uint32_t>(index));
  Scene scene;
  const int tone = random.below(2) == 0 ? between(random, 15, 45) : between(random, 215, 240);
  scene.from = near(random,
                    {static_cast<std::uint8_t>(tone), static_cast<std::uint8_t>(tone),
                     static_cast<std::uint8_t>(tone)},
                    8);
  scene.to = near(random, scene.from, 15);
  scene.fill = static_cast<Scene::Fill>(random.below(4));

  // Of ten images four show one shape, four two, two three.
  const std::uint64_t draw = random.below(10);
  const std::size_t count = draw < 4 ? 1 : draw < 8 ? 2 : 3;
  const int largest = count == 3 ? kLargestOfThree : kLargest;
  while (scene.shapes.size() < count)
    if (!place(random, largest, scene.shapes)) scene.shapes.clear();
  return scene;
}

Image draw_scene(const Scene& scene) {
  Image image = make_image(kShapesSide, kShapesSide, {});
  constexpr int kWay = 2 * (kShapesSide - 1);
  std::array<Rgb, kWay + 1> background{};  // by share
  for (int share = 0; share <= kWay; ++share)
    for (std::size_t c = 0; c < 3; ++c)
      background[static_cast<std::size_t>(share)][c] = static_cast<std::uint8_t>(
          (scene.from[c] * (kWay - share) + scene.to[c] * share + kWay / 2) / kWay);
  for (int y = 0; y < kShapesSide; ++y)
    for (int x = 0; x < kShapesSide; ++x) {
      const int share = background_share(scene.fill, x, y);
      std::copy_n(background[static_cast<std::size_t>(share)].data(), 3, image.at(x, y));
    }
  for (const Shape& shape : scene.shapes)
    for (int y = shape.y - shape.radius - 1; y <= shape.y + shape.radius; ++y) {
      const std::array<int, kShapesSide> samples = coverage_of_row(shape, y);
      for (int x = shape.x - shape.radius - 1; x <= shape.x + shape.radius; ++x) {
        const int covered = samples[static_cast<std::size_t>(x)];
        std::uint8_t* pixel = image.at(x, y);
        for (std::size_t c = 0; c < 3; ++c)
          pixel[c] = static_cast<std::uint8_t>(
              (shape.rgb[c] * covered + pixel[c] * (16 - covered) + 8) / 16);
      }
    }
  return image;
}

Dataset make_shapes(const ShapesConfig& config) {
  const auto size = [](const char* name, std::int64_t value, std::int64_t most) {
    check<ValueError>(value >= 1 && value <= most, "shapes: ", name, ": expected 1 to ", most,
                      ", got ", value);
  };
  size("train", config.train, 1000000);
  size("test", config.test, 1000000);
  size("questions", config.questions, 8);
  Dataset data;
  data.name = "shapes";
  data.licence = "CC0-1.0";
  data.source = "drawn by chainline: shapes:seed=" + std::to_string(config.seed) +
                ",train=" + std::to_string(config.train) + ",test=" + std::to_string(config.test) +
                ",questions=" + std::to_string(config.questions);
  data.train = make_split(config, "train", config.train);
  data.test = make_split(config, "test", config.test);
  return data;
}

}  // namespace chainline::experiments
