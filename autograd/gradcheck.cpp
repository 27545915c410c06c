#include "autograd/gradcheck.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <sstream>

#include "autograd/engine.h"
#include "autograd/ops.h"
#include "tensor/random.h"

namespace chainline {
namespace {

constexpr double kUnit = 0x1p-53;  // the largest relative error of one f64 rounding
// Roundings that one output may collect on its way, each at most kUnit of the magnitudes summed.
// The largest inputs of the checks sum a few hundred terms, whose errors grow like a square root.
constexpr double kRoundings = 64;
constexpr int kLevels = 7;       // halvings of the step
constexpr double kBlunt = 1e-6;  // a bound above this share of the magnitude proves nothing

/// A sum of products with the sum of their magnitudes.
struct Inner {
  double value = 0, magnitude = 0;
};

void accumulate(Inner& sum, const Tensor& a, const Tensor& b) {
  const std::vector<double> x = a.to_vector<double>(), y = b.to_vector<double>();
  for (std::size_t i = 0; i < x.size(); ++i) {
    sum.value += x[i] * y[i];
    sum.magnitude += std::fabs(x[i] * y[i]);
  }
}

std::vector<Tensor> directions(const std::vector<Tensor>& like, RandomSequence& random) {
  std::vector<Tensor> out;
  for (const Tensor& t : like) {
    std::vector<double> values(static_cast<std::size_t>(t.numel()));
    for (double& x : values) x = random.normal();
    out.push_back(Tensor::from(values, t.shape(), t.device()));
  }
  return out;
}

std::vector<Tensor> values_of(const Variables& variables) {
  std::vector<Tensor> out;
  for (const Variable& v : variables) out.push_back(v.value());
  return out;
}

/// <v, f(x + t u)>.
Inner along(const Function& f, const std::vector<Tensor>& x, const std::vector<Tensor>& u,
            const std::vector<Tensor>& v, double t) {
  Variables moved;
  for (std::size_t i = 0; i < x.size(); ++i) {
    std::vector<double> p = x[i].to_vector<double>();
    const std::vector<double> q = u[i].to_vector<double>();
    for (std::size_t k = 0; k < p.size(); ++k) p[k] += t * q[k];
    // They require gradients so that a function which differentiates inside can do so.
    moved.emplace_back(Tensor::from(p, x[i].shape(), x[i].device()), true);
  }
  const Variables y = f(moved);
  Inner sum;
  for (std::size_t i = 0; i < y.size(); ++i) accumulate(sum, v[i], y[i].value());
  return sum;
}

struct Estimate {
  double value, uncertainty;
};

/// The derivative of <v, f(x + t u)> at t = 0 by Romberg's table: column j removes the error term
/// h^(2j). Of all entries the one that changed least from its two parents is taken. `reach` is how
/// far <v, f> moves when each input is off by its own size: a result that cancelled is small, but
/// the rounding of what it was made of is not.
Estimate derivative(const Function& f, const std::vector<Tensor>& x, const std::vector<Tensor>& u,
                    const std::vector<Tensor>& v, double step, double reach) {
  std::array<std::array<double, kLevels>, kLevels> table{};
  Estimate best{0, std::numeric_limits<double>::infinity()};
  double h = step;
  for (std::size_t i = 0; i < kLevels; ++i, h /= 2) {
    const Inner plus = along(f, x, u, v, h), minus = along(f, x, u, v, -h);
    const double rounding =
        kRoundings * kUnit * (plus.magnitude + minus.magnitude + 2 * reach) / (2 * h);
    table[i][0] = (plus.value - minus.value) / (2 * h);
    double power = 1;
    for (std::size_t j = 1; j <= i; ++j) {
      power *= 4;
      table[i][j] = table[i][j - 1] + (table[i][j - 1] - table[i - 1][j - 1]) / (power - 1);
      const double change = std::max(std::fabs(table[i][j] - table[i][j - 1]),
                                     std::fabs(table[i][j] - table[i - 1][j - 1]));
      if (change + rounding < best.uncertainty) best = {table[i][j], change + rounding};
    }
  }
  return best;
}

GradientCheckOrder check_once(const Function& f, const std::vector<Tensor>& x, int order,
                              RandomSequence& random, double step) {
  Variables leaves;
  for (const Tensor& t : x) leaves.emplace_back(t, true);
  const Variables y = f(leaves);
  const std::vector<Tensor> u = directions(x, random), v = directions(values_of(y), random);

  GradOptions options;
  options.unreached = Unreached::undefined;
  Variables outputs;
  for (std::size_t i = 0; i < y.size(); ++i) {
    if (!y[i].requires_grad()) continue;
    outputs.push_back(y[i]);
    options.grad_outputs.push_back(v[i]);
  }
  Inner backward, reach;
  if (!outputs.empty()) {
    const Variables g = grad(outputs, leaves, options);
    for (std::size_t i = 0; i < g.size(); ++i) {
      if (!g[i].defined()) continue;
      accumulate(backward, g[i].value(), u[i]);
      accumulate(reach, g[i].value(), x[i]);
    }
  }
  const Estimate numeric = derivative(f, x, u, v, step, reach.magnitude);

  GradientCheckOrder result;
  result.order = order;
  result.numeric = numeric.value;
  result.backward = backward.value;
  result.error = std::fabs(numeric.value - backward.value);
  result.bound = numeric.uncertainty + kRoundings * kUnit * backward.magnitude;
  const double magnitude = std::max(backward.magnitude, along(f, x, u, v, 0).magnitude);
  // Written so that a NaN anywhere is a failure.
  result.ok = result.error <= result.bound && result.bound <= kBlunt * magnitude;
  if (magnitude == 0) result.ok = result.error == 0;
  return result;
}

/// The function (x..., v...) -> the gradients of <v, f(x)> with respect to x.
Function gradient_of(const Function& f, std::size_t inputs) {
  return [f, inputs](const Variables& all) {
    const RecordingGuard on(true);
    const Variables x(all.begin(), all.begin() + static_cast<std::ptrdiff_t>(inputs));
    const Variables y = f(x);
    GradOptions options;
    options.create_graph = true;
    options.unreached = Unreached::undefined;
    Variables outputs;
    for (std::size_t i = 0; i < y.size(); ++i) {
      if (!y[i].requires_grad()) continue;
      outputs.push_back(y[i]);
      options.grad_outputs.push_back(all[inputs + i]);
    }
    Variables g = outputs.empty() ? Variables(inputs) : grad(outputs, x, options);
    for (std::size_t i = 0; i < inputs; ++i) {
      if (g[i].defined()) continue;
      g[i] = Variable(Tensor::zeros(x[i].shape(), DType::f64, x[i].value().device()));
    }
    return g;
  };
}

}  // namespace

bool GradientCheck::ok() const {
  return !orders.empty() &&
         std::all_of(orders.begin(), orders.end(), [](const auto& o) { return o.ok; });
}

const GradientCheckOrder& GradientCheck::worst() const {
  return *std::max_element(orders.begin(), orders.end(), [](const auto& a, const auto& b) {
    if (a.ok != b.ok) return a.ok;
    return a.error * b.bound < b.error * a.bound;
  });
}

std::string GradientCheck::describe() const {
  std::ostringstream out;
  out.precision(17);
  for (const GradientCheckOrder& o : orders) {
    out << "order " << o.order << ": " << (o.ok ? "ok" : "WRONG") << ": by differences "
        << o.numeric << ", by backward " << o.backward << ", error " << o.error << ", bound "
        << o.bound << "\n";
  }
  return out.str();
}

GradientCheck check_gradients(const Function& f, const std::vector<Tensor>& at,
                              const GradientCheckOptions& options) {
  check<ValueError>(options.order >= 1, "check_gradients: expected an order of at least 1, got ",
                    options.order);
  for (const Tensor& t : at) {
    check<DTypeError>(t.dtype() == DType::f64, "check_gradients: expected f64 inputs, got ",
                      t.dtype(), "; differences need its digits");
  }
  const Generator generator(options.seed, "gradcheck");
  GradientCheck result;
  Function function = f;
  std::vector<Tensor> inputs = at;
  for (int order = 1; order <= options.order; ++order) {
    RandomSequence random = generator.sequence(0, static_cast<std::uint32_t>(order));
    result.orders.push_back(check_once(function, inputs, order, random, options.step));
    if (order == options.order) break;
    Variables leaves;
    for (const Tensor& t : inputs) leaves.emplace_back(t, true);
    const std::vector<Tensor> outputs = values_of(function(leaves));
    const std::vector<Tensor> v = directions(outputs, random);
    function = gradient_of(function, inputs.size());
    inputs.insert(inputs.end(), v.begin(), v.end());
  }
  return result;
}

}  // namespace chainline
