// Sums, means and extremes over dimensions.

#include "tensor/ops/reduce.h"

#include <algorithm>
#include <numeric>

#include "autograd/node.h"
#include "autograd/ops.h"
#include "tensor/ops/compare.h"
#include "tensor/ops/cumsum.h"
#include "tensor/ops/extremum.h"

namespace chainline {
namespace {

Shape kept(const Shape& shape, const std::vector<std::int64_t>& dims, std::string_view op) {
  Shape result = shape;
  for (const std::int64_t d : dims) result = result.with(shape.dim(d, op), 1);
  return result;
}

struct SumRule final : Node {
  Shape keep;  // the output's shape with the summed dimensions as 1
  std::string_view name() const override { return "sum"; }
  Variables backward(const Variables& g, const Needs&) const override {
    return {broadcast_to(reshape(g[0], keep), inputs()[0].shape)};
  }
};

struct CumsumRule final : Node {
  std::int64_t dim = 0;
  std::string_view name() const override { return "cumsum"; }
  // dx[i] = sum over j >= i of g[j] = total - (cumulative sum before i)
  Variables backward(const Variables& g, const Needs&) const override {
    const std::int64_t n = g[0].shape()[dim];
    if (n == 0) return {g[0]};
    const Variable up_to = cumsum(g[0], dim);
    const Variable total = narrow(up_to, dim, n - 1, 1);
    return {total - up_to + g[0]};
  }
};

struct ExtremeRule final : Node {
  std::string_view op;
  Shape keep;
  std::string_view name() const override { return op; }
  Variables backward(const Variables& g, const Needs&) const override {
    const auto [share] = saved<1>();
    return {broadcast_to(reshape(g[0], keep), inputs()[0].shape) * share};
  }
};

Variable extreme(std::string_view op, const Variable& x, std::int64_t dim, bool keepdim,
                 const Tensor& best) {
  const Shape keep = kept(x.shape(), {dim}, op);
  const auto fill = [&](ExtremeRule& rule) {
    // Ties share evenly: each entry equal to the extreme gets 1 / (number of them).
    const Tensor hit = ops::equal(x.value(), best.reshape(keep).broadcast_to(x.shape()));
    const Variable ones(hit.to(x.dtype()));
    rule.op = op;
    rule.keep = keep;
    rule.save("share", (ones / sum(ones, {dim}, true)).value());
  };
  const Tensor y = keepdim ? best.reshape(keep) : best;
  return record<ExtremeRule>({x}, {y}, fill)[0];
}

}  // namespace

Variable sum(const Variable& x, const std::vector<std::int64_t>& dims, bool keepdim) {
  const auto fill = [&](SumRule& rule) { rule.keep = kept(x.shape(), dims, "sum"); };
  return record<SumRule>({x}, {ops::sum(x.value(), dims, keepdim)}, fill)[0];
}

Variable sum_all(const Variable& x) {
  std::vector<std::int64_t> dims(static_cast<std::size_t>(x.shape().rank()));
  std::iota(dims.begin(), dims.end(), std::int64_t{0});
  return sum(x, dims);
}

Variable mean(const Variable& x, const std::vector<std::int64_t>& dims, bool keepdim) {
  std::int64_t count = 1;
  for (const std::int64_t d : dims) count *= x.shape()[x.shape().dim(d, "mean")];
  check<ShapeError>(count > 0, "mean: no elements to average in shape ", x.shape());
  const Variable n(Tensor::full({}, static_cast<double>(count), x.dtype(), x.value().device()));
  return sum(x, dims, keepdim) / n;
}

Variable amax(const Variable& x, std::int64_t dim, bool keepdim) {
  return extreme("amax", x, dim, keepdim, ops::amax(x.value(), dim));
}

Variable amin(const Variable& x, std::int64_t dim, bool keepdim) {
  return extreme("amin", x, dim, keepdim, ops::amin(x.value(), dim));
}

Variable cumsum(const Variable& x, std::int64_t dim) {
  const std::int64_t d = x.shape().dim(dim, "cumsum");
  const auto fill = [&](CumsumRule& rule) { rule.dim = d; };
  return record<CumsumRule>({x}, {ops::cumsum(x.value(), d)}, fill)[0];
}

}  // namespace chainline
