#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <vector>

#include "experiments/pages/page.h"

namespace chainline::experiments {

inline constexpr const char* kProbeQuestions[] = {"username", "user_id"};

/// A condition's probes of a question, as analyse() has them; a null without any.
const Json& probed_condition(const StudyPage& page, const std::string& question,
                             const std::string& condition, const std::string& tuning = "lora");
/// One layer of them; a null without it.
const Json& probed_layer(const Json& condition, const std::string& layer);
/// The layer of the primary endpoint; "" without any probe.
std::string primary_layer_of(const StudyPage& page);
/// The layers that were probed after a question, from the first to the last.
std::vector<std::string> layers_of(const StudyPage& page, const std::string& question);
/// The last layer whose name begins so, after the question for the username; "" without one.
std::string last_layer(const StudyPage& page, const std::string& prefix);
/// "decoder layer 3" as axes and narrow columns have room for it: "D3".
std::string short_layer(const std::string& layer);
/// "the primary layer (decoder layer 3)"; without the brackets where there is no layer.
std::string named_layer(const std::string& what, const std::string& layer);
/// The C of the probes that hold users out.
std::string held_out_c();
/// What it does to T's own numbers that T chose the primary layer; "" where T did not choose it.
std::string selection_sentence(const StudyPage& page);
/// Sentences behind each other, the empty ones left out.
std::string joined_sentences(const std::vector<std::string>& sentences);

/// Which limits an estimate is shown with.
enum class Limits { none, bootstrap, student };

/// The estimates of a figure, each with the limits that decide: Student's over runs from
/// kFewestRuns on, as the claims have it. Of fewer runs the bootstrap's, where there are any.
class ShownValues {
 public:
  /// T of analyse() with its limits; it counts if it exists.
  Value add(const Json& estimate);
  /// The same, without limits where Student's don't count.
  Value add_student(const Json& estimate);
  /// A value whose limits are Student's.
  Value add_student(Value value);
  /// Which limits the last one has that was added.
  Limits last() const { return last_; }

  bool empty() const { return values_.empty(); }
  bool have(Limits limits) const { return limits_.contains(limits); }
  /// A sentence for the caption: which intervals these are.
  std::string sentence(const StudyPage& page) const;
  /// "1 to 10 runs a condition, 32 users".
  std::string counts() const;
  /// The run numbers of all of them.
  std::string seeds() const { return seeds_text(values_); }

 private:
  Value remember(const Value& value, Limits limits);

  std::vector<Value> values_;
  std::set<Limits> limits_;
  Limits last_ = Limits::none;
};

/// The figures of the probes: what the base can read at all, curves by layer, comparisons of
/// conditions, and what the probes are held against.
void add_legibility(const StudyPage& page, Part& part);
void add_layer_curves(const StudyPage& page, const std::string& question, Part& part);
void add_deciding_forest(const StudyPage& page, const std::string& question,
                         const std::string& tuning, Part& part);
void add_differences(const StudyPage& page, Part& part);
void add_validity(const StudyPage& page, Part& part);

}  // namespace chainline::experiments
