// The kernels of the second device, each in its slot. The compiler holds their signatures together.

#include "tensor/backend.h"
#include "tensor/ops/attention.h"
#include "tensor/ops/binary.h"
#include "tensor/ops/cat.h"
#include "tensor/ops/compare.h"
#include "tensor/ops/copy.h"
#include "tensor/ops/cross_entropy.h"
#include "tensor/ops/cumsum.h"
#include "tensor/ops/dropout.h"
#include "tensor/ops/embedding.h"
#include "tensor/ops/extremum.h"
#include "tensor/ops/gather.h"
#include "tensor/ops/gelu.h"
#include "tensor/ops/global_norm.h"
#include "tensor/ops/layer_norm.h"
#include "tensor/ops/linear.h"
#include "tensor/ops/linear_gelu.h"
#include "tensor/ops/matmul.h"
#include "tensor/ops/optimizer_step.h"
#include "tensor/ops/reduce.h"
#include "tensor/ops/rms_norm.h"
#include "tensor/ops/rope.h"
#include "tensor/ops/silu.h"
#include "tensor/ops/softmax.h"
#include "tensor/ops/unary.h"
#include "tensor/ops/where.h"

namespace chainline::cuda {
namespace {

bool install_all() {
  kernel::attention.install(DeviceType::cuda, cuda::attention);
  kernel::attention_backward.install(DeviceType::cuda, cuda::attention_backward);
  kernel::binary.install(DeviceType::cuda, cuda::binary);
  kernel::binary_scalar.install(DeviceType::cuda, cuda::binary_scalar);
  kernel::cat.install(DeviceType::cuda, cuda::cat);
  kernel::narrow_backward.install(DeviceType::cuda, cuda::narrow_backward);
  kernel::compare.install(DeviceType::cuda, cuda::compare);
  kernel::test_property.install(DeviceType::cuda, cuda::test_property);
  kernel::copy.install(DeviceType::cuda, cuda::copy);
  kernel::convert.install(DeviceType::cuda, cuda::convert);
  kernel::fill.install(DeviceType::cuda, cuda::fill);
  kernel::arange.install(DeviceType::cuda, cuda::arange);
  kernel::cross_entropy.install(DeviceType::cuda, cuda::cross_entropy);
  kernel::cross_entropy_backward.install(DeviceType::cuda, cuda::cross_entropy_backward);
  kernel::cross_entropy_scale.install(DeviceType::cuda, cuda::cross_entropy_scale);
  kernel::cumsum.install(DeviceType::cuda, cuda::cumsum);
  kernel::dropout.install(DeviceType::cuda, cuda::dropout);
  kernel::embedding.install(DeviceType::cuda, cuda::embedding);
  kernel::embedding_backward.install(DeviceType::cuda, cuda::embedding_backward);
  kernel::extremum.install(DeviceType::cuda, cuda::extremum);
  kernel::argmax.install(DeviceType::cuda, cuda::argmax);
  kernel::gather.install(DeviceType::cuda, cuda::gather);
  kernel::scatter_add.install(DeviceType::cuda, cuda::scatter_add);
  kernel::gather_rows.install(DeviceType::cuda, cuda::gather_rows);
  kernel::scatter_rows_add.install(DeviceType::cuda, cuda::scatter_rows_add);
  kernel::gelu.install(DeviceType::cuda, cuda::gelu);
  kernel::gelu_backward.install(DeviceType::cuda, cuda::gelu_backward);
  kernel::global_norm.install(DeviceType::cuda, cuda::global_norm);
  kernel::layer_norm.install(DeviceType::cuda, cuda::layer_norm);
  kernel::layer_norm_backward.install(DeviceType::cuda, cuda::layer_norm_backward);
  kernel::linear.install(DeviceType::cuda, cuda::linear);
  kernel::linear_backward_weight.install(DeviceType::cuda, cuda::linear_backward_weight);
  kernel::linear_backward_bias.install(DeviceType::cuda, cuda::linear_backward_bias);
  kernel::linear_gelu.install(DeviceType::cuda, cuda::linear_gelu);
  kernel::matmul.install(DeviceType::cuda, cuda::matmul);
  kernel::adamw_step.install(DeviceType::cuda, cuda::adamw_step);
  kernel::sgd_step.install(DeviceType::cuda, cuda::sgd_step);
  kernel::sum.install(DeviceType::cuda, cuda::sum);
  kernel::norm2.install(DeviceType::cuda, cuda::norm2);
  kernel::count_nonfinite.install(DeviceType::cuda, cuda::count_nonfinite);
  kernel::rms_norm.install(DeviceType::cuda, cuda::rms_norm);
  kernel::rms_norm_backward.install(DeviceType::cuda, cuda::rms_norm_backward);
  kernel::rope.install(DeviceType::cuda, cuda::rope);
  kernel::silu.install(DeviceType::cuda, cuda::silu);
  kernel::silu_backward.install(DeviceType::cuda, cuda::silu_backward);
  kernel::silu_gate.install(DeviceType::cuda, cuda::silu_gate);
  kernel::silu_gate_backward.install(DeviceType::cuda, cuda::silu_gate_backward);
  kernel::softmax.install(DeviceType::cuda, cuda::softmax);
  kernel::softmax_backward.install(DeviceType::cuda, cuda::softmax_backward);
  kernel::log_softmax.install(DeviceType::cuda, cuda::log_softmax);
  kernel::log_softmax_backward.install(DeviceType::cuda, cuda::log_softmax_backward);
  kernel::unary.install(DeviceType::cuda, cuda::unary);
  kernel::clamp.install(DeviceType::cuda, cuda::clamp);
  kernel::pow_int.install(DeviceType::cuda, cuda::pow_int);
  kernel::where.install(DeviceType::cuda, cuda::where);
  return true;
}

}  // namespace

void install_kernels() {
  [[maybe_unused]] static const bool once = install_all();  // by one thread, the others wait
}

}  // namespace chainline::cuda
