// Views and broadcasting on Variables. A view's gradient is the opposite view, or the sum that
// undoes a stretch; every other rule of the library can then ignore shapes.

#include <numeric>

#include "autograd/node.h"
#include "autograd/ops.h"
#include "tensor/ops/cat.h"
#include "tensor/ops/reduce.h"

namespace chainline {
namespace {

constexpr auto kNothing = [](auto&) {};

struct AliasRule final : Node {
  std::string_view name() const override { return "alias"; }
  Variables backward(const Variables& g, const Needs&) const override { return {g[0]}; }
};

struct ReshapeRule final : Node {
  std::string_view name() const override { return "reshape"; }
  Variables backward(const Variables& g, const Needs&) const override {
    return {reshape(g[0], inputs()[0].shape)};
  }
};

struct PermuteRule final : Node {
  std::vector<std::int64_t> order;
  std::string_view name() const override { return "permute"; }
  Variables backward(const Variables& g, const Needs&) const override {
    std::vector<std::int64_t> inverse(order.size());
    for (std::size_t to = 0; to < order.size(); ++to) {
      inverse[static_cast<std::size_t>(order[to])] = static_cast<std::int64_t>(to);
    }
    return {permute(g[0], inverse)};
  }
};

struct PadRule final : Node {
  std::int64_t dim = 0, start = 0, length = 0;
  std::string_view name() const override { return "pad_zeros"; }
  Variables backward(const Variables& g, const Needs&) const override {
    return {narrow(g[0], dim, start, length)};
  }
};

/// g between zeros: what narrow() took is put back into a tensor of its size.
Variable pad_zeros(const Variable& g, std::int64_t dim, std::int64_t start, std::int64_t size) {
  const auto fill = [&](PadRule& rule) {
    rule.dim = dim;
    rule.start = start;
    rule.length = g.shape()[dim];
  };
  return record<PadRule>({g}, {ops::narrow_backward(g.value(), dim, start, size)}, fill)[0];
}

struct NarrowRule final : Node {
  std::int64_t dim = 0, start = 0;
  std::string_view name() const override { return "narrow"; }
  Variables backward(const Variables& g, const Needs&) const override {
    return {pad_zeros(g[0], dim, start, inputs()[0].shape[dim])};
  }
};

struct SumToRule final : Node {
  std::string_view name() const override { return "sum_to"; }
  Variables backward(const Variables& g, const Needs&) const override {
    return {broadcast_to(g[0], inputs()[0].shape)};
  }
};

Variable sum_to_with(const Variable& x, const Shape& shape, const SampleSum& sum) {
  return record<SumToRule>({x}, {ops::sum_to(x.value(), shape, sum)}, kNothing)[0];
}

struct BroadcastToRule final : Node {
  std::string_view name() const override { return "broadcast_to"; }
  Variables backward(const Variables& g, const Needs& needs) const override {
    return {sum_to_with(g[0], inputs()[0].shape, needs.sum(0))};
  }
};

struct ToRule final : Node {
  DType from = DType::f32;
  std::string_view name() const override { return "to"; }
  Variables backward(const Variables& g, const Needs&) const override { return {to(g[0], from)}; }
};

}  // namespace

Variable alias(const Variable& x) { return record<AliasRule>({x}, {x.value()}, kNothing)[0]; }

Variable reshape(const Variable& x, const Shape& shape) {
  if (x.shape() == shape) return x;
  return record<ReshapeRule>({x}, {x.value().reshape(shape)}, kNothing)[0];
}

Variable permute(const Variable& x, const std::vector<std::int64_t>& order) {
  std::vector<std::int64_t> dims;
  for (const std::int64_t d : order) dims.push_back(x.shape().dim(d, "permute"));
  const auto fill = [&](PermuteRule& rule) { rule.order = dims; };
  return record<PermuteRule>({x}, {x.value().permute(dims)}, fill)[0];
}

Variable transpose(const Variable& x, std::int64_t a, std::int64_t b) {
  std::vector<std::int64_t> order(static_cast<std::size_t>(x.shape().rank()));
  std::iota(order.begin(), order.end(), std::int64_t{0});
  std::swap(order[static_cast<std::size_t>(x.shape().dim(a, "transpose"))],
            order[static_cast<std::size_t>(x.shape().dim(b, "transpose"))]);
  return permute(x, order);
}

Variable narrow(const Variable& x, std::int64_t dim, std::int64_t start, std::int64_t length) {
  const std::int64_t d = x.shape().dim(dim, "narrow");
  if (start == 0 && length == x.shape()[d]) return x;
  const auto fill = [&](NarrowRule& rule) {
    rule.dim = d;
    rule.start = start;
  };
  return record<NarrowRule>({x}, {x.value().narrow(d, start, length)}, fill)[0];
}

Variable broadcast_to(const Variable& x, const Shape& shape) {
  if (x.shape() == shape) return x;
  return record<BroadcastToRule>({x}, {x.value().broadcast_to(shape)}, kNothing)[0];
}

Variable sum_to(const Variable& x, const Shape& shape) {
  return x.shape() == shape ? x : sum_to_with(x, shape, {});
}

Variable patchify(const Variable& images, std::int64_t patch) {
  check<ShapeError>(images.shape().rank() == 4 && patch >= 1 && images.shape()[2] % patch == 0 &&
                        images.shape()[3] % patch == 0,
                    "patchify: expected images of shape (B, C, H, W) with H and W multiples of ",
                    patch, ", got ", images.shape());
  const std::int64_t B = images.shape()[0], C = images.shape()[1], H = images.shape()[2] / patch,
                     W = images.shape()[3] / patch;
  const Variable cut = reshape(images, {B, C, H, patch, W, patch});
  return reshape(permute(cut, {0, 2, 4, 1, 3, 5}), {B, H * W, C * patch * patch});
}

Variable unpatchify(const Variable& patches, const Shape& images, std::int64_t patch) {
  const std::int64_t B = images[0], C = images[1], H = images[2] / patch, W = images[3] / patch;
  const Variable cut = reshape(patches, {B, H, W, C, patch, patch});
  return reshape(permute(cut, {0, 3, 1, 4, 2, 5}), images);
}

Variable to(const Variable& x, DType dtype) {
  if (x.dtype() == dtype) return x;
  const auto fill = [&](ToRule& rule) { rule.from = x.dtype(); };
  return record<ToRule>({x}, {x.value().to(dtype)}, fill)[0];
}

}  // namespace chainline
