#include "tensor/ops/rope.h"

#include <algorithm>
#include <vector>

#include "tensor/math.h"
#include "tensor/rows.h"

namespace chainline::cpu::CHAINLINE_ISA {
namespace {

/// cos and sin of the angles of every position: D/2 cosines, then D/2 sines, for each. All heads of
/// a token share them.
template <class T>
std::vector<T> rotations(const Tensor& positions, double theta, bool backwards, std::int64_t D) {
  const std::int64_t* p = positions.data<std::int64_t>();
  const std::int64_t half = D / 2;
  std::vector<double> frequencies(static_cast<std::size_t>(half));
  const double log_theta = math::log(theta);
  for (std::int64_t i = 0; i < half; ++i) {
    frequencies[static_cast<std::size_t>(i)] =
        math::exp(-2.0 * static_cast<double>(i) / static_cast<double>(D) * log_theta);
  }
  std::vector<T> table(static_cast<std::size_t>(positions.numel() * D));
  parallel_rows({positions.numel(), D}, [&](std::int64_t r) {
    T* row = table.data() + r * D;
    for (std::int64_t i = 0; i < half; ++i) {
      const double angle = static_cast<double>(p[r]) * frequencies[static_cast<std::size_t>(i)];
      const math::SineCosine at = math::sine_cosine(angle);
      row[i] = static_cast<T>(at.cosine);
      row[i + half] = static_cast<T>(backwards ? -at.sine : at.sine);
    }
  });
  return table;
}

template <class T>
void rotate(const T* x, const T* rotation, std::int64_t half, T* y) {
  const T *cosine = rotation, *sine = rotation + half;
  for (std::int64_t i = 0; i < half; ++i) {
    const T a = x[i], b = x[i + half];
    y[i] = a * cosine[i] - b * sine[i];
    y[i + half] = b * cosine[i] + a * sine[i];
  }
}

}  // namespace

// The kernel goes from token to token, as x and y lie in memory when x comes from a linear layer.
void rope(const Tensor& x, const Tensor& positions, double theta, bool backwards, Tensor& y) {
  const std::int64_t H = x.shape()[1], tokens = x.shape()[2], D = x.shape()[3];
  const Strides from = x.strides(), to = y.strides();
  const bool shared = positions.rank() == 1;
  visit_floating(x.dtype(), "rope", [&]<class T>(Type<T>) {
    const std::vector<T> table = rotations<T>(positions, theta, backwards, D);
    const T *px = x.data<T>(), *rotation = table.data();
    T* py = y.mutable_data<T>();
    parallel_rows({x.shape()[0] * tokens, std::max<std::int64_t>(1, H * D)}, [=](std::int64_t r) {
      const std::int64_t b = r / tokens, t = r % tokens;
      const T* of_token = rotation + (shared ? t : r) * D;
      for (std::int64_t h = 0; h < H; ++h) {
        rotate(px + b * from[0] + h * from[1] + t * from[2], of_token, D / 2,
               py + b * to[0] + h * to[1] + t * to[2]);
      }
    });
  });
}

}  // namespace chainline::cpu::CHAINLINE_ISA

namespace chainline::ops {
namespace {

Tensor rotated(const Tensor& x, const Tensor& positions, double theta, bool backwards,
               std::string_view op, std::string_view argument) {
  check<ShapeError>(x.rank() == 4 && x.shape()[3] >= 2 && x.shape()[3] % 2 == 0, op, ": ", argument,
                    ": expected shape (B, H, T, D) with an even D, got ", x.shape());
  const Shape shared{x.shape()[2]}, own{x.shape()[0], x.shape()[2]};
  check<ShapeError>(positions.shape() == shared || positions.shape() == own, op,
                    ": positions: expected shape ", shared, " or ", own, ", got ",
                    positions.shape());
  check<DTypeError>(positions.dtype() == DType::i64, op, ": positions: expected dtype i64, got ",
                    positions.dtype());
  check<DeviceError>(positions.device() == x.device(), op, ": positions: expected device ",
                     x.device(), ", got ", positions.device());
  check<ValueError>(theta > 0, op, ": theta: expected a number above 0, got ", theta);
  // In memory as (B, T, H, D): what linear layers give and, for the gradient, take, without a copy.
  const Shape& s = x.shape();
  Tensor y = Tensor::empty({s[0], s[2], s[1], s[3]}, x.dtype(), x.device()).transpose(1, 2);
  kernel::rope(x.device(), x.strides()[3] == 1 ? x : x.contiguous(), positions.contiguous(), theta,
               backwards, y);
  return y;
}

}  // namespace

Tensor rope(const Tensor& x, const Tensor& positions, double theta) {
  return rotated(x, positions, theta, false, "rope", "x");
}

Tensor rope_backward(const Tensor& grad_y, const Tensor& positions, double theta) {
  return rotated(grad_y, positions, theta, true, "rope_backward", "grad_y");
}

}  // namespace chainline::ops
