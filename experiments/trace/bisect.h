#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "experiments/trace/op_parting.h"
#include "experiments/training/trace.h"
#include "nn/mllm.h"

namespace chainline::experiments {

/// One of two trainings, made again from what its trace says.
struct BisectSide {
  std::string name;  ///< in sentences: "A"
  Trace trace;
  nn::Mllm& model;  ///< with its first weights
  const Samples& samples;
  TrainingConfig config;
  Json identity;                     ///< training_identity() of the three
  std::filesystem::path checkpoint;  ///< to start from, if it is not too late; empty for none
  /// How a step is done; whoever suspects something can do it another way.
  std::function<StepRecord(Trainer&)> step = [](Trainer& trainer) { return trainer.step(); };
};

/// Something that a step begins with and that is not the same: an image, a weight, a rate.
struct StepInput {
  std::string what;
  std::string how;  ///< both values, or the first element that differs
};

/// Where and why two trainings part.
struct Bisection {
  std::vector<std::string> settings;  ///< what they are functions of and don't share
  std::int64_t same_steps = 0;        ///< the records of so many steps are equal
  std::int64_t step = 0;              ///< the first whose records differ; 0: none does

  // Of that step.
  LineDifference records;
  TraceLine line_a, line_b;
  std::string from_a,
      from_b;  ///< what it was computed again from: "the start", "the checkpoint ..."
  bool reproduced_a = false,
       reproduced_b = false;      ///< gradients and weights are those of the record
  std::vector<StepInput> inputs;  ///< of the step that differ
  OpPartings ops;
  /// All gradients are equal in bits and weights are not: the optimizer's part of the step.
  std::optional<StepInput> optimizer;
};

/// Finds the first step whose records differ, computes it again in both trainings, and finds the
/// first op from which on they differ. Both start from their checkpoint, if that is from before the
/// step and holds the weights that its trace says, or else from the beginning.
///
/// Both are computed without graphs, with the micro-batches and recomputed blocks of `a`, which change
/// no bit and let the same ops be compared.
///
/// **Errors** FileError for a checkpoint whose weights are not those of its trace; ValueError for
/// trainings with fast arithmetic, or whose trained parameters have other names or shapes; those of Trainer::step
Bisection bisect(const BisectSide& a, const BisectSide& b);

/// The same for people.
std::string describe(const Bisection& found, const BisectSide& a, const BisectSide& b);

}  // namespace chainline::experiments
