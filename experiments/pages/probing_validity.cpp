#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "experiments/pages/probing.h"

namespace chainline::experiments {
namespace {

/// A condition's probes, as far as it has them.
struct Probed {
  std::string code;
  const Json& others;     // its row of "probes"
  const Json& separated;  // its row of the username's "separation"
};

std::vector<Probed> probed_conditions(const StudyPage& page) {
  std::vector<Probed> all;
  for (const ConditionGroup& group : condition_groups())
    for (const std::string& code : group.conditions) {
      const Json& others = find_in(at_path(page.analysis, {"probes"}),
                                   {{"condition", code.c_str()}, {"tuning", "lora"}});
      const Json& separated = probed_condition(page, "username", code);
      if (others.is_object() || separated.is_object()) all.push_back({code, others, separated});
    }
  return all;
}

/// The AUC at a layer less that of relabelled users, and the AUC's limits as far below.
Value selectivity_of(const Json& layer) {
  Value value = value_of(at_path(layer, {"auc"}), "t_low", "t_high");
  const double control = number_of(layer, "control");
  value.mean -= control, value.low -= control, value.high -= control;
  return value;
}

/// The bits that the fine-tuned state adds.
Value bits_of(const Json& others) {
  const Json& conditional = at_path(others, {"conditional"});
  Value value;
  value.mean = number_of(conditional, "bits");
  value.low = number_of(conditional, "low");
  value.high = number_of(conditional, "high");
  value.runs = static_cast<std::int64_t>(numbers_of(at_path(conditional, {"p_values"})).size());
  return value;
}

/// The certificates of all fits of these conditions.
struct Certificates {
  double fits = 0, unconverged = 0, gap = 0;

  void add(const Json& of) {
    if (!std::isfinite(number_of(of, "fits"))) return;
    fits += number_of(of, "fits");
    unconverged += number_of(of, "unconverged");
    gap = std::fmax(gap, number_of(of, "worst_duality_gap"));
  }
};

std::string grid_text(const StudyPage& page) {
  std::vector<std::string> values;
  for (const double c : page.study.c_grid) values.push_back(plain_text(c));
  return sentence_list(values);
}

void add_held_against(const StudyPage& page, const std::vector<Probed>& conditions, Part& part) {
  const std::string primary = primary_layer_of(page), vision = last_layer(page, "vision");
  Table table;
  table.columns = {{"Condition"},      {"Runs", true},   {"selectivity", true},
                   {"nested C", true}, {"pixels", true}, {"vision", true}};
  table.groups = {{"", 2}, {"AUC, users held out", 4}};
  Certificates certificates;
  ShownValues shown;
  bool selected = false;
  for (const Probed& probed : conditions) {
    const Json& runs =
        at_path(probed.separated.is_object() ? probed.separated : probed.others, {"runs"});
    const auto text = [&](const Json& auc) { return value_text(shown.add_student(auc), 2); };
    const Value selectivity =
        shown.add_student(selectivity_of(probed_layer(probed.separated, primary)));
    selected |= probed.code == "T" && selectivity.exists();
    certificates.add(at_path(probed.others, {"fits"}));
    table.rows.push_back({probed.code, cell_text(runs), value_text(selectivity, 2),
                          text(at_path(probed.others, {"nested"})),
                          text(at_path(probed.others, {"pixels"})),
                          text(at_path(probed_layer(probed.separated, vision), {"auc"}))});
  }
  const auto& [fits, unconverged, gap] = certificates;
  if (fits > 0)
    table.notes.push_back(fmt::format(
        "Certificate: {:.0f} fits behind these conditions' numbers, here and in the other figures "
        "of probes, {:.0f} of them unconverged, largest duality gap {:.1e}.",
        fits, unconverged, gap));
  Figure figure = page.figure(
      "validity",
      fits > 0 ? fmt::format("{:.0f} of {:.0f} fits of probes carry a certificate of convergence",
                             fits - unconverged, fits)
               : "What the probes are held against",
      std::move(table), {"K5", "K6"});
  figure.caption = joined_sentences(
      {"Low-rank trainings, asked for the username.",
       "Selectivity: AUC " + named_layer("at the primary layer", primary) +
           " less the mean of relabelled users, C = " + held_out_c() + ".",
       selected ? selection_sentence(page, true) : "",
       "Nested: AUC " + named_layer("at the last decoder layer", last_layer(page, "decoder")) +
           ", C chosen in inner folds from " + grid_text(page) + ".",
       "Pixels and vision: the probe at C = " + held_out_c() +
           " on the mean colours of the picture's patches, and on " +
           named_layer("the encoder's last layer", vision) + ".",
       shown.sentence(page)});
  const Json& relabelled = at_path(page.analysis, {"relabelled"});
  if (relabelled.is_object()) {
    ShownValues controls;
    const auto text = [&](const char* key) {
      return value_text(controls.add_student(at_path(relabelled, {key})));
    };
    figure.control = "relabelled users of W100: AUC at the primary layer " + text("auc") +
                     ", nested " + text("nested");
  }
  part.add(std::move(figure));
}

void add_codes(const StudyPage& page, const std::vector<Probed>& conditions, Part& part) {
  Table table;
  table.columns = {{"Condition"},
                   {"Runs", true},
                   {"conditional, bits an item", true},
                   {"MDL", true},
                   {"relabelled", true}};
  table.groups = {{"", 2}, {"beyond the base", 1}, {"compression", 2}};
  ShownValues shown;
  std::string title;
  for (const Probed& probed : conditions) {
    const Json& mdl = at_path(probed.others, {"mdl"});
    if (!probed.others.is_object()) continue;
    const Value bits = shown.add_student(bits_of(probed.others));
    const double code = number_of(mdl, "compression"), control = number_of(mdl, "control");
    if (probed.code == "W100" && bits.exists() && std::isfinite(code + control))
      title = fmt::format(
          "W100 tells {} bits beyond the base, and its code compresses by {} where that of random "
          "labels does by {}",
          number_text(bits.mean), number_text(code), number_text(control));
    table.rows.push_back({probed.code, cell_text(at_path(probed.others, {"runs"})),
                          value_text(bits), number_text(code), number_text(control)});
  }
  if (table.rows.empty()) return part.lacks("conditional information and description lengths");
  Figure figure = page.figure(
      "validity-codes",
      title.empty() ? "What states tell beyond the base's, and in how short a code" : title,
      std::move(table), {"K5", "K6"});
  figure.caption = joined_sentences(
      {"Low-rank trainings, asked for the username; states " +
           named_layer("of the last decoder layer", last_layer(page, "decoder")) +
           ", C chosen from " + grid_text(page) + " by other items than those it is tested on.",
       "Conditional: the bits about IN or OUT that a held-out item's fine-tuned state adds to its "
       "state in the base; above 0 it tells something new.",
       "MDL: the bits of the labels over those of their prequential code, users in order: 1 is "
       "as long as the labels themselves, above 1 is better, below 1 is worse than tossing a coin. "
       "Beside it the mean of relabelled users.",
       shown.sentence(page)});
  part.add(std::move(figure));
}

}  // namespace

void add_validity(const StudyPage& page, Part& part) {
  const std::vector<Probed> conditions = probed_conditions(page);
  if (conditions.empty()) return part.lacks("validity of the probes");
  add_held_against(page, conditions, part);
  add_codes(page, conditions, part);
}

}  // namespace chainline::experiments
