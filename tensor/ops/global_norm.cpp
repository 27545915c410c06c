#include "tensor/ops/global_norm.h"

#include <cmath>
#include <vector>

#include "tensor/ops/clip_factor.h"
#include "tensor/ops/reduce.h"

namespace chainline::cpu::CHAINLINE_ISA {

void global_norm(std::span<const Tensor> gradients, double max_norm, Tensor& norm, Tensor& factor) {
  double squares = 0;
  for (const Tensor& g : gradients) {
    visit_floating(g.dtype(), "global_norm", [&]<class T>(Type<T>) {
      Tensor of_one = Tensor::empty({}, g.dtype());
      norm2(g, of_one);
      squares += static_cast<double>(*of_one.data<T>());
    });
  }
  *norm.mutable_data<double>() = std::sqrt(squares);
  *factor.mutable_data<double>() = clip_factor(std::sqrt(squares), max_norm);
}

}  // namespace chainline::cpu::CHAINLINE_ISA

namespace chainline::ops {

GlobalNormResult global_norm(std::span<const Tensor> gradients, double max_norm) {
  check<ValueError>(max_norm > 0, "global_norm: max_norm: expected a number above 0, got ",
                    max_norm);
  std::vector<Tensor> dense;
  for (const Tensor& g : gradients) {
    if (!g.defined()) continue;
    visit_floating(g.dtype(), "global_norm", [](auto) {});
    dense.push_back(g.contiguous());
    check<DeviceError>(g.device() == dense[0].device(), "global_norm: gradients: expected device ",
                       dense[0].device(), ", got ", g.device());
  }
  if (dense.empty()) return {Tensor::zeros({}, DType::f64), Tensor::from<double>({1}, {})};
  const Device device = dense[0].device();
  GlobalNormResult result{Tensor::empty({}, DType::f64, device),
                          Tensor::empty({}, DType::f64, device)};
  kernel::global_norm(device, dense, max_norm, result.norm, result.factor);
  return result;
}

}  // namespace chainline::ops
