#include "cuda/vendor/cudnn.h"

#include <algorithm>
#include <array>
#include <limits>
#include <map>
#include <optional>

#include "cuda/vendor/cudnn_graph.h"
#include "tensor/error.h"
#include "tensor/tensor.h"

namespace chainline::cuda::vendor {
namespace {

using dnn::Graph;
using dnn::Id;
using dnn::Plan;
using dnn::Sizes;
using dnn::Target;

constexpr cudnnDataType_t kBf16 = CUDNN_DATA_BFLOAT16, kF32 = CUDNN_DATA_FLOAT;
// Finite, so that a score that is hidden twice is no NaN.
constexpr float kHidden = std::numeric_limits<float>::lowest();
constexpr float kOne = 1;

Sizes strides_of(const std::array<std::int64_t, 3>& s) { return {s[0], s[1], s[2], 1}; }
Sizes transposed(const Sizes& s) { return {s[0], s[1], s[3], s[2]}; }

/// (B, rows, heads, D) in memory, seen as (B, heads, rows, D).
Sizes by_row(std::int64_t rows, std::int64_t heads, std::int64_t D) {
  return {rows * heads * D, D, heads * D, 1};
}

/// The tensors that both graphs have.
struct Operands {
  Operands(Graph& graph, const FastAttention& a)
      : heads{a.B, a.H, a.T, a.D},
        groups{a.B, a.G, a.S, a.D},
        pairs{a.B, a.H, a.T, a.S},
        rows{a.B, a.H, a.T, 1},
        q(graph.tensor(kBf16, heads, strides_of(a.q_strides))),
        k_transposed(graph.tensor(kBf16, transposed(groups), transposed(strides_of(a.k_strides)))),
        y(graph.tensor(kBf16, heads, by_row(a.T, a.H, a.D))),
        lse(graph.tensor(kF32, rows, dnn::dense_strides(rows))),
        scale(graph.number(kF32)) {
    if (a.causal) hidden = graph.number(kF32);
  }

  Sizes heads, groups, pairs, rows;
  Id q, k_transposed, y, lse, scale, hidden = -1;
};

/// x where the query sees the key, else `hidden`.
Id visible(Graph& graph, const Operands& in, Id x) {
  if (in.hidden < 0) return x;
  const Id row = graph.between(CUDNN_DATA_INT32, in.pairs);
  const Id column = graph.between(CUDNN_DATA_INT32, in.pairs);
  const Id sees = graph.between(CUDNN_DATA_BOOLEAN, in.pairs);
  const Id y = graph.between(kF32, in.pairs);
  graph.index(2, row, x);
  graph.index(3, column, x);
  graph.pointwise(CUDNN_POINTWISE_CMP_GE, CUDNN_DATA_BOOLEAN, sees, row, column);
  graph.pointwise(CUDNN_POINTWISE_BINARY_SELECT, kF32, y, x, in.hidden, sees);
  return y;
}

Id scaled_scores(Graph& graph, const Operands& in) {
  const Id scores = graph.between(kF32, in.pairs), scaled = graph.between(kF32, in.pairs);
  graph.matmul(in.q, in.k_transposed, scores);
  graph.pointwise(CUDNN_POINTWISE_MUL, kF32, scaled, scores, in.scale);
  return scaled;
}

struct Forward {
  explicit Forward(const FastAttention& a) : in(graph, a) {
    v = graph.tensor(kBf16, in.groups, strides_of(a.v_strides));
    const Id s = visible(graph, in, scaled_scores(graph, in));
    const Id max = graph.between(kF32, in.rows), above = graph.between(kF32, in.pairs);
    const Id p = graph.between(kF32, in.pairs), sum = graph.between(kF32, in.rows);
    const Id log_sum = graph.between(kF32, in.rows), w = graph.between(kBf16, in.pairs);
    graph.reduction(CUDNN_REDUCE_TENSOR_MAX, s, max);
    graph.pointwise(CUDNN_POINTWISE_SUB, kF32, above, s, max);
    graph.pointwise(CUDNN_POINTWISE_EXP, kF32, p, above);
    graph.reduction(CUDNN_REDUCE_TENSOR_ADD, p, sum);
    graph.pointwise(CUDNN_POINTWISE_LOG, kF32, log_sum, sum);
    graph.pointwise(CUDNN_POINTWISE_ADD, kF32, in.lse, max, log_sum);
    graph.pointwise(CUDNN_POINTWISE_DIV, kF32, w, p, sum);
    graph.matmul(w, v, in.y);
  }

