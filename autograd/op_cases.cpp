// The cases of the primitive ops: views, elementwise, reductions, indexing, matmul. Those of the
// fused ops are in op_cases_fused.cpp.

#include "autograd/op_cases.h"

#include <numeric>

#include "autograd/op_case_inputs.h"
#include "autograd/ops.h"
#include "tensor/random.h"

namespace chainline {
namespace cases {
namespace {

using In = const Variables&;
using MakeInput = Tensor (*)(const Shape&, std::uint64_t);

/// A lone number, one element, a prime, more rows than a chunk, nothing.
const std::vector<Shape> kShapes{{}, {1}, {7}, {70, 5}, {2, 0, 3}};

/// Pairs that broadcast: from equal shapes to both sides stretching.
const std::vector<std::pair<Shape, Shape>> kPairs{
    {{3, 5}, {3, 5}}, {{70, 5}, {5}}, {{}, {2, 3}}, {{3, 1, 5}, {7, 1}}, {{1}, {0, 4}}};

class Adder {
 public:
  explicit Adder(std::vector<OpCase>& cases) : cases_(cases) {}

  void add(const std::string& op, std::string name, const std::vector<Tensor>& inputs,
           const Function& run, int order = kPrimitive) {
    add(op, std::move(name), inputs, run, of_primitive(op, run, inputs), order);
  }

  void add(const std::string& op, std::string name, const std::vector<Tensor>& inputs, Function run,
           ErrorBound bound, int order = kPrimitive) {
    cases_.push_back({op, std::move(name), inputs, std::move(run), {}, order, std::move(bound)});
  }

  void unary(const std::string& op, Variable (*f)(const Variable&), MakeInput make) {
    for (const Shape& shape : kShapes) {
      add(op, to_string(shape), {make(shape, ++seed_)}, [f](In in) { return Variables{f(in[0])}; });
    }
  }

  /// A function of one number with parameters.
  void unary(const std::string& op, Variable (*f)(const Variable&), MakeInput make,
             const ErrorBound& bound) {
    for (const Shape& shape : kShapes) {
      add(
          op, to_string(shape), {make(shape, ++seed_)}, [f](In in) { return Variables{f(in[0])}; },
          bound);
    }
  }

  void binary(const std::string& op, Variable (*f)(const Variable&, const Variable&),
              MakeInput make_a, MakeInput make_b) {
    for (const auto& [a, b] : kPairs) {
      const std::vector<Tensor> inputs{make_a(a, ++seed_), make_b(b, ++seed_)};
      add(op, shapes(inputs), inputs, [f](In in) { return Variables{f(in[0], in[1])}; });
    }
    const std::vector<Tensor> same{make_b({4}, ++seed_)};
    // With itself an extreme ties everywhere, and x / x has nothing but rounding for a slope.
    if (op == "add" || op == "sub" || op == "mul") {
      add(op, "with itself", same, [f](In in) { return Variables{f(in[0], in[0])}; });
    }
  }

