#pragma once

#include <algorithm>
#include <stdexcept>
#include <string>
#include <vector>

#include "experiments/pages/sections.h"
#include "tests/experiments/pages/synthetic_study.h"

namespace chainline::experiments {

/// A few pictures and people.
inline const Study& small_study() {
  static const Study study = [] {
    Study s = study_at("smoke", "shapes:seed=3,train=24,test=4,questions=4");
    s.users = 16, s.strangers = 64, s.readers = 32;
    s.tune_images = 8;
    return s;
  }();
  return study;
}

inline const World& small_world() {
  static const World world(small_study());
  return world;
}

/// One section about a synthetic study in the small world.
inline Part part_of(const SyntheticStudy& synthetic, Part (*section)(const StudyPage&)) {
  static const Json manifest = Json::object();
  return section(
      StudyPage(synthetic.results, synthetic.runs, manifest, small_world(), small_study()));
}

inline const Figure& figure_of(const Part& part, const std::string& id) {
  for (const Figure& figure : part.section.figures)
    if (figure.id == id) return figure;
  throw std::runtime_error("no figure " + id);
}

inline bool says(const std::string& text, const std::string& words) {
  return text.find(words) != text.npos;
}

inline const Table& table_of(const Part& part, const std::string& id) {
  return std::get<Table>(figure_of(part, id).body);
}

inline bool any_says(const std::vector<std::string>& texts, const std::string& words) {
  return std::any_of(texts.begin(), texts.end(),
                     [&](const std::string& text) { return says(text, words); });
}

inline Json& analysis_of(SyntheticStudy& synthetic) { return synthetic.results["analysis"]; }

/// Low-rank effects of a measure after a condition.
inline Json& effect(SyntheticStudy& synthetic, const std::string& code,
                    const std::string& measure) {
  for (Json& e : analysis_of(synthetic)["effects"])
    if (e["condition"] == code && e["measure"] == measure && e["tuning"] == "lora") return e;
  throw std::runtime_error("no effect of " + code);
}

inline std::vector<std::string> row_of(const Table& table, const std::string& first) {
  for (const std::vector<std::string>& row : table.rows)
    if (row.front() == first) return row;
  throw std::runtime_error("no row " + first);
}

}  // namespace chainline::experiments
