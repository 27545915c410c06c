// The cases of the fused ops, each beside its twin made of primitive ops.

#include "autograd/op_case_inputs.h"
#include "autograd/ops.h"

namespace chainline::cases {
namespace {

using In = const Variables&;
using List = std::vector<OpCase>;

void add(List& list, std::string op, std::string name, std::vector<Tensor> inputs, Function run,
         Function composed, ErrorBound bound) {
  list.push_back({std::move(op), std::move(name), std::move(inputs), std::move(run),
                  std::move(composed), kFused, std::move(bound)});
}

void add_linear(List& list) {
  const auto layer = [&](const Shape& x, std::int64_t outputs, bool biased, bool residual) {
    std::vector<Tensor> inputs{signed_numbers(x, 1), signed_numbers({outputs, x[-1]}, 2)};
    if (biased) inputs.push_back(signed_numbers({outputs}, 3));
    if (residual) inputs.push_back(signed_numbers(x.with(-1, outputs), 4));
    const auto run = [=](auto op) {
      return [=](In in) {
        return Variables{op(in[0], in[1], biased ? in[2] : Variable(),
                            residual ? in[biased ? 3 : 2] : Variable())};
      };
    };
    add(list, "linear", shapes(inputs), inputs, run(linear), run(linear_composed),
        of_linear(biased, residual));
  };
  layer({1, 1}, 1, true, false);
  layer({7}, 3, true, false);  // a lone row
  layer({70, 5}, 3, true, false);
  layer({3, 4, 33}, 2, true, false);
  layer({2, 3, 2, 5}, 4, false, false);
  layer({2, 0, 3}, 4, true, false);
  layer({0, 2, 3}, 4, true, false);
  layer({7}, 3, true, true);
  layer({3, 4, 33}, 2, true, true);
  layer({70, 5}, 35, false, true);
  layer({2, 0, 3}, 4, false, true);
}

void add_linear_gelu(List& list) {
  const auto layer = [&](const Shape& x, std::int64_t outputs, bool biased, GeluForm form) {
    std::vector<Tensor> inputs{signed_numbers(x, 1), signed_numbers({outputs, x[-1]}, 2)};
    if (biased) inputs.push_back(signed_numbers({outputs}, 3));
    const auto run = [=](auto op) {
      return [=](In in) { return Variables{op(in[0], in[1], biased ? in[2] : Variable(), form)}; };
    };
    add(list, "linear_gelu", (form == GeluForm::erf ? "erf " : "tanh ") + shapes(inputs), inputs,
        run(linear_gelu), run(linear_gelu_composed), of_linear_gelu(biased, form));
  };
  for (const GeluForm form : {GeluForm::erf, GeluForm::tanh}) {
    layer({7}, 3, true, form);  // a lone row
    layer({3, 4, 33}, 2, true, form);
    layer({70, 5}, 3, false, form);
    layer({2, 0, 3}, 4, true, form);
  }
}

void add_rows(List& list) {
  using RowOp = Variable (*)(const Variable&);
  const auto rows = [&](const char* op, RowOp run, RowOp composed, const ErrorBound& bound,
                        const Shape& shape) {
    add(
        list, op, to_string(shape), {signed_numbers(shape, 4)},
        [run](In in) { return Variables{run(in[0])}; },
        [composed](In in) { return Variables{composed(in[0])}; }, bound);
  };
  const std::vector<Shape> shapes_of_rows{{1, 1}, {7}, {2, 3, 33}, {70, 5}, {0, 3}};
  for (const Shape& shape : shapes_of_rows) {
    rows("softmax", softmax, softmax_composed, of_softmax(), shape);
    rows("log_softmax", log_softmax, log_softmax_composed, of_log_softmax(), shape);
  }
  const auto far_apart = Tensor::from<double>({-40, 0, 2, 500, 499, 501}, {2, 3});
  add(
      list, "softmax", "numbers far apart", {far_apart},
      [](In in) { return Variables{softmax(in[0])}; },
      [](In in) { return Variables{softmax_composed(in[0])}; }, of_softmax());
  add(
      list, "log_softmax", "numbers far apart", {far_apart},
      [](In in) { return Variables{log_softmax(in[0])}; },
      [](In in) { return Variables{log_softmax_composed(in[0])}; }, of_log_softmax());

  const auto norms = [&](const std::string& name, const Tensor& x, double eps) {
    const Tensor weight = signed_numbers({x.shape()[-1]}, 5);
    const Tensor bias = signed_numbers({x.shape()[-1]}, 6);
    add(
        list, "layer_norm", name, {x, weight, bias},
        [eps](In in) { return Variables{layer_norm(in[0], in[1], in[2], eps)}; },
        [eps](In in) { return Variables{layer_norm_composed(in[0], in[1], in[2], eps)}; },
        of_layer_norm(eps));
    add(
        list, "rms_norm", name, {x, weight},
        [eps](In in) { return Variables{rms_norm(in[0], in[1], eps)}; },
        [eps](In in) { return Variables{rms_norm_composed(in[0], in[1], eps)}; }, of_rms_norm(eps));
  };
  for (const Shape& shape : std::vector<Shape>{{7}, {2, 3, 33}, {70, 5}, {2, 2, 2, 3}, {0, 3}}) {
    norms(to_string(shape), signed_numbers(shape, 7), 1e-5);
  }
  norms("rows of one", signed_numbers({3, 1}, 7), 0.1);
  norms("a large mean", uniform({3, 5}, 9, 11, 8), 1e-6);
}

void add_activations(List& list) {
  for (const Shape& shape : std::vector<Shape>{{}, {7}, {70, 5}, {2, 0}}) {
    for (const GeluForm form : {GeluForm::erf, GeluForm::tanh}) {
      add(
          list, "gelu", (form == GeluForm::erf ? "erf " : "tanh ") + to_string(shape),
          {signed_numbers(shape, 9)}, [form](In in) { return Variables{gelu(in[0], form)}; },
          [form](In in) { return Variables{gelu_composed(in[0], form)}; }, of_gelu(form));
    }
    add(
        list, "silu", to_string(shape), {signed_numbers(shape, 10)},
        [](In in) { return Variables{silu(in[0])}; },
        [](In in) { return Variables{silu_composed(in[0])}; },
        elementwise([](const auto& in) { return in[0] * sigmoid(in[0]); }));
    add(
        list, "silu_gate", to_string(shape), {signed_numbers(shape, 11), signed_numbers(shape, 12)},
        [](In in) { return Variables{silu_gate(in[0], in[1])}; },
        [](In in) { return Variables{silu_gate_composed(in[0], in[1])}; },
        elementwise([](const auto& in) { return in[0] * sigmoid(in[0]) * in[1]; }));
  }
}

void add_rope(List& list) {
  const auto turn = [&](const char* name, const Shape& shape, const Tensor& positions) {
    add(
        list, "rope", name, {signed_numbers(shape, 13)},
        [positions](In in) { return Variables{rope(in[0], beside(in, positions), 10000)}; },
        [positions](In in) {
          return Variables{rope_composed(in[0], beside(in, positions), 10000)};
        },
        of_rope(positions, 10000));
  };
  turn("one pair at position 0", {1, 1, 1, 2}, Tensor::arange(1, DType::i64));
  turn("positions of the batch", {2, 3, 5, 6}, Tensor::arange(5, DType::i64));
  turn("positions of each sample", {2, 1, 3, 6}, integers({2, 3}, 0, 4000, 14));
  turn("70 tokens", {1, 2, 70, 2}, Tensor::arange(70, DType::i64));
  turn("no tokens", {2, 1, 0, 4}, Tensor::arange(0, DType::i64));
}

void add_attention(List& list) {
  struct Sizes {
    std::int64_t B, H, G, T, S, D, V;
  };
  const auto attend = [&](const char* name, const Sizes& n, bool causal, const Tensor& mask) {
    ops::AttentionOptions options;
    options.scale = 0.7;
    options.causal = causal;
    options.mask = mask;
    const auto seen = [options](In in) {
      ops::AttentionOptions there = options;
      if (options.mask.defined()) there.mask = beside(in, options.mask);
      return there;
    };
    add(
        list, "attention", name,
        {signed_numbers({n.B, n.H, n.T, n.D}, 15), signed_numbers({n.B, n.G, n.S, n.D}, 16),
         signed_numbers({n.B, n.G, n.S, n.V}, 17)},
        [seen](In in) { return Variables{attention(in[0], in[1], in[2], seen(in))}; },
        [seen](In in) { return Variables{attention_composed(in[0], in[1], in[2], seen(in))}; },
        of_attention(options));
  };
  attend("one query, one key", {1, 1, 1, 1, 1, 1, 1}, false, {});
  attend("more keys than queries, wide values", {2, 2, 2, 3, 5, 4, 7}, false, {});
  attend("causal", {1, 2, 2, 5, 5, 3, 3}, true, {});
  attend("causal, T below S", {1, 1, 1, 3, 7, 2, 2}, true, {});
  attend("keys shared by pairs of heads", {2, 4, 2, 3, 4, 3, 2}, false, {});
  attend("keys shared by all heads, causal", {1, 3, 1, 4, 4, 2, 2}, true, {});
  attend("a mask of each sample", {3, 2, 2, 4, 5, 2, 2}, false, coins({3, 1, 1, 5}, 18));
  attend("a mask of each pair, causal", {2, 2, 1, 5, 5, 2, 2}, true, coins({5, 5}, 19));
  Tensor blind = Tensor::full({3, 4}, 1, DType::u8);
  blind.narrow(0, 1, 1).fill(0);
  attend("a query that sees no key", {1, 2, 2, 3, 4, 2, 2}, false, blind);
  attend("37 causal queries, 41 keys", {1, 1, 1, 37, 41, 3, 2}, true, {});
  attend("no queries", {1, 2, 2, 0, 3, 2, 2}, false, {});
}

void add_cross_entropy(List& list) {
  const auto loss = [&](const char* name, const Shape& logits, double smoothing,
                        std::vector<std::int64_t> ignored, std::int64_t ignore_index = -100) {
    ops::CrossEntropyOptions options;
    options.label_smoothing = smoothing;
    options.ignore_index = ignore_index;
    Tensor targets = integers(logits.without(-1), 0, logits[-1], 20);
    for (const std::int64_t i : ignored) targets.mutable_data<std::int64_t>()[i] = ignore_index;
    add(
        list, "cross_entropy", name, {signed_numbers(logits, 21)},
        [targets, options](In in) {
          return Variables{cross_entropy(in[0], beside(in, targets), options)};
        },
        [targets, options](In in) {
          return Variables{cross_entropy_composed(in[0], beside(in, targets), options)};
        },
        of_cross_entropy(targets, options));
  };
  loss("one class", {1, 1, 1}, 0, {});
  loss("(2, 3, 7)", {2, 3, 7}, 0, {});
  loss("rows, 33 classes", {5, 33}, 0, {});
  loss("70 rows", {70, 3}, 0, {});
  loss("ignored tokens", {3, 4, 5}, 0, {0, 1, 6, 11});
  loss("a class that is ignored", {2, 3, 5}, 0, {1}, 2);
  loss("smoothed", {2, 3, 7}, 0.1, {});
  loss("smoothed, ignored tokens", {3, 4, 5}, 0.25, {0, 7, 8, 9});
}

}  // namespace

void add_fused_cases(std::vector<OpCase>& cases) {
  add_linear(cases);
  add_linear_gelu(cases);
  add_attention(cases);
  add_rows(cases);
  add_activations(cases);
  add_rope(cases);
  add_cross_entropy(cases);
}

}  // namespace chainline::cases