 private:
  std::vector<OpCase>& cases_;
  std::uint64_t seed_ = 0;
};

Tensor spaced(const Shape& shape, std::uint64_t seed) { return spaced_numbers(shape, seed); }

/// An eighth off the grid of spaced(), so that no two of them meet.
Tensor spaced_between(const Shape& shape, std::uint64_t seed) {
  return spaced_numbers(shape, seed, 0.125);
}

void add_views(Adder& to_cases) {
  const auto add = [&](const char* op, const char* name, const Shape& shape, Function run) {
    to_cases.add(op, name, {signed_numbers(shape, 11)}, std::move(run));
  };
  add("alias", "(3, 5)", {3, 5}, [](In in) { return Variables{alias(in[0])}; });
  add("reshape", "(3, 4) -> (2, 6)", {3, 4}, [](In in) {
    return Variables{reshape(in[0], {2, 6})};
  });
  add("reshape", "a lone number -> (1, 1)", {}, [](In in) {
    return Variables{reshape(in[0], {1, 1})};
  });
  add("reshape", "of a transposed one", {3, 4}, [](In in) {
    return Variables{reshape(transpose(in[0], 0, 1), {6, 2})};
  });
  add("reshape", "nothing", {0, 4}, [](In in) { return Variables{reshape(in[0], {2, 0})}; });
  add("transpose", "(2, 3, 5), -1 and 0", {2, 3, 5},
      [](In in) { return Variables{transpose(in[0], -1, 0)}; });
  add("transpose", "a dimension with itself", {2, 3},
      [](In in) { return Variables{transpose(in[0], 1, 1)}; });
  add("permute", "a cycle of three", {2, 3, 5}, [](In in) {
    return Variables{permute(in[0], {1, 2, 0})};
  });
  add("permute", "from the back", {2, 3, 5}, [](In in) {
    return Variables{permute(in[0], {-1, 0, -2})};
  });
  add("narrow", "the middle", {3, 7}, [](In in) { return Variables{narrow(in[0], 1, 2, 3)}; });
  add("narrow", "the last row", {70, 5}, [](In in) { return Variables{narrow(in[0], 0, 69, 1)}; });
  add("narrow", "nothing", {3, 7}, [](In in) { return Variables{narrow(in[0], -1, 7, 0)}; });
  add("narrow", "pieces that overlap", {9}, [](In in) {
    return Variables{narrow(in[0], 0, 0, 6), narrow(in[0], 0, 3, 6)};
  });
  add("broadcast_to", "(5) -> (70, 5)", {5}, [](In in) {
    return Variables{broadcast_to(in[0], {70, 5})};
  });
  add("broadcast_to", "(3, 1, 2) -> (2, 3, 4, 2)", {3, 1, 2}, [](In in) {
    return Variables{broadcast_to(in[0], {2, 3, 4, 2})};
  });
  add("broadcast_to", "a lone number", {}, [](In in) {
    return Variables{broadcast_to(in[0], {2, 3})};
  });
  add("broadcast_to", "to nothing", {1, 3}, [](In in) {
    return Variables{broadcast_to(in[0], {0, 3})};
  });
  add("sum_to", "(70, 5) -> (5)", {70, 5}, [](In in) { return Variables{sum_to(in[0], {5})}; });
  add("sum_to", "(2, 3, 4, 2) -> (3, 1, 2)", {2, 3, 4, 2}, [](In in) {
    return Variables{sum_to(in[0], {3, 1, 2})};
  });
  add("sum_to", "a lone number", {3, 5}, [](In in) { return Variables{sum_to(in[0], {})}; });
  add("sum_to", "of nothing", {0, 3}, [](In in) { return Variables{sum_to(in[0], {1, 3})}; });
  add("patchify", "(2, 3, 4, 6) by 2", {2, 3, 4, 6},
      [](In in) { return Variables{patchify(in[0], 2)}; });
  add("patchify", "by 1", {1, 2, 3, 2}, [](In in) { return Variables{patchify(in[0], 1)}; });
  add("patchify", "one patch", {2, 1, 3, 3}, [](In in) { return Variables{patchify(in[0], 3)}; });
  add("unpatchify", "(2, 6, 12) by 2", {2, 6, 12}, [](In in) {
    return Variables{unpatchify(in[0], {2, 3, 4, 6}, 2)};
  });
  // To f64 from f64 is nothing, and a rounded number has no differences: see the test by hand.
  to_cases.add(
      "to", "through f32", {signed_numbers({3, 5}, 12)},
      [](In in) { return Variables{to(to(in[0], DType::f32), DType::f64)}; }, 0);
}

void add_elementwise(Adder& to_cases) {
  to_cases.binary("add", add, signed_numbers, signed_numbers);
  to_cases.binary("sub", sub, signed_numbers, signed_numbers);
  to_cases.binary("mul", mul, signed_numbers, signed_numbers);
  to_cases.binary("div", div, signed_numbers, positive_numbers);
  to_cases.binary("maximum", maximum, spaced, spaced_between);
  to_cases.binary("minimum", minimum, spaced, spaced_between);
  to_cases.unary("neg", neg, signed_numbers);
  to_cases.unary("abs", abs, spaced);
  to_cases.unary("square", square, signed_numbers);
  to_cases.unary("sqrt", sqrt, positive_numbers);
  to_cases.unary("rsqrt", rsqrt, positive_numbers);
  to_cases.unary("reciprocal", reciprocal, positive_numbers);
  to_cases.unary("exp", exp, signed_numbers);
  to_cases.unary("log", log, positive_numbers);
  to_cases.unary("tanh", tanh, signed_numbers);
  to_cases.unary("erf", erf, signed_numbers);
  to_cases.unary("sigmoid", sigmoid, signed_numbers);
  to_cases.unary("sin", sin, signed_numbers);
  to_cases.unary("cos", cos, signed_numbers);
  to_cases.unary("relu", relu, spaced);
  const Rounded scalar = rounded_constant(-0.7);
  to_cases.unary(
      "add_scalar", [](const Variable& x) { return add_scalar(x, -0.7); }, signed_numbers,
      elementwise([scalar](const auto& in) { return in[0] + scalar; }));
  to_cases.unary(
      "mul_scalar", [](const Variable& x) { return mul_scalar(x, -0.7); }, signed_numbers,
      elementwise([scalar](const auto& in) { return in[0] * scalar; }));
  to_cases.unary(
      "clamp", [](const Variable& x) { return clamp(x, -0.5, 1); }, spaced);
  const auto power = [&](const std::string& name, const Tensor& x, int n) {
    const auto by_squaring = [n](const std::vector<Rounded>& in) {
      Rounded y = 1, square = in[0];
      for (int digits = std::abs(n); digits != 0; digits /= 2, square = square * square) {
        if (digits % 2 != 0) y = y * square;
      }
      return n < 0 ? 1 / y : y;
    };
    to_cases.add(
        "pow_int", name, {x}, [n](In in) { return Variables{pow_int(in[0], n)}; },
        elementwise(by_squaring));
  };
  for (const int n : {-3, -1, 0, 1, 2, 7}) {
    power("to the power " + std::to_string(n), positive_numbers({3, 5}, 13), n);
  }
  power("a negative number cubed", uniform({7}, -2, -1, 14), 3);
  const auto choice = [&](const Shape& c, const Shape& a, const Shape& b) {
    const std::vector<Tensor> inputs{signed_numbers(a, 15), signed_numbers(b, 16)};
    const Tensor condition = coins(c, 17);
    to_cases.add(
        "where", to_string(c) + " ? " + to_string(a) + " : " + to_string(b), inputs,
        [condition](In in) { return Variables{where(beside(in, condition), in[0], in[1])}; });
  };
  choice({70, 5}, {70, 5}, {70, 5});
  choice({3, 1}, {5}, {});
  choice({}, {2, 3}, {3});
  choice({0}, {1}, {});
}

void add_reductions(Adder& to_cases) {
  const auto add = [&](const char* op, const char* name, const Shape& shape, Function run) {
    to_cases.add(op, name, {spaced_numbers(shape, 21)}, std::move(run));
  };
  add("sum", "rows of 33", {3, 33}, [](In in) { return Variables{sum(in[0], {-1})}; });
  add("sum", "samples", {70, 5}, [](In in) { return Variables{sum(in[0], {0}, true)}; });
  add("sum", "the middle of four", {2, 3, 4, 5}, [](In in) {
    return Variables{sum(in[0], {2, 1})};
  });
  add("sum", "over no dimension", {2, 3}, [](In in) { return Variables{sum(in[0], {})}; });
  add("sum", "of nothing", {2, 0}, [](In in) { return Variables{sum(in[0], {1})}; });
  add("sum_all", "(2, 3, 5)", {2, 3, 5}, [](In in) { return Variables{sum_all(in[0])}; });
  add("sum_all", "a lone number", {}, [](In in) { return Variables{sum_all(in[0])}; });
  add("sum_all", "nothing", {0, 4}, [](In in) { return Variables{sum_all(in[0])}; });
  add("mean", "rows of 33", {3, 33}, [](In in) { return Variables{mean(in[0], {-1}, true)}; });
  add("mean", "all but the last", {7, 2, 3}, [](In in) { return Variables{mean(in[0], {0, 1})}; });
  // The spaced numbers above are multiples of an eighth, whose sums are exact in any order.
  const auto rounding = [&](const char* op, const char* name, const Shape& shape, Function run) {
    to_cases.add(op, name, {signed_numbers(shape, 22)}, run);
  };
  rounding("sum", "rows that round", {20, 70}, [](In in) { return Variables{sum(in[0], {-1})}; });
  rounding("sum", "samples that round", {5, 3, 4}, [](In in) {
    return Variables{sum(in[0], {0, 1})};
  });
  rounding("sum_all", "that rounds", {2, 3, 37}, [](In in) { return Variables{sum_all(in[0])}; });
  rounding("cumsum", "that rounds", {3, 33}, [](In in) { return Variables{cumsum(in[0], -1)}; });
  add("amax", "rows of 33", {3, 33}, [](In in) { return Variables{amax(in[0], -1)}; });
  add("amax", "columns, kept", {70, 5}, [](In in) { return Variables{amax(in[0], 0, true)}; });
  add("amax", "of one", {4, 1}, [](In in) { return Variables{amax(in[0], 1)}; });
  add("amax", "no rows", {0, 3}, [](In in) { return Variables{amax(in[0], 1)}; });
  add("amin", "rows of 33", {3, 33}, [](In in) { return Variables{amin(in[0], -1)}; });
  add("amin", "the middle, kept", {2, 7, 3}, [](In in) { return Variables{amin(in[0], 1, true)}; });
  add("amin", "of one", {4, 1}, [](In in) { return Variables{amin(in[0], 1)}; });
  add("cumsum", "rows of 33", {3, 33}, [](In in) { return Variables{cumsum(in[0], -1)}; });
  add("cumsum", "columns", {70, 5}, [](In in) { return Variables{cumsum(in[0], 0)}; });
  add("cumsum", "of one", {4, 1}, [](In in) { return Variables{cumsum(in[0], 1)}; });
  add("cumsum", "of nothing", {3, 0}, [](In in) { return Variables{cumsum(in[0], 1)}; });
}

void add_indexing(Adder& to_cases) {
  const auto lookup = [&](const Shape& table, const Shape& where_) {
    const Tensor ids = integers(where_, 0, table[0], 31);
    to_cases.add("embedding", to_string(table) + " at " + to_string(where_),
                 {signed_numbers(table, 32)},
                 [ids](In in) { return Variables{embedding(in[0], beside(in, ids))}; });
  };
  lookup({5, 3}, {2, 7});
  lookup({11, 2}, {70});
  lookup({1, 1}, {1});
  lookup({5, 3}, {2, 0});
  lookup({5, 3}, {2, 2, 2});
  lookup({4, 3}, {3, 17});  // enough tokens of a row to tell orders of sums apart

  const auto pick = [&](const Shape& x, std::int64_t dim, const Shape& at) {
    const Tensor index = integers(at, 0, x[dim], 33);
    const std::string name =
        to_string(x) + " at " + to_string(at) + " along " + std::to_string(dim);
    to_cases.add("gather", name, {signed_numbers(x, 34)},
                 [dim, index](In in) { return Variables{gather(in[0], dim, beside(in, index))}; });
    to_cases.add("scatter_add", name, {signed_numbers(x, 35), signed_numbers(at, 36)},
                 [dim, index](In in) {
                   return Variables{scatter_add(in[0], dim, beside(in, index), in[1])};
                 });
  };
  pick({3, 5}, 1, {3, 7});
  pick({70, 5}, 0, {2, 5});
  pick({2, 3, 4}, -2, {2, 5, 3});
  pick({1}, 0, {4});
  pick({3, 5}, 1, {3, 0});

  const auto rows = [&](std::int64_t B, std::int64_t S, std::int64_t T, std::int64_t C) {
    const Tensor index = integers({B, T}, -1, S, 37);  // -1 is a row of zeros
    const std::string name = std::to_string(S) + " rows at " + std::to_string(T) + " places of " +
                             std::to_string(B) + " samples";
    to_cases.add("gather_rows", name, {signed_numbers({B, S, C}, 38)},
                 [index](In in) { return Variables{gather_rows(in[0], beside(in, index))}; });
    to_cases.add("scatter_rows_add", name, {signed_numbers({B, T, C}, 39)}, [index, S](In in) {
      return Variables{scatter_rows_add(in[0], beside(in, index), S)};
    });
  };
  rows(2, 3, 7, 5);
  rows(1, 70, 4, 1);
  rows(3, 1, 5, 2);
  rows(2, 3, 0, 5);

  const auto join = [&](std::int64_t dim, const std::vector<Shape>& parts) {
    std::vector<Tensor> inputs;
    for (const Shape& part : parts) inputs.push_back(signed_numbers(part, 40 + inputs.size()));
    to_cases.add("cat", shapes(inputs) + " along " + std::to_string(dim), inputs,
                 [dim](In in) { return Variables{cat(in, dim)}; });
  };
  join(0, {{3, 5}, {70, 5}});
  join(-1, {{2, 3}, {2, 0}, {2, 4}});
  join(1, {{2, 1, 3}});
  to_cases.add("cat", "one variable twice", {signed_numbers({2, 3}, 43)}, [](In in) {
    return Variables{cat({in[0], in[0]}, 1)};
  });

  const auto drop = [&](const char* name, const Shape& shape, double p) {
    std::vector<std::int64_t> samples(static_cast<std::size_t>(shape[0]));
    std::iota(samples.begin(), samples.end(), std::int64_t{5});
    const Rounded scale = rounded_constant(1 / (1 - p));
    to_cases.add(
        "dropout", name, {signed_numbers(shape, 44)},
        [p, samples](In in) {
          return Variables{dropout(in[0], p, Generator(1, "op case"), 2, samples, 3)};
        },
        elementwise([scale](const auto& in) { return in[0] * scale; }));
  };
  drop("a third of (70, 5)", {70, 5}, 1.0 / 3);
  drop("none", {2, 3}, 0);
  drop("no samples", {0, 3}, 0.5);
}

void add_products(Adder& to_cases) {
  const auto product = [&](const Shape& a, const Shape& b) {
    const std::vector<Tensor> inputs{signed_numbers(a, 51), signed_numbers(b, 52)};
    to_cases.add("matmul", shapes(inputs), inputs,
                 [](In in) { return Variables{matmul(in[0], in[1])}; });
  };
  product({1, 1}, {1, 1});
  product({3, 7}, {7, 5});
  product({70, 5}, {5, 2});
  product({2, 3, 5}, {5, 4});
  product({2, 1, 3, 5}, {4, 5, 2});
  product({3, 0}, {0, 5});
  product({0, 3}, {3, 5});
  to_cases.add("matmul", "with its own transpose", {signed_numbers({3, 5}, 53)},
               [](In in) { return Variables{matmul(in[0], transpose(in[0], 0, 1))}; });
}

}  // namespace

void add_primitive_cases(std::vector<OpCase>& cases) {
  Adder adder(cases);
  add_views(adder);
  add_elementwise(adder);
  add_reductions(adder);
  add_indexing(adder);
  add_products(adder);
}

}  // namespace cases

std::vector<OpCase> op_cases() {
  std::vector<OpCase> all;
  cases::add_primitive_cases(all);
  cases::add_fused_cases(all);
  return all;
}

}  // namespace chainline
