#include "experiments/pages/probing.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "experiments/claims/thresholds.h"
#include "experiments/measures/probes.h"

namespace chainline::experiments {
namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

}  // namespace

const Json& probed_condition(const StudyPage& page, const std::string& question,
                             const std::string& condition, const std::string& tuning) {
  return find_in(at_path(page.analysis, {"separation", question.c_str(), "conditions"}),
                 {{"condition", condition.c_str()}, {"tuning", tuning.c_str()}});
}

const Json& probed_layer(const Json& condition, const std::string& layer) {
  return find_in(at_path(condition, {"layers"}), {{"layer", layer.c_str()}});
}

std::string primary_layer_of(const StudyPage& page) {
  return text_of(at_path(page.analysis, {"primary"}), "layer");
}

std::vector<std::string> layers_of(const StudyPage& page, const std::string& question) {
  std::vector<std::string> names;
  const Json& layers = at_path(page.analysis, {"separation", question.c_str(), "layers"});
  if (layers.is_array())
    for (const Json& layer : layers) names.push_back(cell_text(layer));
  return names;
}

std::string last_layer(const StudyPage& page, const std::string& prefix) {
  std::string last;
  for (const std::string& name : layers_of(page, "username"))
    if (name.starts_with(prefix)) last = name;
  return last;
}

std::string short_layer(const std::string& layer) {
  for (const auto& [from, to] :
       {std::pair("vision embeddings", "V0"), std::pair("vision layer ", "V"),
        std::pair("decoder embeddings", "D0"), std::pair("decoder layer ", "D")})
    if (layer.starts_with(from)) return to + layer.substr(std::string(from).size());
  return layer;
}

std::string named_layer(const std::string& what, const std::string& layer) {
  return layer.empty() ? what : what + " (" + layer + ")";
}

std::string held_out_c() { return plain_text(ProbeSettings().c); }

std::string selection_sentence(const StudyPage& page) {
  if (text_of(at_path(page.analysis, {"primary"}), "chosen_by") != "positive control T") return "";
  return "T's low-rank runs chose the layer by their AUC of the username: T's own values there are "
         "high by selection, in this figure and in all others.";
}

std::string joined_sentences(const std::vector<std::string>& sentences) {
  std::string text;
  for (const std::string& sentence : sentences)
    if (!sentence.empty()) text += (text.empty() ? "" : " ") + sentence;
  return text;
}

Value ShownValues::remember(const Value& value, Limits limits) {
  last_ = value.has_interval() ? limits : Limits::none;
  if (!value.exists()) return value;
  values_.push_back(value);
  limits_.insert(last_);
  return value;
}

Value ShownValues::add(const Json& estimate) {
  if (number_of(estimate, "runs") >= kFewestRuns)
    return remember(value_of(estimate, "t_low", "t_high"), Limits::student);
  return remember(value_of(estimate), Limits::bootstrap);
}

Value ShownValues::add_student(const Json& estimate) {
  return add_student(value_of(estimate, "t_low", "t_high"));
}

Value ShownValues::add_student(Value value) {
  if (value.runs < kFewestRuns) value.low = value.high = kNaN;
  return remember(value, Limits::student);
}

std::string ShownValues::sentence(const StudyPage& page) const {
  const bool student = have(Limits::student), bootstrap = have(Limits::bootstrap);
  if (empty()) return "";
  if (!student && !bootstrap)
    return fmt::format("No intervals: nothing here has the {} runs that they need.", kFewestRuns);
  const double confidence = number_of(at_path(page.analysis, {"options"}), "confidence");
  std::string text = std::isfinite(confidence) ? fmt::format("{:g} % intervals: ", 100 * confidence)
                                               : "Intervals: ";
  const std::string drawn =
      "a bootstrap over runs and users, drawn singly even where two share their pictures";
  if (student)
    text += "Student's over runs, the kind that decides the claims" +
            (bootstrap ? fmt::format(", from {} runs on; of fewer runs {}.", kFewestRuns, drawn)
                       : std::string("."));
  else
    text +=
        fmt::format("{}; Student's, which decide the claims, need {} runs.", drawn, kFewestRuns);
  if (have(Limits::none)) text += " Where there is none, the runs are too few for one.";
  return text;
}

std::string ShownValues::counts() const {
  std::int64_t fewest = 0, most = 0, users = 0;
  for (const Value& value : values_) {
    users = std::max(users, value.users);
    most = std::max(most, value.runs);
    if (value.runs > 0) fewest = fewest == 0 ? value.runs : std::min(fewest, value.runs);
  }
  if (most == 0) return "";
  std::string text =
      (fewest < most ? fmt::format("{} to ", fewest) : "") + counted(most, "run") + " a condition";
  if (users > 0) text += ", " + counted(users, "user");
  return text;
}

}  // namespace chainline::experiments
