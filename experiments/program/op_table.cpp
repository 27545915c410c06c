#include "experiments/program/op_table.h"

#include <algorithm>
#include <map>

#include "autograd/op_cases.h"
#include "tensor/ops/attention.h"
#include "tensor/ops/binary.h"
#include "tensor/ops/cat.h"
#include "tensor/ops/compare.h"
#include "tensor/ops/cross_entropy.h"
#include "tensor/ops/cumsum.h"
#include "tensor/ops/dropout.h"
#include "tensor/ops/embedding.h"
#include "tensor/ops/extremum.h"
#include "tensor/ops/gather.h"
#include "tensor/ops/gelu.h"
#include "tensor/ops/layer_norm.h"
#include "tensor/ops/linear.h"
#include "tensor/ops/matmul.h"
#include "tensor/ops/optimizer_step.h"
#include "tensor/ops/reduce.h"
#include "tensor/ops/rms_norm.h"
#include "tensor/ops/rope.h"
#include "tensor/ops/silu.h"
#include "tensor/ops/softmax.h"
#include "tensor/ops/unary.h"
#include "tensor/ops/where.h"

namespace chainline::experiments {
namespace {

/// A kernel without its arguments.
struct AnyKernel {
  template <class... Args>
  AnyKernel(const Kernel<void(Args...)>& k)  // NOLINT: a list of kernels reads better without casts
      : name(k.name()), on_cpu(k.has(DeviceType::cpu)), on_cuda(k.has(DeviceType::cuda)) {}

  std::string name;
  bool on_cpu, on_cuda;
};

class Table {
 public:
  Table() {
    for (const OpCase& c : op_cases()) {
      OpRow& known = known_[c.op];
      known.differentiable = true;
      known.order = std::max(known.order, c.order);
      known.composed = known.composed || c.composed;
    }
  }

  void add(const std::string& header, const std::vector<AnyKernel>& kernels,
           const std::vector<std::string>& names) {
    for (const std::string& name : names) {
      OpRow row = known_[name];
      row.name = name;
      row.header = "tensor/" + header;
      for (const AnyKernel& k : kernels) row.kernels.push_back(k.name);
      const auto everywhere = [&](bool AnyKernel::*on) {
        return !kernels.empty() && std::all_of(kernels.begin(), kernels.end(),
                                               [&](const AnyKernel& k) { return k.*on; });
      };
      // What has no kernel is Tensor's own: a view, or a copy by the CPU.
      if (kernels.empty() || everywhere(&AnyKernel::on_cpu)) row.devices.push_back("cpu");
      if (everywhere(&AnyKernel::on_cuda)) row.devices.push_back("cuda");
      rows_.push_back(std::move(row));
    }
  }

  std::vector<OpRow> rows() && { return std::move(rows_); }

 private:
  std::map<std::string, OpRow> known_;
  std::vector<OpRow> rows_;
};

}  // namespace

// Which kernels an op calls is written in no header, so it stands here; a test compares the names
// with the declarations of tensor/ops/ and autograd/ops.h, and the kernels with the kernel slots.
std::vector<OpRow> op_table() {
  using namespace kernel;  // NOLINT: the table is a list of its names
  Table t;
  t.add(
      "tensor.h", {},
      {"alias", "reshape", "transpose", "permute", "broadcast_to", "patchify", "unpatchify", "to"});
  t.add("ops/attention.h", {attention, attention_backward}, {"attention"});
  t.add("ops/binary.h", {binary}, {"add", "sub", "mul", "div", "maximum", "minimum"});
  t.add("ops/binary.h", {binary_scalar}, {"add_scalar", "mul_scalar", "div_scalar"});
  t.add("ops/cat.h", {cat}, {"cat", "stack"});
  t.add("ops/cat.h", {narrow_backward}, {"narrow"});
  t.add("ops/compare.h", {compare},
        {"equal", "not_equal", "less", "less_equal", "greater", "greater_equal", "logical_and",
         "logical_or"});
  t.add("ops/compare.h", {test_property}, {"logical_not", "is_finite"});
  t.add("ops/cross_entropy.h", {cross_entropy, cross_entropy_backward}, {"cross_entropy"});
  t.add("ops/cross_entropy.h", {cross_entropy_scale}, {"cross_entropy_scale"});
  t.add("ops/cumsum.h", {cumsum}, {"cumsum"});
  t.add("ops/dropout.h", {dropout}, {"dropout"});
  t.add("ops/embedding.h", {embedding, embedding_backward}, {"embedding"});
  t.add("ops/extremum.h", {extremum}, {"amax", "amin"});
  t.add("ops/extremum.h", {argmax}, {"argmax"});
  t.add("ops/gather.h", {gather, scatter_add}, {"gather", "scatter_add"});
  t.add("ops/gather.h", {gather_rows, scatter_rows_add}, {"gather_rows", "scatter_rows_add"});
  t.add("ops/gelu.h", {gelu, gelu_backward}, {"gelu"});
  t.add("ops/layer_norm.h", {layer_norm, layer_norm_backward}, {"layer_norm"});
  t.add("ops/linear.h", {linear, linear_backward_weight, linear_backward_bias, matmul}, {"linear"});
  t.add("ops/matmul.h", {matmul}, {"matmul"});
  t.add("ops/optimizer_step.h", {adamw_step}, {"adamw_step"});
  t.add("ops/optimizer_step.h", {sgd_step}, {"sgd_step"});
  t.add("ops/reduce.h", {sum}, {"sum", "sum_all", "sum_to", "mean", "mean_all"});
  t.add("ops/reduce.h", {norm2}, {"norm2", "l2_norm"});
  t.add("ops/reduce.h", {count_nonfinite}, {"count_nonfinite", "any_nonfinite"});
  t.add("ops/rms_norm.h", {rms_norm, rms_norm_backward}, {"rms_norm"});
  t.add("ops/rope.h", {rope}, {"rope"});
  t.add("ops/silu.h", {silu, silu_backward}, {"silu"});
  t.add("ops/silu.h", {silu_gate, silu_gate_backward}, {"silu_gate"});
  t.add("ops/softmax.h", {softmax, softmax_backward}, {"softmax"});
  t.add("ops/softmax.h", {log_softmax, log_softmax_backward}, {"log_softmax"});
  t.add("ops/unary.h", {unary},
        {"neg", "abs", "sign", "square", "sqrt", "rsqrt", "reciprocal", "exp", "log", "tanh", "erf",
         "sigmoid", "sin", "cos", "relu"});
  t.add("ops/unary.h", {clamp}, {"clamp"});
  t.add("ops/unary.h", {pow_int}, {"pow_int"});
  t.add("ops/where.h", {where}, {"where"});
  return std::move(t).rows();
}

}  // namespace chainline::experiments
