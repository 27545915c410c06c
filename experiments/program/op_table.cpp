#include "experiments/program/op_table.h"

#include <algorithm>
#include <map>

#include "autograd/op_cases.h"
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
      if (c.order > 0) join(known, measure_accuracy(c), c.bound.from);
    }
  }

  /// The ops of a header that call these kernels, and the test of their bits.
  void add(const std::string& header, const std::vector<AnyKernel>& kernels,
           const std::vector<std::string>& names, const std::string& proof) {
    for (const std::string& name : names) {
      OpRow row = known_[name];
      row.name = name;
      row.header = "tensor/" + header;
      row.proof = proof;
      for (const AnyKernel& k : kernels) row.kernels.push_back(k.name);
      const auto everywhere = [&](bool AnyKernel::*on) {
        return !kernels.empty() && std::all_of(kernels.begin(), kernels.end(),
                                               [&](const AnyKernel& k) { return k.*on; });
      };
      // What has no kernel is a view, and moves nothing.
      if (kernels.empty() || everywhere(&AnyKernel::on_cpu)) row.devices.push_back("cpu");
      const bool has_cuda = cuda::device_count() > 0;
      if (kernels.empty() ? has_cuda : everywhere(&AnyKernel::on_cuda)) {
        row.devices.push_back("cuda");
      }
      rows_.push_back(std::move(row));
    }
  }

  /// What the ops do with bf16.
  void set_fast(const std::string& how, const std::vector<std::string>& names) {
    for (OpRow& row : rows_) {
      if (std::find(names.begin(), names.end(), row.name) != names.end()) row.fast = how;
    }
  }

  std::vector<OpRow> rows() && { return std::move(rows_); }

 private:
  static void join(OpRow& op, const Accuracy& found, const std::string& from) {
    op.bound_from = from;
    if (!op.accuracy) op.accuracy.emplace();
    if (found.ulps >= op.accuracy->ulps) {
      op.accuracy->ulps = found.ulps;
      op.accuracy->bound = found.bound;
    }
    op.accuracy->share = std::max(op.accuracy->share, found.share);
  }

  std::map<std::string, OpRow> known_;
  std::vector<OpRow> rows_;
};

}  // namespace

