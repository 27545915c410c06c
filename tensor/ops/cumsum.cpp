#include "tensor/ops/cumsum.h"

#include "tensor/ops/along.h"

namespace chainline::ops {

Tensor cumsum(const Tensor& x, std::int64_t d) {
  check<DTypeError>(x.dtype() == DType::f32 || x.dtype() == DType::f64 || x.dtype() == DType::i64,
                    "cumsum: expected dtype f32, f64 or i64, got ", x.dtype());
  d = x.shape().dim(d, "cumsum");
  Tensor y = Tensor::empty(x.shape(), x.dtype(), x.device());
  kernel::cumsum(x.device(), x.contiguous(), d, y);
  return y;
}

}  // namespace chainline::ops

namespace chainline::cpu::CHAINLINE_ISA {
namespace {

/// T is the type to add in; integers are added as unsigned ones, whose overflow is defined.
template <class T>
void running_sums(const T* x, const Along& along, T* y) {
  if (along.length == 0) return;
  parallel_columns(along, [&](std::int64_t first, std::int64_t, std::int64_t n) {
    const T* p = x + first;
    T* q = y + first;
    for (std::int64_t i = 0; i < n; ++i) q[i] = T(0) + p[i];
    for (std::int64_t k = 1; k < along.length; ++k) {
      p += along.inner;
      for (std::int64_t i = 0; i < n; ++i) q[along.inner + i] = q[i] + p[i];
      q += along.inner;
    }
  });
}

}  // namespace

void cumsum(const Tensor& x, std::int64_t d, Tensor& y) {
  const Along along(x.shape(), d);
  if (x.dtype() == DType::i64) {
    running_sums(reinterpret_cast<const std::uint64_t*>(x.data<std::int64_t>()), along,
                 reinterpret_cast<std::uint64_t*>(y.mutable_data<std::int64_t>()));
    return;
  }
  visit_floating(x.dtype(), "cumsum",
                 [&]<class T>(Type<T>) { running_sums(x.data<T>(), along, y.mutable_data<T>()); });
}

}  // namespace chainline::cpu::CHAINLINE_ISA
