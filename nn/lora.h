#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "nn/linear.h"
#include "nn/parameter.h"

namespace chainline::nn {

/// Which layers get a low-rank addition, and how large. Keys of PEFT's adapter_config.json in
/// brackets.
struct LowRankOptions {
  std::int64_t rank = 8;  ///< [r]
  double alpha = 16;      ///< the addition is scaled by alpha / rank [lora_alpha]
  /// Patterns of layer names [target_modules]; `*` stands for any characters. A pattern means every
  /// Linear whose dotted name, or an end of it that starts after a dot, matches: "q_proj" means all
  /// query projections, "language_model.*.q_proj" those of the decoder.
  std::vector<std::string> targets = {"q_proj", "v_proj"};

  friend bool operator==(const LowRankOptions&, const LowRankOptions&) = default;
};

/// Whether a pattern of LowRankOptions::targets means the layer of this name.
bool matches(const std::string& pattern, const std::string& name);

/// A Linear and its dotted name.
struct NamedLinear {
  std::string name;
  Linear* linear;
};

template <class Module>
std::vector<NamedLinear> named_linears(Module& module) {
  std::vector<NamedLinear> list;
  ParameterVisitor visitor;
  visitor.on_linear = [&](const std::string& name, Linear& linear) {
    list.push_back({name, &linear});
  };
  module.visit(visitor);
  return list;
}

/// Adds a low-rank product to each of the layers that a pattern means, and returns their names.
///
/// Errors   ValueError for a pattern that means no layer
std::vector<std::string> add_low_rank_to(const std::vector<NamedLinear>& linears,
                                         const LowRankOptions& options);

/// Draws the A of every low-rank product among the parameters; B stays zero, so the model's
/// function is unchanged until the first step.
void init_low_rank(const std::vector<NamedParameter>& parameters, std::uint64_t seed);

/// Freezes the module and adds trainable low-rank products to the layers that a pattern means.
template <class Module>
std::vector<std::string> add_low_rank(Module& module, const LowRankOptions& options,
                                      std::uint64_t seed) {
  for (NamedParameter& p : named_parameters(module)) p.variable.set_requires_grad(false);
  std::vector<std::string> names = add_low_rank_to(named_linears(module), options);
  init_low_rank(named_parameters(module), seed);
  name_parameters(module);
  return names;
}

/// Adds every low-rank product into its weight and drops it.
template <class Module>
void merge_low_rank(Module& module) {
  for (const NamedLinear& l : named_linears(module)) l.linear->merge_low_rank();
}

}  // namespace chainline::nn
