#pragma once

#include <gtest/gtest.h>

#include <cmath>
#include <fstream>
#include <limits>
#include <map>
#include <span>
#include <sstream>
#include <string>
#include <vector>

#include "autograd/engine.h"
#include "autograd/op_cases.h"
#include "tensor/isa.h"
#include "tensor/ops/cross_entropy.h"
#include "tensor/ops/optimizer_step.h"
#include "tensor/ops/reduce.h"
#include "tensor/sha256.h"
#include "tests/each_isa.h"
#include "tests/support.h"

namespace chainline::test {

/// The lines of tests/numerics/golden.txt: what was hashed, and the SHA-256.
using Hashes = std::map<std::string, std::string>;

inline const char* const kGoldenFile = CHAINLINE_SOURCE_DIR "/tests/numerics/golden.txt";

inline Hashes golden() {
  Hashes hashes;
  std::ifstream file(kGoldenFile);
  for (std::string line; std::getline(file, line);) {
    if (line.size() > 66) hashes[line.substr(66)] = line.substr(0, 64);
  }
  return hashes;
}

/// What a case gives in one dtype: its outputs, then the gradients of its inputs for fixed incoming
/// ones, undefined where there is none.
inline std::vector<Tensor> results_of(const OpCase& c, DType dtype) {
  Variables x;
  for (const Tensor& input : c.inputs) x.emplace_back(input.to(device()).to(dtype), true);
  GradOptions options;
  options.unreached = Unreached::undefined;
  std::uint64_t seed = 1;
  Variables differentiable;
  std::vector<Tensor> results;
  for (const Variable& out : c.run(x)) {
    results.push_back(out.value());
    if (!out.requires_grad()) continue;
    differentiable.push_back(out);
    options.grad_outputs.emplace_back(randn(out.shape(), seed++, out.dtype()));
  }
  if (!differentiable.empty()) {
    for (const Variable& g : grad(differentiable, x, options)) {
      results.push_back(g.defined() ? g.value() : Tensor());
    }
  }
  return results;
}

/// Over dtypes, shapes and numbers: every f32 is exactly an f64. Processors make different NaNs, so
/// any of them counts as one.
inline std::string hash_of(const std::vector<Tensor>& results) {
  Sha256 sha;
  for (const Tensor& t : results) {
    if (!t.defined()) continue;
    std::ostringstream shape;
    shape << t.dtype() << t.shape();
    std::vector<double> values = t.to(DType::f64).to_vector<double>();
    for (double& value : values) {
      if (std::isnan(value)) value = std::numeric_limits<double>::quiet_NaN();
    }
    sha.update(shape.str()).update(std::as_bytes(std::span(values)));
  }
  return to_hex(sha.digest());
}

/// Results of the ops that compute in floating point and have no gradient, so no case.
inline std::map<std::string, std::vector<Tensor>> results_without_gradient(DType dtype) {
  std::map<std::string, std::vector<Tensor>> results;
  for (std::uint64_t seed = 1; seed <= 8; ++seed) {
    results["norm2: four blocks"].push_back(ops::norm2(randn({3 * 4096 + 5}, seed, dtype)));
  }
  Tensor p = randn({37, 70}, 1, dtype), m = test::zeros(p.shape(), dtype), v = m.clone();
  for (std::int64_t step = 1; step <= 3; ++step) {
    const Tensor g = randn(p.shape(), 10 + static_cast<std::uint64_t>(step), dtype);
    ops::adamw_step(p, g, m, v, {.learning_rate = 0.01, .weight_decay = 0.1, .step = step});
  }
  results["adamw_step: three steps"] = {p, m, v};
  for (const bool nesterov : {false, true}) {
    Tensor q = randn({37, 70}, 1, dtype), velocity = test::zeros(q.shape(), dtype);
    for (std::uint64_t step = 1; step <= 3; ++step) {
      ops::sgd_step(
          q, randn(q.shape(), 10 + step, dtype), velocity,
          {.learning_rate = 0.01, .momentum = 0.9, .nesterov = nesterov, .weight_decay = 0.1});
    }
    results[nesterov ? "sgd_step: nesterov" : "sgd_step: three steps"] = {q, velocity};
  }
  const Tensor counts = test::from<std::int64_t>({3, 1, 7}, {3});
  for (const Normalization n :
       {Normalization::sum, Normalization::per_token, Normalization::per_sample}) {
    results["cross_entropy_scale: each kind"].push_back(
        ops::cross_entropy_scale(n, counts, 11, 3, dtype));
  }
  return results;
}

}  // namespace chainline::test
