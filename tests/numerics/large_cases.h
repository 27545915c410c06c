#pragma once

#include <string>
#include <vector>

#include "autograd/op_case_inputs.h"
#include "autograd/op_cases.h"
#include "autograd/ops.h"

namespace chainline::test {

/// Op cases beyond the small ones that gradient checks can afford: more than a register tile, a
/// block of k, a chunk of a thread and a pass over the lanes, and not a multiple of any. Kernels
/// leave their ordinary paths only here. Of the ops that have such paths.
inline std::vector<OpCase> large_cases() {
  using namespace cases;  // NOLINT: the list is made of its words
  using In = const Variables&;
  std::vector<OpCase> list;
  const auto add = [&](const char* op, const std::string& name, const std::vector<Tensor>& inputs,
                       const Function& run, const ErrorBound& bound) {
    list.push_back({op, "large " + name, inputs, run, {}, 0, bound});
  };
  const auto primitive = [&](const char* op, const std::vector<Tensor>& inputs,
                             const Function& run) {
    add(op, shapes(inputs), inputs, run, of_primitive(op, run, inputs));
  };

  const auto product = [&](const Shape& a, const Shape& b) {
    primitive("matmul", {signed_numbers(a, 61), signed_numbers(b, 62)},
              [](In in) { return Variables{matmul(in[0], in[1])}; });
  };
  product({37, 600}, {600, 70});
  product({300, 270}, {270, 35});
  product({3, 65, 130}, {3, 130, 33});
  product({1, 300}, {300, 200});
  product({150, 3}, {3, 150});
  primitive("matmul", {signed_numbers({70, 130}, 63), signed_numbers({90, 130}, 64)},
            [](In in) { return Variables{matmul(in[0], transpose(in[1], 0, 1))}; });

  const auto layer = [&](const Shape& x, std::int64_t outputs) {
    const std::vector<Tensor> inputs{signed_numbers(x, 65), signed_numbers({outputs, x[-1]}, 66),
                                     signed_numbers({outputs}, 67)};
    add(
        "linear", shapes(inputs), inputs,
        [](In in) { return Variables{linear(in[0], in[1], in[2])}; }, of_linear(true, false));
  };
  layer({3, 50, 270}, 130);
  layer({70, 1, 64}, 96);

  const auto attend = [&](const char* name, std::int64_t T, std::int64_t S, bool causal,
                          const Tensor& mask) {
    ops::AttentionOptions options;
    options.scale = 0.2;
    options.causal = causal;
    options.mask = mask;
    add(
        "attention", name,
        {signed_numbers({2, 4, T, 32}, 68), signed_numbers({2, 2, S, 32}, 69),
         signed_numbers({2, 2, S, 40}, 70)},
        [options](In in) {
          ops::AttentionOptions there = options;
          if (options.mask.defined()) there.mask = beside(in, options.mask);
          return Variables{attention(in[0], in[1], in[2], there)};
        },
        of_attention(options));
  };
  attend("70 causal queries, 133 keys", 70, 133, true, {});
  attend("70 queries, a mask of each sample", 70, 133, false, coins({2, 1, 1, 133}, 71));
  attend("one query, 133 keys", 1, 133, true, {});

  const Tensor rows = signed_numbers({3, 11, 1000}, 72);
  const Tensor weight = signed_numbers({1000}, 73), bias = signed_numbers({1000}, 74);
  add(
      "softmax", "rows", {rows}, [](In in) { return Variables{softmax(in[0])}; }, of_softmax());
  add(
      "log_softmax", "rows", {rows}, [](In in) { return Variables{log_softmax(in[0])}; },
      of_log_softmax());
  add(
      "layer_norm", "rows", {rows, weight, bias},
      [](In in) { return Variables{layer_norm(in[0], in[1], in[2], 1e-5)}; }, of_layer_norm(1e-5));
  add(
      "rms_norm", "rows", {rows, weight},
      [](In in) { return Variables{rms_norm(in[0], in[1], 1e-5)}; }, of_rms_norm(1e-5));
  for (const double smoothing : {0.0, 0.1}) {
    ops::CrossEntropyOptions options;
    options.label_smoothing = smoothing;
    const Tensor targets = integers({3, 11}, 0, 1000, 75);
    targets.select(0, 0).narrow(0, 7, 1).fill(static_cast<double>(options.ignore_index));
    add(
        "cross_entropy", smoothing == 0 ? "rows" : "rows, smoothed", {rows},
        [targets, options](In in) {
          return Variables{cross_entropy(in[0], beside(in, targets), options)};
        },
        of_cross_entropy(targets, options));
  }

  // Wide enough for every branch of the functions that has one.
  const Tensor numbers = uniform({3, 7000}, -20, 20, 76);
  for (const GeluForm form : {GeluForm::erf, GeluForm::tanh}) {
    add(
        "gelu", form == GeluForm::erf ? "erf" : "tanh", {numbers},
        [form](In in) { return Variables{gelu(in[0], form)}; }, of_gelu(form));
  }
  add(
      "silu", "numbers", {numbers}, [](In in) { return Variables{silu(in[0])}; },
      elementwise([](const auto& in) { return in[0] * sigmoid(in[0]); }));
  add(
      "silu_gate", "numbers", {numbers, uniform({3, 7000}, -2, 2, 77)},
      [](In in) { return Variables{silu_gate(in[0], in[1])}; },
      elementwise([](const auto& in) { return in[0] * sigmoid(in[0]) * in[1]; }));
  using Unary = Variable (*)(const Variable&);
  const std::vector<std::pair<const char*, Unary>> functions{
      {"exp", exp}, {"tanh", tanh}, {"erf", erf}, {"sigmoid", sigmoid}, {"sin", sin}, {"cos", cos}};
  for (const auto& [op, f] : functions) {
    primitive(op, {numbers}, [f = f](In in) { return Variables{f(in[0])}; });
  }
  const std::vector<std::pair<const char*, Unary>> of_positive{
      {"log", log}, {"sqrt", sqrt}, {"rsqrt", rsqrt}, {"reciprocal", reciprocal}};
  for (const auto& [op, f] : of_positive) {
    primitive(op, {uniform({3, 7000}, 0.001, 1000, 78)},
              [f = f](In in) { return Variables{f(in[0])}; });
  }
  const Tensor places = Tensor::arange(50, DType::i64);
  add(
      "rope", "heads", {signed_numbers({2, 3, 50, 64}, 79)},
      [places](In in) { return Variables{rope(in[0], beside(in, places), 10000)}; },
      of_rope(places, 10000));

  primitive("sum", {rows}, [](In in) { return Variables{sum(in[0], {-1})}; });
  primitive("sum_to", {rows}, [](In in) { return Variables{sum_to(in[0], {1000})}; });
  primitive("sum_all", {numbers}, [](In in) { return Variables{sum_all(in[0])}; });
  primitive("cumsum", {rows}, [](In in) { return Variables{cumsum(in[0], -1)}; });
  const Tensor ids = integers({4, 300}, 0, 50, 80);
  primitive("embedding", {signed_numbers({50, 70}, 81)},
            [ids](In in) { return Variables{embedding(in[0], beside(in, ids))}; });
  return list;
}

}  // namespace chainline::test
