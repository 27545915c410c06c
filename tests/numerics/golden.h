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
#include "tensor/sha256.h"
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
  for (const Tensor& input : c.inputs) x.emplace_back(input.to(dtype), true);
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

/// A test for each instruction set that the processor has. Leaves set and threads as they were.
class EachIsa : public testing::TestWithParam<Isa> {
 protected:
  void SetUp() override { set_isa(GetParam()); }
  void TearDown() override {
    set_isa(isa_);
    set_threads(threads_);
  }

 private:
  Isa isa_ = isa();
  int threads_ = threads();
};

inline std::string isa_of(const testing::TestParamInfo<Isa>& set) {
  return std::string(name(set.param));
}

}  // namespace chainline::test