  std::map<Id, const void*> addresses(const FastAttention& a) const {
    std::map<Id, const void*> at = {{in.q, a.q}, {in.k_transposed, a.k}, {v, a.v},
                                    {in.y, a.y}, {in.lse, a.lse},        {in.scale, &a.scale}};
    if (in.hidden >= 0) at[in.hidden] = &kHidden;
    return at;
  }

  Graph graph;
  Operands in;
  Id v = -1;
};

/// dq is one product over all keys, with ds in memory: the other way adds parts of it as they come,
/// in any order.
struct Backward {
  Backward(const FastAttention& a, const std::array<std::int64_t, 3>& grad_y_strides)
      : in(graph, a) {
    v_transposed = graph.tensor(kBf16, transposed(in.groups), transposed(strides_of(a.v_strides)));
    grad_y = graph.tensor(kBf16, in.heads, strides_of(grad_y_strides));
    dq = graph.tensor(kBf16, in.heads, by_row(a.T, a.H, a.D));
    dk = graph.tensor(kBf16, in.groups, by_row(a.S, a.G, a.D));
    dv = graph.tensor(kBf16, in.groups, by_row(a.S, a.G, a.D));
    one = graph.number(kF32);
    delta = graph.tensor(kF32, in.rows, dnn::dense_strides(in.rows));

    const Id products = graph.between(kF32, in.heads), sums = graph.between(kF32, in.rows);
    graph.pointwise(CUDNN_POINTWISE_MUL, kF32, products, grad_y, in.y);
    graph.reduction(CUDNN_REDUCE_TENSOR_ADD, products, sums);
    graph.pointwise(CUDNN_POINTWISE_MUL, kF32, delta, sums, one);

    const Id below = graph.between(kF32, in.pairs), w = graph.between(kF32, in.pairs);
    graph.pointwise(CUDNN_POINTWISE_SUB, kF32, below, scaled_scores(graph, in), in.lse);
    graph.pointwise(CUDNN_POINTWISE_EXP, kF32, w, visible(graph, in, below));
    by_key(w, grad_y, dv);

    const Id dw = graph.between(kF32, in.pairs), off = graph.between(kF32, in.pairs);
    const Id weighted = graph.between(kF32, in.pairs), ds = graph.between(kF32, in.pairs);
    graph.matmul(grad_y, v_transposed, dw);
    graph.pointwise(CUDNN_POINTWISE_SUB, kF32, off, dw, delta);
    graph.pointwise(CUDNN_POINTWISE_MUL, kF32, weighted, off, w);
    graph.pointwise(CUDNN_POINTWISE_MUL, kF32, ds, weighted, in.scale);
    by_key(ds, in.q, dk);

    const Id k = graph.between(kBf16, in.groups, strides_of(a.k_strides));
    graph.reshape(in.k_transposed, k);
    graph.matmul(ds, k, dq);
  }

  /// to[j] = sum_i pairs[i, j] rows[i], added over the heads of a group.
  void by_key(Id pairs, Id rows, Id to) {
    const std::int64_t B = in.heads[0], H = in.heads[1], S = in.groups[2], D = in.heads[3];
    const Id turned =
        graph.between(kBf16, transposed(in.pairs), transposed(dnn::dense_strides(in.pairs)));
    graph.reshape(pairs, turned);
    if (H == in.groups[1]) return graph.matmul(turned, rows, to);
    const Id of_heads = graph.between(kBf16, {B, H, S, D});
    graph.matmul(turned, rows, of_heads);
    graph.reduction(CUDNN_REDUCE_TENSOR_ADD, of_heads, to);
  }

  std::map<Id, const void*> addresses(const FastAttentionGradient& g, const void* delta_at) const {
    const FastAttention& a = g.forward;
    std::map<Id, const void*> at = {{in.q, a.q},          {in.k_transposed, a.k},
                                    {v_transposed, a.v},  {in.y, a.y},
                                    {in.lse, a.lse},      {grad_y, g.grad_y},
                                    {in.scale, &a.scale}, {one, &kOne},
                                    {dq, g.dq},           {dk, g.dk},
                                    {dv, g.dv},           {delta, delta_at}};
    if (in.hidden >= 0) at[in.hidden] = &kHidden;
    return at;
  }