// Which kernels an op calls is written in no header, so it stands here; a test compares the names
// with the declarations of tensor/ops/ and autograd/ops.h, the kernels with the kernel slots, and
// the proofs with the tests.
std::vector<OpRow> op_table() {
  using namespace kernel;  // NOLINT: the table is a list of its names
  cuda::install_kernels();
  Table t;
  t.add("tensor.h", {}, {"alias", "transpose", "permute", "broadcast_to", "patchify"},
        "Golden.HoldsForAnyNumberOfThreads");
  t.add("ops/copy.h", {copy}, {"copy_from", "reshape", "unpatchify"},
        "Copy.GoesThroughAnyStridesOnBothSides");
  t.add("ops/copy.h", {convert}, {"to"}, "Convert.RoundsOnceBetweenAnyTwoTypes");
  t.add("ops/copy.h", {fill}, {"fill"}, "Fill.WritesThroughAnyStrides");
  t.add("ops/copy.h", {arange}, {"arange"}, "Arange.CountsInEveryType");
  t.add("ops/attention.h", {attention, attention_backward}, {"attention"},
        "AttentionOfIsa.IsItsRuleBitForBit");
  t.add("ops/binary.h", {binary}, {"add", "sub", "mul", "div", "maximum", "minimum"},
        "Binary.RoundsTheExactResultOnce");
  t.add("ops/binary.h", {binary_scalar}, {"add_scalar", "mul_scalar", "div_scalar"},
        "Binary.RoundsAScalarToTheDtypeOnce");
  t.add("ops/cat.h", {cat}, {"cat", "stack"}, "Cat.LaysColumnsSideBySide");
  t.add("ops/cat.h", {narrow_backward}, {"narrow"}, "NarrowBackward.IsUndoneByNarrow");
  t.add("ops/compare.h", {compare},
        {"equal", "not_equal", "less", "less_equal", "greater", "greater_equal", "logical_and",
         "logical_or"},
        "Compare.KeepsItsBitsForAnyStridesAndThreads");
  t.add("ops/compare.h", {test_property}, {"logical_not", "is_finite"},
        "Compare.KnowsFiniteNumbers");
  t.add("ops/cross_entropy.h", {cross_entropy, cross_entropy_backward}, {"cross_entropy"},
        "CrossEntropy.GivesASampleTheSameBitsInEveryBatch");
  t.add("ops/cross_entropy.h", {cross_entropy}, {"cross_entropy_with_gradient"},
        "CrossEntropy.GivesWithItsGradientTheBitsOfTheTwo");
  t.add("ops/cross_entropy.h", {cross_entropy_scale}, {"cross_entropy_scale"},
        "CrossEntropyScale.MakesTheThreeKindsOfMeans");
  t.add("ops/cumsum.h", {cumsum}, {"cumsum"}, "Cumsum.IsOneChainFromPlusZero");
  t.add("ops/dropout.h", {dropout}, {"dropout"}, "Dropout.FollowsItsFormulaForAnyThreads");
  t.add("ops/embedding.h", {embedding, embedding_backward}, {"embedding"},
        "EmbeddingBackward.ChainsTheTokensOfASampleBeforeItAddsSamples");
  t.add("ops/extremum.h", {extremum}, {"amax", "amin"},
        "Extremum.KeepsItsBitsForAnyStridesAndThreads");
  t.add("ops/extremum.h", {argmax}, {"argmax"}, "Extremum.ArgmaxTakesTheFirstOfEqualsAndOfNans");
  t.add("ops/gather.h", {gather, scatter_add}, {"gather", "scatter_add"},
        "ScatterAdd.AddsInAscendingPosition");
  t.add("ops/gather.h", {gather_rows, scatter_rows_add}, {"gather_rows", "scatter_rows_add"},
        "ScatterRowsAdd.AddsInAscendingPosition");
  t.add("ops/gelu.h", {gelu, gelu_backward}, {"gelu"},
        "Gelu.GivesTheSameBitsForAnyNumberOfThreads");
  t.add("ops/global_norm.h", {global_norm}, {"global_norm"},
        "GlobalNorm.IsTheRootOfTheSumOfTheTensorsNorms");
  t.add("ops/layer_norm.h", {layer_norm, layer_norm_backward}, {"layer_norm"},
        "LayerNorm.GivesTheSameBitsForAnyNumberOfThreads");
  t.add("ops/linear.h", {linear, linear_backward_weight, linear_backward_bias, matmul}, {"linear"},
        "Linear.IsMatmulPlusBiasPlusResidualBitForBit");
  t.add("ops/linear_gelu.h", {linear_gelu}, {"linear_gelu"},
        "LinearGelu.IsLinearThenGeluBitForBit");
  t.add("ops/matmul.h", {matmul}, {"matmul"}, "Matmul.IsAChainOfFmaBitForBit");
  t.add("ops/optimizer_step.h", {adamw_step}, {"adamw_step", "adamw_factors"},
        "AdamW.GivesTheSameBitsForAnyNumberOfThreads");
  t.add("ops/optimizer_step.h", {sgd_step}, {"sgd_step", "sgd_factors"},
        "Sgd.GivesTheSameBitsForAnyNumberOfThreads");
  t.add("ops/reduce.h", {sum}, {"sum", "sum_all", "sum_to", "mean", "mean_all"},
        "Sum.KeepsTheOrderOfTheRule");
  t.add("ops/reduce.h", {norm2}, {"norm2", "l2_norm"}, "Norm.AddsBlocksOf4096InOrder");
  t.add("ops/reduce.h", {count_nonfinite}, {"count_nonfinite", "any_nonfinite"},
        "Nonfinite.IsCountedInEveryFloatingDtype");
  t.add("ops/rms_norm.h", {rms_norm, rms_norm_backward}, {"rms_norm"},
        "RmsNorm.GivesTheSameBitsForAnyNumberOfThreads");
  t.add("ops/rope.h", {rope}, {"rope"}, "Rope.GivesTheSameBitsForAnyNumberOfThreads");
  t.add("ops/silu.h", {silu, silu_backward}, {"silu"},
        "Silu.GivesTheSameBitsForAnyNumberOfThreads");
  t.add("ops/silu.h", {silu_gate, silu_gate_backward}, {"silu_gate"}, "SiluGate.IsSiluTimesUp");
  t.add("ops/softmax.h", {softmax, softmax_backward}, {"softmax"},
        "Softmax.GivesTheSameBitsForAnyNumberOfThreads");
  t.add("ops/softmax.h", {log_softmax, log_softmax_backward}, {"log_softmax"},
        "Softmax.GivesTheSameBitsForAnyNumberOfThreads");
  t.add("ops/unary.h", {unary},
        {"neg", "abs", "sign", "square", "sqrt", "rsqrt", "reciprocal", "exp", "log", "tanh", "erf",
         "sigmoid", "sin", "cos", "relu"},
        "Unary.KeepsItsBitsForAnyStridesAndThreads");
  t.add("ops/unary.h", {clamp}, {"clamp"}, "Unary.ClampsIntoTheBounds");
  t.add("ops/unary.h", {pow_int}, {"pow_int"}, "Unary.RaisesToWholePowers");
  t.add("ops/where.h", {where}, {"where"}, "Where.KeepsTheBitsOfANanItTakes");
  t.set_fast("copied", {"alias", "transpose", "permute", "patchify", "copy_from", "reshape"});
  t.set_fast("copied", {"unpatchify", "cat", "stack", "narrow", "gather_rows"});
  t.set_fast("rounded once", {"to", "add", "sub", "mul", "div", "maximum", "minimum"});
  t.set_fast("rounded once", {"add_scalar", "mul_scalar", "div_scalar", "broadcast_to"});
  t.set_fast("rounded once", {"sum", "sum_all", "sum_to", "mean", "mean_all"});
  t.set_fast("rounded once", {"cross_entropy", "cross_entropy_with_gradient", "dropout", "gelu"});
  t.set_fast("rounded once", {"layer_norm", "rms_norm", "rope", "silu", "silu_gate"});
  t.set_fast("rounded once", {"scatter_rows_add"});
  t.set_fast("repeatable", {"attention", "linear", "linear_gelu"});
  return std::move(t).rows();
}

}  // namespace chainline::experiments
