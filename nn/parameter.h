#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <type_traits>
#include <unordered_set>
#include <utility>
#include <vector>

#include "autograd/variable.h"

namespace chainline::nn {

class Linear;

/// Walks a module's parameters. A module has no base class; it has one method that lists what it
/// is made of, and that list serves saving, loading, freezing, counting and stepping:
///
///   void visit(ParameterVisitor& v) {
///     v.child("fc1", fc1_);
///     v.child("fc2", fc2_);
///     v.parameter("scale", scale_);
///   }
class ParameterVisitor {
 public:
  std::function<void(const std::string& name, Variable& parameter, const Shape& file_shape)>
      on_parameter;
  std::function<void(const std::string& name, Linear& linear)> on_linear;

  void parameter(std::string_view name, Variable& p) { parameter(name, p, p.shape()); }

  /// A parameter whose files give the same numbers another shape (a patch embedding, stored as the
  /// convolution that it can be read as).
  void parameter(std::string_view name, Variable& p, const Shape& file_shape) {
    // A parameter used by two modules (tied embeddings) is visited once, under its first name.
    if (on_parameter && seen_.insert(p.id()).second) on_parameter(path_of(name), p, file_shape);
  }

  /// Lists a part under "name."; an empty name adds no level.
  template <class Module>
  void child(std::string_view name, Module& module) {
    const std::string before = path_;
    path_ = path_of(name);
    if constexpr (std::is_same_v<Module, Linear>) {
      if (on_linear) on_linear(path_, module);
    }
    module.visit(*this);
    path_ = before;
  }

  template <class Module>
  void children(std::string_view name, std::vector<Module>& modules) {
    for (std::size_t i = 0; i < modules.size(); ++i) {
      child(std::string(name) + "." + std::to_string(i), modules[i]);
    }
  }

 private:
  std::string path_of(std::string_view name) const {
    if (path_.empty() || name.empty()) return path_ + std::string(name);
    return path_ + "." + std::string(name);
  }

  std::string path_;
  std::unordered_set<const void*> seen_;
};

struct NamedParameter {
  std::string name;
  Variable variable;
  Shape file_shape;
};

/// Every parameter with its dotted name, in the order of the module's list.
template <class Module>
std::vector<NamedParameter> named_parameters(Module& module) {
  std::vector<NamedParameter> list;
  ParameterVisitor visitor;
  visitor.on_parameter = [&](const std::string& name, Variable& p, const Shape& file_shape) {
    list.push_back({name, p, file_shape});
  };
  module.visit(visitor);
  return list;
}

/// Names every parameter after its place, for messages, tables and the tape.
template <class Module>
void name_parameters(Module& module) {
  for (NamedParameter& p : named_parameters(module)) p.variable.set_name(p.name);
}

/// Puts every parameter on a device. An optimizer keeps its state where the parameters were when it
/// was made, so move first.
template <class Module>
void move_to(Module& module, Device device) {
  for (NamedParameter& p : named_parameters(module)) {
    Tensor& value = p.variable.mutable_value();
    value = value.to(device);
  }
}

/// The parameters that require a gradient.
template <class Module>
std::vector<NamedParameter> trainable_parameters(Module& module) {
  std::vector<NamedParameter> list;
  for (NamedParameter& p : named_parameters(module)) {
    if (p.variable.requires_grad()) list.push_back(p);
  }
  return list;
}

inline Variables variables_of(const std::vector<NamedParameter>& parameters) {
  Variables list;
  for (const NamedParameter& p : parameters) list.push_back(p.variable);
  return list;
}

inline std::int64_t count_elements(const std::vector<NamedParameter>& parameters) {
  std::int64_t n = 0;
  for (const NamedParameter& p : parameters) n += p.variable.value().numel();
  return n;
}

}  // namespace chainline::nn
