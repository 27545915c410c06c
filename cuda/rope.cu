// First a table of cosines and sines, a thread for each position and pair; then a thread for each
// pair of each head. The formulas are those of tensor/ops/rope.cpp.

#include "tensor/ops/rope.h"

#include "cuda/arithmetic.cuh"
#include "cuda/grid.cuh"
#include "tensor/math.h"

namespace chainline::cuda {
namespace {

/// D/2 cosines, then D/2 sines, for each position.
template <class T>
__global__ void table_kernel(std::int64_t n, std::int64_t half, double log_theta, bool backwards,
                             const std::int64_t* positions, T* table) {
  for (std::int64_t k = first_element(); k < n; k += elements_at_once()) {
    const std::int64_t r = k / half, i = k % half;
    const double frequency =
        math::exp(-2.0 * static_cast<double>(i) / static_cast<double>(2 * half) * log_theta);
    const math::SineCosine at = math::sine_cosine(static_cast<double>(positions[r]) * frequency);
    table[r * 2 * half + i] = static_cast<T>(at.cosine);
    table[r * 2 * half + half + i] = static_cast<T>(backwards ? -at.sine : at.sine);
  }
}

/// Sizes of x (B, H, tokens, 2 * half), and the strides of x and y in all but the last.
struct Heads {
  std::int64_t B, H, tokens, half;
  std::int64_t from[3], to[3];
  bool shared_positions;
};

template <class T>
__global__ void rotate_kernel(Heads n, const T* x, const Arithmetic<T>* table, T* y) {
  using A = Arithmetic<T>;
  const std::int64_t pairs = n.B * n.tokens * n.H * n.half;
  for (std::int64_t k = first_element(); k < pairs; k += elements_at_once()) {
    const std::int64_t i = k % n.half, h = k / n.half % n.H;
    const std::int64_t t = k / n.half / n.H % n.tokens, b = k / n.half / n.H / n.tokens;
    const A* const cosine = table + (n.shared_positions ? t : b * n.tokens + t) * 2 * n.half;
    const A* const sine = cosine + n.half;
    const T* const from = x + b * n.from[0] + h * n.from[1] + t * n.from[2];
    T* const to = y + b * n.to[0] + h * n.to[1] + t * n.to[2];
    const A p = widen(from[i]), q = widen(from[i + n.half]);
    to[i] = static_cast<T>(p * cosine[i] - q * sine[i]);
    to[i + n.half] = static_cast<T>(q * cosine[i] + p * sine[i]);
  }
}

}  // namespace

void rope(const Tensor& x, const Tensor& positions, double theta, bool backwards, Tensor& y) {
  const Shape& s = x.shape();
  const Strides &from = x.strides(), &to = y.strides();
  const Heads heads{s[0],
                    s[1],
                    s[2],
                    s[3] / 2,
                    {from[0], from[1], from[2]},
                    {to[0], to[1], to[2]},
                    positions.rank() == 1};
  const std::int64_t entries = positions.numel() * heads.half;
  visit_activation(x.dtype(), "rope", [&]<class T>(Type<T>) {
    using A = Arithmetic<T>;
    Tensor table = Tensor::empty({positions.numel(), s[3]}, dtype_of<A>, x.device());
    launch_elements(entries, &table_kernel<A>, entries, heads.half, math::log(theta), backwards,
                    positions.device_data<std::int64_t>(), table.mutable_device_data<A>());
    launch_elements(x.numel() / 2, &rotate_kernel<T>, heads, x.device_data<T>(),
                    table.device_data<A>(), y.mutable_device_data<T>());
  });
}

}  // namespace chainline::cuda
