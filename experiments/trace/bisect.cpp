#include "experiments/trace/bisect.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

#include "experiments/trace/replay.h"
#include "experiments/training/progress.h"
#include "experiments/training/run.h"
#include "nn/checkpoint.h"
#include "tensor/error.h"

namespace chainline::experiments {
namespace {

std::vector<Tensor> values_of(const std::vector<nn::NamedParameter>& parameters) {
  std::vector<Tensor> values;
  for (const nn::NamedParameter& p : parameters) values.push_back(p.variable.value());
  return values;
}

/// A training that was brought to a step, which it can then do any number of times.
class Side {
 public:
  Side(const BisectSide& side, const TrainingConfig& config, bool widen, std::int64_t step)
      : side_(side), trainer_(side.model, side.samples, config), step_(step) {
    trainer_.keep_gradients();
    if (widen) trainer_.widen_texts();
    bring();
    for (const nn::NamedParameter& p : nn::named_parameters(side.model)) {
      weights_.push_back({p.name, p.variable.value().clone()});
    }
    for (const nn::NamedState& s : trainer_.optimizer_state()) {
      state_.push_back({s.name, s.tensor.clone()});
    }
  }

  /// From the same weights and state every time.
  void run() {
    if (done_) {
      std::vector<nn::NamedParameter> all = nn::named_parameters(side_.model);
      for (std::size_t i = 0; i < all.size(); ++i) {
        all[i].variable.mutable_value().copy_from(weights_[i].tensor);
      }
      trainer_.restore(step_ - 1, state_);
    }
    done_ = true;
    record_ = side_.step(trainer_);
  }

  const std::string& from() const { return from_; }
  const std::vector<nn::NamedState>& weights_before() const { return weights_; }
  const std::vector<nn::NamedState>& state_before() const { return state_; }
  std::vector<Tensor> weights_now() const { return values_of(trainer_.parameters()); }
  const std::vector<Tensor>& gradients() const { return trainer_.gradients(); }
  const StepRecord& record() const { return record_; }
  std::vector<std::int64_t> samples() { return trainer_.samples_of(step_ - 1); }

  /// Whether the step that run() did is the one that was recorded.
  bool reproduced() {
    const TraceLine now = trace_line(trainer_, record_);
    return !difference(now, line(step_)).any();
  }

 private:
  const TraceLine& line(std::int64_t step) const {
    return side_.trace.lines[static_cast<std::size_t>(step - 1)];
  }

  void bring() {
    std::int64_t steps = 0;
    if (!side_.checkpoint.empty()) {
      steps = restore_training(side_.model, trainer_, side_.identity, side_.checkpoint, step_ - 1);
    }
    from_ = steps == 0 ? "the start"
                       : fmt::format("the checkpoint after step {} ({})", steps,
                                     side_.checkpoint.string());
    if (steps > 0) check_weights(steps);
    Progress progress("bisect " + side_.name, steps, step_ - 1);
    while (trainer_.steps_done() < step_ - 1) {
      const StepRecord record = side_.step(trainer_);
      progress.update(record.step, record.loss, 0);
    }
  }

  void check_weights(std::int64_t steps) const {
    const std::vector<std::uint64_t> have = bits_hashes(weights_now());
    const std::vector<std::uint64_t>& wanted = line(steps).weights;
    for (std::size_t i = 0; i < have.size(); ++i) {
      check<FileError>(have[i] == wanted[i], side_.checkpoint.string(), ": ",
                       trainer_.parameters()[i].name, " after step ", steps, ": the trace has ",
                       hex_digits(wanted[i]), ", the checkpoint has ", hex_digits(have[i]),
                       "; the checkpoint was changed since");
    }
  }

  const BisectSide& side_;
  Trainer trainer_;
  std::int64_t step_;
  std::string from_;
  std::vector<nn::NamedState> weights_, state_;  // before the step
  bool done_ = false;
  StepRecord record_;
};

/// What two steps begin with, compared; the names are those of the sides.
class Inputs {
 public:
  Inputs(const std::string& name_a, const std::string& name_b) : a_(name_a), b_(name_b) {}

  std::vector<StepInput> list;

  void numbers(const std::string& what, const std::string& x, const std::string& y) {
    if (x != y) list.push_back({what, x + " in " + a_ + ", " + y + " in " + b_});
  }

  void tensors(const std::string& what, const Tensor& x, const Tensor& y) {
    check<ValueError>(x.shape() == y.shape() && x.dtype() == y.dtype(), "bisect: ", what,
                      ": expected one shape and dtype, got ", x.dtype(), " ", x.shape(), " in ", a_,
                      ", ", y.dtype(), " ", y.shape(), " in ", b_);
    if (const auto d = first_difference(x, y)) list.push_back({what, describe(*d, a_, b_)});
  }

