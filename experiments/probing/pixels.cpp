#include "experiments/probing/pixels.h"

#include <algorithm>

#include "tensor/error.h"
#include "tensor/parallel.h"

namespace chainline::experiments {
namespace {

/// The side of pictures (N, 3, S, S) of f32.
std::int64_t side_of(const Tensor& images) {
  check<ShapeError>(
      images.rank() == 4 && images.shape()[1] == 3 && images.shape()[2] == images.shape()[3],
      "probe: pixels: expected images (N, 3, S, S), got ", images.shape());
  check<DTypeError>(images.dtype() == DType::f32, "probe: pixels: expected f32, got ",
                    images.dtype());
  return images.shape()[2];
}

}  // namespace

HiddenStates::Layer pixel_layer(const Tensor& images, std::int64_t grid) {
  const std::int64_t side = side_of(images);
  check<ShapeError>(grid >= 1 && side % grid == 0, "probe: pixels: expected a grid that divides ",
                    side, " pixels, got ", grid);
  const std::int64_t cell = side / grid;
  HiddenStates::Layer layer{"pixels", 3 * grid * grid, {}};
  const std::vector<float> pixels = images.to_vector<float>();
  // Planes of three channels after one another, each a grid of cells.
  for (std::int64_t plane = 0; plane < 3 * images.shape()[0]; ++plane) {
    for (std::int64_t row = 0; row < grid; ++row) {
      for (std::int64_t column = 0; column < grid; ++column) {
        double sum = 0;
        for (std::int64_t y = row * cell; y < (row + 1) * cell; ++y)
          for (std::int64_t x = column * cell; x < (column + 1) * cell; ++x)
            sum += static_cast<double>(
                pixels[static_cast<std::size_t>((plane * side + y) * side + x)]);
        layer.values.push_back(static_cast<float>(sum / static_cast<double>(cell * cell)));
      }
    }
  }
  return layer;
}

std::vector<CardBox> card_boxes(const ImageSource& images, const Watermarker& watermarker,
                                const std::vector<ProbeView>& views, int size) {
  std::vector<CardBox> boxes(views.size());
  parallel_for(
      static_cast<std::int64_t>(views.size()), 16, [&](std::int64_t begin, std::int64_t end) {
        for (std::int64_t v = begin; v < end; ++v) {
          const ProbeView& view = views[static_cast<std::size_t>(v)];
          const Image image = images.image(view.image);
          const LedgerLine line = watermarker
                                      .twin(image, view.image, images.name(view.image),
                                            watermarker.people()[view.person])
                                      .line;
          const std::int64_t side = std::max(image.width, image.height);
          // From `first` to before `last` of the source, clipped, moved by the padding.
          const auto span = [&](std::int64_t first, std::int64_t length, std::int64_t source,
                                std::int64_t& at, std::int64_t& extent) {
            const std::int64_t shift = (side - source) / 2;
            const std::int64_t last = std::min(first + length, source);
            at = (std::max<std::int64_t>(first, 0) + shift) * size / side;
            extent = ((last + shift) * size + side - 1) / side - at;
          };
          CardBox& box = boxes[static_cast<std::size_t>(v)];
          span(line.x, line.width, image.width, box.x, box.width);
          span(line.y, line.height, image.height, box.y, box.height);
        }
      });
  return boxes;
}

HiddenStates::Layer card_layer(const Tensor& images, const std::vector<CardBox>& boxes) {
  const std::int64_t side = side_of(images);
  check<ShapeError>(images.shape()[0] == static_cast<std::int64_t>(boxes.size()),
                    "probe: card pixels: expected a box for each of ", images.shape()[0],
                    " images, got ", boxes.size());
  std::int64_t width = 0, height = 0;
  for (const CardBox& box : boxes) {
    check<ShapeError>(box.x >= 0 && box.y >= 0 && box.width >= 0 && box.height >= 0 &&
                          box.x + box.width <= side && box.y + box.height <= side,
                      "probe: card pixels: expected boxes inside of ", side, " x ", side, ", got ",
                      box.width, " x ", box.height, " at ", box.x, ", ", box.y);
    width = std::max(width, box.width);
    height = std::max(height, box.height);
  }
  HiddenStates::Layer layer{"card pixels", width * height, {}};
  layer.values.assign(boxes.size() * static_cast<std::size_t>(width * height), 0.0f);
  const std::vector<float> pixels = images.to_vector<float>();
  for (std::size_t i = 0; i < boxes.size(); ++i) {
    const CardBox& box = boxes[i];
    const float* image = &pixels[i * static_cast<std::size_t>(3 * side * side)];
    float* card = &layer.values[i * static_cast<std::size_t>(width * height)];
    for (std::int64_t y = 0; y < box.height; ++y) {
      for (std::int64_t x = 0; x < box.width; ++x) {
        const float* pixel = image + (box.y + y) * side + box.x + x;
        card[y * width + x] = (pixel[0] + pixel[side * side] + pixel[2 * side * side]) / 3;
      }
    }
  }
  return layer;
}

}  // namespace chainline::experiments