  Graph graph;
  Operands in;
  Id v_transposed = -1, grad_y = -1, dq = -1, dk = -1, dv = -1, one = -1, delta = -1;
};

/// What a plan depends on: the sizes, the strides, and whether it is causal.
using Key = std::array<std::int64_t, 19>;
Key key_of(const FastAttention& a, const std::array<std::int64_t, 3>& grad_y_strides) {
  Key key = {a.B, a.H, a.G, a.T, a.S, a.D, a.causal};
  auto to = key.begin() + 7;
  for (const auto* strides : {&a.q_strides, &a.k_strides, &a.v_strides, &grad_y_strides}) {
    to = std::copy(strides->begin(), strides->end(), to);
  }
  return key;
}

/// A graph and its plan; without one cuDNN has no kernel.
template <class What>
struct Ready {
  What what;
  std::optional<Plan> plan;
};

const Target& here() {
  static const Target* const target = new Target(Target::here());  // for ever, as the device is
  return *target;
}

const Ready<Forward>& ready(const FastAttention& a) {
  // For ever: at the program's end parts of the library are gone before its plans.
  static auto& known = *new std::map<Key, Ready<Forward>>;
  const Key key = key_of(a, {});
  const auto found = known.find(key);
  if (found != known.end()) return found->second;
  Forward forward(a);
  std::optional<Plan> plan = forward.graph.plan(here(), true);
  return known.emplace(key, Ready<Forward>{std::move(forward), std::move(plan)}).first->second;
}

const Ready<Backward>& ready(const FastAttentionGradient& g) {
  static auto& known = *new std::map<Key, Ready<Backward>>;
  const Key key = key_of(g.forward, g.grad_y_strides);
  const auto found = known.find(key);
  if (found != known.end()) return found->second;
  Backward backward(g.forward, g.grad_y_strides);
  std::optional<Plan> plan = backward.graph.plan(here(), true);
  return known.emplace(key, Ready<Backward>{std::move(backward), std::move(plan)}).first->second;
}

bool is_aligned(const bf16* data, const std::array<std::int64_t, 3>& strides) {
  const auto whole = [](std::int64_t stride) { return stride % 8 == 0; };
  return reinterpret_cast<std::uintptr_t>(data) % 16 == 0 &&
         std::all_of(strides.begin(), strides.end(), whole);
}

/// What cuDNN need not be asked about: it wants rows that begin at multiples of 16 bytes.
bool is_conceivable(const FastAttention& a) {
  if (a.B == 0 || a.H == 0 || a.T == 0 || a.S == 0 || a.D % 8 != 0) return false;
  if (a.causal && a.T != a.S) return false;
  return is_aligned(a.q, a.q_strides) && is_aligned(a.k, a.k_strides) &&
         is_aligned(a.v, a.v_strides) && dnn::functions().obstacle().empty();
}

bool can(const FastAttention& a) { return is_conceivable(a) && ready(a).plan.has_value(); }

bool can_backward(const FastAttentionGradient& g) {
  return is_conceivable(g.forward) && is_aligned(g.grad_y, g.grad_y_strides) &&
         ready(g).plan.has_value();
}

Tensor bytes_on_device(std::int64_t n) {
  return Tensor::empty({n}, DType::u8, Device{DeviceType::cuda, 0});
}

void run(const FastAttention& a, Stream stream) {
  const Ready<Forward>& r = ready(a);
  check<DeviceError>(r.plan.has_value(), "cudnn: expected an attention that it can, got another");
  Tensor workspace = bytes_on_device(r.plan->workspace_bytes);
  dnn::run(here(), *r.plan, r.what.addresses(a), workspace.mutable_device_data<std::uint8_t>(),
           stream);
}

void run_backward(const FastAttentionGradient& g, Stream stream) {
  const Ready<Backward>& r = ready(g);
  check<DeviceError>(r.plan.has_value(), "cudnn: expected a gradient that it can, got another");
  const FastAttention& a = g.forward;
  Tensor delta = Tensor::empty({a.B, a.H, a.T}, DType::f32, Device{DeviceType::cuda, 0});
  Tensor workspace = bytes_on_device(r.plan->workspace_bytes);
  dnn::run(here(), *r.plan, r.what.addresses(g, delta.mutable_device_data<float>()),
           workspace.mutable_device_data<std::uint8_t>(), stream);
}

}  // namespace

std::string cudnn_description() {
  const dnn::Functions& f = dnn::functions();
  if (!f.obstacle().empty()) return "cuDNN: " + f.obstacle();
  const std::size_t v = f.version();
  return "cuDNN " + std::to_string(v / 10000) + "." + std::to_string(v / 100 % 100) + "." +
         std::to_string(v % 100);
}

constinit const AttentionContender cudnn = {"cudnn", can, run, can_backward, run_backward};

bool cudnn_has_plan(const FastAttention& a, bool backward, const std::string& device) {
  const Target target = Target::elsewhere(device);
  if (!backward) return Forward(a).graph.plan(target, true).has_value();
  return Backward(a, {a.T * a.H * a.D, a.D, a.H * a.D}).graph.plan(target, true).has_value();
}

}  // namespace chainline::cuda::vendor