  void states(const std::string& kind, const std::vector<nn::NamedState>& x,
              const std::vector<nn::NamedState>& y) {
    std::map<std::string, Tensor> by_name;
    for (const nn::NamedState& s : y) by_name[s.name] = s.tensor;
    for (const nn::NamedState& s : x) {
      const auto found = by_name.find(s.name);
      if (found == by_name.end()) {
        numbers(kind + s.name, "there", "missing");
      } else {
        tensors(kind + s.name, s.tensor, found->second);
        by_name.erase(found);
      }
    }
    for (const auto& [name, tensor] : by_name) numbers(kind + name, "missing", "there");
  }

 private:
  const std::string &a_, &b_;
};

std::string list_of(const std::vector<std::int64_t>& numbers) {
  return fmt::format("{}", fmt::join(numbers, " "));
}

Tensor pixels_of(const Samples& samples, std::int64_t sample) {
  const SampleBatch one = samples.batch({sample}, 0);
  const std::int64_t S = one.image_size;
  return Tensor::from(one.pixels, {3, S, S});
}

/// The step's samples: which they are, their texts, and their images as (channel, row, column).
void compare_samples(Side& a, const Samples& samples_a, Side& b, const Samples& samples_b,
                     Inputs& inputs) {
  const std::vector<std::int64_t> ids_a = a.samples(), ids_b = b.samples();
  inputs.numbers("samples of the step", list_of(ids_a), list_of(ids_b));
  std::set<std::int64_t> seen;
  for (const std::int64_t sample : ids_a) {
    if (std::find(ids_b.begin(), ids_b.end(), sample) == ids_b.end()) continue;
    if (!seen.insert(sample).second) continue;
    const Tokens &x = samples_a.tokens(sample), &y = samples_b.tokens(sample);
    const std::string name = "sample " + std::to_string(sample);
    inputs.numbers("tokens of " + name, list_of(x.ids), list_of(y.ids));
    inputs.numbers("labels of " + name, list_of(x.labels), list_of(y.labels));
    inputs.tensors("image of " + name + ", pixel (channel, row, column)",
                   pixels_of(samples_a, sample), pixels_of(samples_b, sample));
  }
}

std::size_t first_other(const std::vector<Tensor>& x, const std::vector<Tensor>& y) {
  std::size_t i = 0;
  while (i < x.size() && x[i].defined() == y[i].defined() &&
         (!x[i].defined() || same_bits(x[i], y[i]))) {
    ++i;
  }
  return i;
}

}  // namespace

Bisection bisect(const BisectSide& a, const BisectSide& b) {
  const std::vector<std::string>&parameters = a.trace.header.parameters,
        &others = b.trace.header.parameters;
  const auto apart =
      std::mismatch(parameters.begin(), parameters.end(), others.begin(), others.end());
  check<ValueError>(parameters == others, "bisect: expected trainings of the same parameters, got ",
                    apart.first == parameters.end() ? "none" : *apart.first, " in ", a.name, ", ",
                    apart.second == others.end() ? "none" : *apart.second, " in ", b.name);
  for (const BisectSide* side : {&a, &b}) {
    check<ValueError>(side->config.math == Math::exact,
                      "bisect: math: expected exact, got fast in ", side->name,
                      "; there kernels decide bits, and time chooses kernels");
  }
  Bisection found;
  found.settings =
      identity_differences(a.trace.header.identity, a.name, b.trace.header.identity, b.name);
  const std::size_t both = std::min(a.trace.lines.size(), b.trace.lines.size());
  for (std::size_t i = 0; i < both && found.step == 0; ++i) {
    found.records = difference(a.trace.lines[i], b.trace.lines[i]);
    if (!found.records.any()) {
      ++found.same_steps;
      continue;
    }
    found.step = static_cast<std::int64_t>(i + 1);
    found.line_a = a.trace.lines[i];
    found.line_b = b.trace.lines[i];
  }
  if (found.step == 0) return found;

  TrainingConfig config_a = a.config, config_b = b.config;
  config_a.graph = config_b.graph = false;
  config_b.micro_batch = config_a.micro_batch;
  config_b.recompute = config_a.recompute;
  const bool widen = a.model.device() != kCpu || b.model.device() != kCpu;
  Side side_a(a, config_a, widen, found.step), side_b(b, config_b, widen, found.step);
  found.from_a = side_a.from();
  found.from_b = side_b.from();

  Inputs inputs(a.name, b.name);
  compare_samples(side_a, a.samples, side_b, b.samples, inputs);
  inputs.states("weight ", side_a.weights_before(), side_b.weights_before());
  inputs.states("optimizer's state ", side_a.state_before(), side_b.state_before());
  const std::size_t optimizer_inputs = inputs.list.size();
  found.ops = find_partings([&] { side_a.run(); }, [&] { side_b.run(); });
  const auto rate = [](const Side& side) { return fmt::format("{}", side.record().learning_rate); };
  inputs.numbers("learning rate", rate(side_a), rate(side_b));
  found.inputs = inputs.list;
  found.reproduced_a = side_a.reproduced();
  found.reproduced_b = side_b.reproduced();

  const auto is_text = [](const StepInput& input) {
    return input.what.starts_with("samples of") || input.what.starts_with("tokens of") ||
           input.what.starts_with("labels of");
  };
  if (found.ops.added && std::any_of(found.inputs.begin(), found.inputs.end(), is_text)) {
    // What reads indices or labels has other ones, which no op's tensors show.
    if (found.ops.first->kind == OpParting::Kind::added) {
      found.ops.first->kind = OpParting::Kind::indices;
    }
    found.ops.added.reset();
  }
  if (found.ops.first) return found;
  // No op differs, so what is left is what comes after them.
  const auto element = [&](std::size_t i, const std::vector<Tensor>& x,
                           const std::vector<Tensor>& y) {
    return describe(*first_difference(x[i], y[i]), a.name, b.name);
  };
  const std::size_t gradient = first_other(side_a.gradients(), side_b.gradients());
  if (gradient < parameters.size()) {
    found.optimizer = {"the sum of the gradients of " + parameters[gradient],
                       element(gradient, side_a.gradients(), side_b.gradients())};
    return found;
  }
  const std::vector<Tensor> x = side_a.weights_now(), y = side_b.weights_now();
  const std::size_t weight = first_other(x, y);
  if (weight < parameters.size()) {
    const bool inherited = inputs.list.size() > optimizer_inputs || optimizer_inputs > 0;
    found.optimizer = {"the optimizer's step of " + parameters[weight],
                       element(weight, x, y) + "; all gradients are equal in bits" +
                           (inherited || !found.settings.empty()
                                ? ", so it comes from the inputs and settings above"
                                : ": added there")};
  }
  return found;
}

std::string describe(const Bisection& found, const BisectSide& a, const BisectSide& b) {
  std::string text;
  const auto line = [&](const std::string& sentence) { text += sentence + "\n"; };
  if (!found.settings.empty()) {
    line("the trainings are not the same function:");
    for (const std::string& setting : found.settings) line("  " + setting);
  }
  if (found.step == 0) {
    line(fmt::format("the records of {} steps are equal", found.same_steps));
    const std::size_t have_a = a.trace.lines.size(), have_b = b.trace.lines.size();
    if (have_a != have_b) {
      line(fmt::format("{} goes on to step {}", have_a > have_b ? a.name : b.name,
                       std::max(have_a, have_b)));
    }
    return text;
  }
  line(fmt::format("step {} is the first whose records differ:", found.step));
  text += describe(found.records, found.line_a, a.name, found.line_b, b.name,
                   a.trace.header.parameters);
  line(fmt::format("computed again: {} from {}, {} from {}", a.name, found.from_a, b.name,
                   found.from_b));
  for (const auto& [name, reproduced] :
       {std::pair(a.name, found.reproduced_a), std::pair(b.name, found.reproduced_b)}) {
    if (reproduced) continue;
    line(
        fmt::format("  {}'s record was NOT reproduced: another program, device or memory made it, "
                    "or what it was read from has changed",
                    name));
  }
  if (!found.inputs.empty()) line("the step begins with other inputs:");
  constexpr std::size_t kMost = 8;
  for (std::size_t i = 0; i < std::min(kMost, found.inputs.size()); ++i) {
    line("  " + found.inputs[i].what + "\n    " + found.inputs[i].how);
  }
  if (found.inputs.size() > kMost) {
    line(fmt::format("  and {} more", found.inputs.size() - kMost));
  }
  if (found.ops.first) {
    line("the first op that differs:");
    text += describe(*found.ops.first, a.name, b.name);
    const bool same = found.ops.added && found.ops.added->number == found.ops.first->number;
    if (found.ops.added && !same) {
      line("the first op that adds a difference of its own:");
      text += describe(*found.ops.added, a.name, b.name);
    } else if (!found.ops.added && found.ops.first->kind == OpParting::Kind::inherited) {
      line(fmt::format("no op of the {} adds a difference of its own", found.ops.ops));
    }
  } else if (found.optimizer) {
    line(fmt::format("all {} ops are equal in bits; what differs is {}\n    {}", found.ops.ops,
                     found.optimizer->what, found.optimizer->how));
  } else {
    line(
        fmt::format("computed again, the two agree in all {} ops and in every weight: the "
                    "difference was not made by what the traces say",
                    found.ops.ops));
  }
  return text;
}

}  // namespace chainline::experiments
