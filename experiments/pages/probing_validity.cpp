#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <set>

#include "experiments/claims/thresholds.h"
#include "experiments/pages/probing.h"

namespace chainline::experiments {
namespace {

/// A share that the base reads, of each base that has it.
struct Shares {
  double low = std::numeric_limits<double>::infinity(), high = -low;

  bool exist() const { return low <= high; }
  /// "96 %", or "93 to 96 %" where bases differ.
  std::string text() const {
    const std::string from = number_text(100 * low, 0), to = number_text(100 * high, 0);
    return (from == to ? from : from + " to " + to) + " %";
  }
};

Shares shares_of(const Json& bases, const char* size, const char* what) {
  Shares shares;
  for (const Json& base : bases) {
    const double share = number_of(at_path(base, {size}), what);
    if (!std::isfinite(share)) continue;
    shares.low = std::min(shares.low, share);
    shares.high = std::max(shares.high, share);
  }
  return shares;
}

/// "96 % of the characters and 77 % of the whole lines", of cards of a size; "" without a number.
std::string read_text(const Json& bases, const char* size, bool in_full) {
  const Shares characters = shares_of(bases, size, "characters"),
               lines = shares_of(bases, size, "whole_lines");
  if (!characters.exist()) return "";
  std::string text = characters.text() + (in_full ? " of the characters" : "");
  if (lines.exist())
    text += lines.high > 0 ? " and " + lines.text() + " of the whole lines" : " and no whole line";
  return text;
}

std::string legibility_title(const Json& bases) {
  const std::string normal = read_text(bases, "normal", true);
  if (normal.empty()) return "How well the base reads unseen cards";
  std::string title = "Of unseen cards of the size of training " + normal + " are read";
  for (const auto& [size, name] : {std::pair("large", "larger"), std::pair("small", "smaller")})
    if (const std::string text = read_text(bases, size, false); !text.empty())
      title += fmt::format("; of {} ones {}", name, text);
  return title;
}

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
  Value value = value_of(others);  // its run numbers
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

/// Whether values repeat from condition to condition: they depend on the runs alone.
bool repeat(const std::vector<Value>& values) {
  std::map<std::string, std::string> by_runs;
  std::size_t count = 0;
  for (const Value& value : values) {
    if (!value.exists()) continue;
    ++count;
    const std::string text = value_text(value, 6);
    if (by_runs.emplace(value.seeds, text).first->second != text) return false;
  }
  return count > by_runs.size();
}

/// "0.50 (0.50 to 0.51) in runs 0 to 9 and 0.51 (0.50 to 0.52) in runs 0 to 2".
std::string by_runs_text(const std::vector<Value>& values) {
  std::set<std::string> known;
  std::vector<std::string> texts;
  for (const Value& value : values) {
    if (!value.exists() || !known.insert(value.seeds).second) continue;
    const char* in = value.run_numbers.size() == 1 ? " in run " : " in runs ";
    texts.push_back(value_text(value, 2) + (value.seeds.empty() ? "" : in + value.seeds));
  }
  return sentence_list(texts);
}

/// What the table shows, and whether its fits can be trusted.
std::string validity_title(const Value& marked, const Value& control,
                           const Certificates& certificates) {
  std::vector<std::string> of;
  if (marked.exists()) of.push_back("of W100 is " + value_text(marked, 2));
  if (control.exists()) of.push_back((of.empty() ? "of T is " : "of T ") + value_text(control, 2));
  std::string title = of.empty() ? "What the probes are held against"
                                 : fmt::format("Selectivity {}", fmt::join(of, ", "));
  if (certificates.fits > 0)
    title += (certificates.unconverged > 0
                  ? fmt::format("; {:.0f} of {:.0f} fits",
                                certificates.fits - certificates.unconverged, certificates.fits)
                  : fmt::format("; all {:.0f} fits", certificates.fits)) +
             " carry a certificate of convergence";
  return title;
}

void add_held_against(const StudyPage& page, const std::vector<Probed>& conditions, Part& part) {
  const std::string primary = primary_layer_of(page), vision = last_layer(page, "vision");
  Table table;
  table.columns = {{"Condition"}, {"Runs", true}, {"selectivity", true}, {"nested C", true}};
  Certificates certificates;
  ShownValues shown;
  std::vector<Value> pixels, encoder;  // by row
  Value marked = value_of(Json()), control = marked;
  for (const Probed& probed : conditions) {
    const Json& runs =
        at_path(probed.separated.is_object() ? probed.separated : probed.others, {"runs"});
    const Value selectivity =
        shown.add_student(selectivity_of(probed_layer(probed.separated, primary)));
    if (probed.code == "W100") marked = selectivity;
    if (probed.code == "T") control = selectivity;
    certificates.add(at_path(probed.others, {"fits"}));
    const Value nested = shown.add_student(at_path(probed.others, {"nested"}));
    pixels.push_back(shown.add_student(at_path(probed.others, {"pixels"})));
    encoder.push_back(shown.add_student(at_path(probed_layer(probed.separated, vision), {"auc"})));
    table.rows.push_back(
        {probed.code, cell_text(runs), value_text(selectivity, 2), value_text(nested, 2)});
  }
  std::vector<std::string> repeated;
  for (const auto& [name, values] : {std::pair("pixels", &pixels), std::pair("vision", &encoder)}) {
    if (repeat(*values)) {
      repeated.push_back(fmt::format("{}: {}", name, by_runs_text(*values)));
      continue;
    }
    table.columns.push_back({name, true});
    for (std::size_t r = 0; r < table.rows.size(); ++r)
      table.rows[r].push_back(value_text((*values)[r], 2));
  }
  table.groups = {{"", 2}, {"AUC, users held out", static_cast<int>(table.columns.size()) - 2}};
  if (!repeated.empty())
    table.notes.push_back(
        fmt::format("The same in every condition, since no low-rank training changes the picture "
                    "or the encoder, which is frozen: {}.",
                    fmt::join(repeated, "; ")));
  if (certificates.fits > 0)
    table.notes.push_back(fmt::format(
        "Certificate: {:.0f} fits behind these conditions' numbers, here and in the other figures "
        "of probes, {:.0f} of them unconverged, largest duality gap {:.1e}.",
        certificates.fits, certificates.unconverged, certificates.gap));
  Figure figure = page.figure("validity", validity_title(marked, control, certificates),
                              std::move(table), {"K5", "K6"});
  figure.caption = joined_sentences(
      {"Low-rank trainings, asked for the username.",
       "Selectivity: AUC " + named_layer("at the primary layer", primary) +
           " less the mean of relabelled users, C = " + held_out_c() + ".",
       "Nested: AUC " + named_layer("at the last decoder layer", last_layer(page, "decoder")) +
           ", C chosen in inner folds from " + grid_text(page) + ".",
       "Pixels and vision: the probe at C = " + held_out_c() +
           " on the mean colours of the picture's patches, and on " +
           named_layer("the encoder's last layer", vision) + ".",
       shown.sentence(page)});
  figure.counts = shown.counts();
  figure.seeds = shown.seeds();
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

/// By how many percent a code is longer than the labels that it tells; `compression` is the labels'
/// bits over the code's.
double percent_longer(double compression) { return std::round(100 * (1 / compression - 1)); }

/// "6 % longer"; "as long" where a percent does not tell them apart.
std::string longer_text(double percent) {
  if (percent == 0) return "as long";
  return fmt::format("{:.0f} % {}", std::abs(percent), percent > 0 ? "longer" : "shorter");
}

/// What W100's state adds, and how long its code is beside one of random labels.
std::string codes_title(const Value& bits, double compression, double control) {
  const double own = percent_longer(compression), random = percent_longer(control);
  return fmt::format(
      "W100's state adds {} bits to the base's, and its code of IN/OUT is {} {} the labels "
      "themselves ({} with random labels)",
      value_text(bits), longer_text(own), own == 0 ? "as" : "than",
      own * random > 0 ? fmt::format("{:.0f} %", std::abs(random)) : longer_text(random));
}

void add_codes(const StudyPage& page, const std::vector<Probed>& conditions, Part& part) {
  Table table;
  table.columns = {{"Condition"},
                   {"Runs", true},
                   {"conditional, bits an item", true},
                   {"MDL", true},
                   {"relabelled", true}};
  table.groups = {{"", 2}, {"beyond the base", 1}, {"labels over code", 2}};
  ShownValues shown;
  std::string title;
  for (const Probed& probed : conditions) {
    const Json& mdl = at_path(probed.others, {"mdl"});
    if (!probed.others.is_object()) continue;
    const Value bits = shown.add_student(bits_of(probed.others));
    const double code = number_of(mdl, "compression"), control = number_of(mdl, "control");
    if (probed.code == "W100" && bits.exists() && code > 0 && control > 0)
      title = codes_title(bits, code, control);
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
  figure.counts = shown.counts();
  figure.seeds = shown.seeds();
  figure.control = "B, which holds the base's state against itself, and relabelled users";
  part.add(std::move(figure));
}

}  // namespace

void add_legibility(const StudyPage& page, Part& part) {
  const Json& bases = at_path(page.analysis, {"legibility"});
  Table table;
  table.columns = {{"Size of cards"}, {"Cards", true}, {"characters", true},
                   {"names", true},   {"ids", true},   {"whole lines", true}};
  table.groups = {{"", 2}, {"read right", 4}};
  bool others = false;  // cards that are larger or smaller
  std::string size_of_reading;
  for (std::size_t b = 0; bases.is_array() && b < bases.size(); ++b)
    for (const auto& [size, name] :
         {std::pair("normal", "normal"), std::pair("large", "large (1.5 times)"),
          std::pair("small", "small (half)")}) {
      const Json& read = at_path(bases[b], {size});
      if (!std::isfinite(number_of(read, "characters"))) continue;
      const auto percent = [&read](const char* what) {
        const double share = number_of(read, what);
        return std::isfinite(share) ? number_text(100 * share, 0) + " %" : std::string("–");
      };
      others |= std::string(size) != "normal";
      if (const double characters = number_of(read, "chars");
          size_of_reading.empty() && std::isfinite(characters))
        size_of_reading = fmt::format(", {} cards with {:.0f} characters of each size",
                                      cell_text(at_path(read, {"cards"})), characters);
      table.rows.push_back({(bases.size() > 1 ? fmt::format("base {}, ", b + 1) : "") + name,
                            cell_text(at_path(read, {"cards"})), percent("characters"),
                            percent("username"), percent("user_id"), percent("whole_lines")});
    }
  if (table.rows.empty()) return part.lacks("the legibility of cards");
  Figure figure = page.figure("legibility", legibility_title(bases), std::move(table),
                              {"K5", "K6", "K7", "K8", "K9"});
  figure.caption = fmt::format(
      "Legibility of cards, before any fine-tuning: under a stranger's card on a test picture the "
      "base is asked for the name and the id, and its answers are held against the card. "
      "Characters: 1 less the edit distance over the length of the longer of answer and text, of "
      "both lines, of names and of ids. Whole lines: without a fault. Normal is the size of "
      "training and of probing. Each base is read once, so there is no interval. Below {:.0f} % of "
      "the characters at the normal size K5 to K9 stay open.",
      100 * kLegible);
  figure.counts = counted(static_cast<std::int64_t>(bases.size()), "base") + size_of_reading;
  figure.seeds = fmt::format("study {}", page.study.seed);
  figure.control = others ? "cards larger and smaller than those of training" : "";
  part.add(std::move(figure));
}

void add_validity(const StudyPage& page, Part& part) {
  const std::vector<Probed> conditions = probed_conditions(page);
  if (conditions.empty()) return part.lacks("validity of the probes");
  add_held_against(page, conditions, part);
  add_codes(page, conditions, part);
}

}  // namespace chainline::experiments
