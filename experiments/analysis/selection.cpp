#include "experiments/analysis/selection.h"

#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <tuple>

#include "tensor/error.h"

namespace chainline::experiments {
namespace {

int rank_of_measures(const std::string& measures) {
  return measures == "all" ? 0 : measures == "users" ? 1 : 2;
}

std::vector<std::int64_t> partners_in(const Json& json, std::size_t users,
                                      const std::string& where) {
  const std::vector<double> list = numbers(json, where + ": partners");
  check<FileError>(list.size() == users, where, ": partners: expected those of ", users,
                   " users, got ", list.size());
  std::vector<std::int64_t> partners;
  for (const double partner : list) {
    check<FileError>(
        partner == std::floor(partner) && partner >= -1 && partner < static_cast<double>(users),
        where, ": partners: expected users' numbers or -1, got ", partner);
    partners.push_back(static_cast<std::int64_t>(partner));
  }
  return partners;
}

StudyRun parsed(const Json& json, std::size_t i) {
  StudyRun run;
  const std::string where = fmt::format("runs[{}]", i);
  run.json = &json;
  run.condition = string_member(json, "condition", where);
  run.run = integer_member(json, "run", where);
  run.tuning = string_member(json, "tuning", where);
  run.measures = string_member(json, "measures", where);
  if (run.condition != "B") {
    run.settings.mix = string_member(json, "mix", where);
    run.settings.optimizer = string_member(json, "optimizer", where);
    run.settings.batch = integer_member(json, "batch", where);
    const Json& factor = member(json, "rate_factor", where);
    check<FileError>(factor.is_number() && factor.get<double>() > 0, where,
                     ": rate_factor: expected a positive number, got ", excerpt(factor));
    run.settings.rate_factor = factor.get<double>();
    if (run.tuning == "lora") run.settings.lora_rank = integer_member(json, "lora_rank", where);
    const Json& noise = member(json, "private_noise", where);
    check<FileError>(noise.is_number() && noise.get<double>() >= 0, where,
                     ": private_noise: expected a number of 0 or more, got ", excerpt(noise));
    run.private_noise = noise.get<double>();
  }
  if (json.contains("in"))
    for (const double in : numbers(json["in"], where + ": in")) run.in.push_back(in == 1);
  check<FileError>(!run.in.empty() || !json.contains("users"), where, ": missing key \"in\"");
  if (json.contains("partners")) run.partners = partners_in(json["partners"], run.in.size(), where);
  return run;
}

/// The other one of the user's pair; nullopt for a user that shares its pictures with nobody, or whom
/// its partner does not name in turn.
std::optional<std::size_t> partner_of(const StudyRun& run, std::size_t user) {
  if (run.partners.empty() || run.partners[user] < 0) return std::nullopt;
  const auto other = static_cast<std::size_t>(run.partners[user]);
  if (run.partners[other] != static_cast<std::int64_t>(user) || run.in[other] == run.in[user])
    return std::nullopt;
  return other;
}

/// The groups of the kept users: a pair's is the place of its first, anybody else's the own one.
std::vector<int> groups_of(const StudyRun& run, const std::vector<std::size_t>& kept) {
  std::vector<char> there(run.in.size(), 0);
  for (const std::size_t u : kept) there[u] = 1;
  bool pairs = false;
  for (std::size_t u = 0; u < run.in.size(); ++u) pairs = pairs || partner_of(run, u).has_value();
  std::vector<int> groups;
  for (const std::size_t u : kept) {
    const std::optional<std::size_t> other = partner_of(run, u);
    const std::size_t group = other && there[*other] ? std::min(u, *other) : u;
    groups.push_back(pairs ? static_cast<int>(group) : 0);
  }
  return groups;
}

std::string settings_text(const RunSettings& s) {
  return fmt::format("{}|{}|{}|{}|{}", s.mix, s.optimizer, s.batch, s.rate_factor, s.lora_rank);
}

}  // namespace

const std::vector<std::string>& study_conditions() {
  static const std::vector<std::string> codes = {
      "B",  "C0", "W10", "W25",    "W50",   "W75",   "W100",  "P-const", "P-uniq", "P-noise",
      "U3", "SW", "L-0", "L-0.05", "L-0.1", "L-0.2", "L-0.4", "T",       "IMG",    "TXT"};
  return codes;
}

std::optional<double> rate_of(const std::string& condition) {
  if (condition == "C0") return 0.0;
  static const std::map<std::string, double> rates = {
      {"W10", 0.1}, {"W25", 0.25}, {"W50", 0.5}, {"W75", 0.75}, {"W100", 1.0}};
  const auto found = rates.find(condition);
  if (found == rates.end()) return std::nullopt;
  return found->second;
}

std::string StudyRun::where() const { return fmt::format("run {} of {}", run, condition); }

Runs::Runs(const StudyResults& results) {
  for (std::size_t i = 0; i < results.runs.size(); ++i) runs_.push_back(parsed(results.runs[i], i));
  // By everything that tells runs apart, so that the order of the results doesn't show.
  const auto key = [](const StudyRun& run) {
    return std::tuple(run.run, rank_of_measures(run.measures), run.condition, run.tuning,
                      settings_text(run.settings), run.private_noise);
  };
  std::stable_sort(runs_.begin(), runs_.end(),
                   [&](const StudyRun& x, const StudyRun& y) { return key(x) < key(y); });
}

std::optional<RunSettings> Runs::main_settings(const std::string& tuning) const {
  std::map<std::string, std::pair<std::int64_t, RunSettings>> counts;
  for (const StudyRun& run : runs_) {
    if (run.tuning != tuning || run.condition == "B") continue;
    // A run with all measures outweighs any number of others; C0 breaks ties.
    const std::int64_t weight = run.measures == "all" ? 1'000'000 : 1'000;
    auto& [count, settings] = counts[settings_text(run.settings)];
    count += weight + (run.condition == "C0" ? 1 : 0);
    settings = run.settings;
  }
  std::optional<RunSettings> best;
  std::int64_t most = 0;
  for (const auto& [text, entry] : counts)
    if (entry.first > most) most = entry.first, best = entry.second;
  return best;
}

std::vector<std::string> Runs::tunings() const {
  std::vector<std::string> names;
  for (const char* name : {"lora", "full"})
    for (const StudyRun& run : runs_)
      if (run.tuning == name) {
        names.emplace_back(name);
        break;
      }
  return names;
}

std::vector<StudyRun> Runs::where(const std::function<bool(const StudyRun&)>& passes,
                                  const std::string& part) const {
  std::vector<StudyRun> found;
  for (const StudyRun& run : runs_) {
    if (!run.json->contains(part) || !run.json->at(part).is_object() || !passes(run)) continue;
    if (!found.empty() && found.back().run == run.run) continue;
    found.push_back(run);
  }
  return found;
}

std::vector<StudyRun> Runs::main(const std::string& condition, const std::string& tuning,
                                 const std::string& part) const {
  const std::optional<RunSettings> settings = main_settings(tuning);
  return where(
      [&](const StudyRun& run) {
        return run.condition == condition && run.tuning == tuning && run.private_noise == 0 &&
               (condition == "B" || run.settings == settings);
      },
      part);
}

std::vector<std::int64_t> seeds_of(const std::vector<StudyRun>& runs) {
  std::vector<std::int64_t> seeds;
  for (const StudyRun& run : runs) seeds.push_back(run.run);
  return seeds;
}

Sources sources_of(const std::vector<StudyRun>& runs) {
  Sources sources{seeds_of(runs), 0};
  for (const StudyRun& run : runs)
    sources.users = std::max(sources.users, static_cast<std::int64_t>(run.in.size()));
  return sources;
}

const std::vector<UserMeasure>& user_measures() {
  static const std::vector<UserMeasure> measures = {
      {"exposure", 1}, {"exposure_fit", 1}, {"exact", 1},      {"edit", -1},  {"forced", 1},
      {"loss", -1},    {"phi", 1},          {"preference", 1}, {"prompt", 1}, {"decision", 1}};
  return measures;
}

std::vector<double> user_values(const StudyRun& run, const std::string& measure,
                                const std::string& layer) {
  const std::string where = run.where() + ": " + measure;
  std::vector<double> values;
  if (measure == "decision") {
    if (!run.json->contains("probes") || !run.json->at("probes").contains("username")) return {};
    const Json& probe = run.json->at("probes").at("username");
    const Json& layers = member(probe, "layers", where);
    const Json& decisions = member(probe, "decisions", where);
    check<FileError>(layers.is_array() && decisions.is_array() && layers.size() == decisions.size(),
                     where, ": expected decisions of each layer");
    for (std::size_t i = 0; i < layers.size(); ++i)
      if (string_member(layers[i], "layer", where) == layer) values = numbers(decisions[i], where);
    if (values.empty()) return {};
  } else {
    const auto users = run.json->find("users");
    if (users == run.json->end() || !users->contains(measure)) return {};
    values = numbers(users->at(measure), where);
    if (measure == "exposure_fit" && users->contains("fit_trusted")) {
      const std::vector<double> trusted = numbers(users->at("fit_trusted"), where);
      for (std::size_t u = 0; u < std::min(values.size(), trusted.size()); ++u)
        if (trusted[u] != 1) values[u] = std::numeric_limits<double>::quiet_NaN();
    }
  }
  check<FileError>(values.size() == run.in.size(), where, ": expected values of ", run.in.size(),
                   " users, got ", values.size());
  return values;
}

Measurement as_measured(const std::vector<StudyRun>& runs, const std::string& measure,
                        const std::string& layer) {
  Measurement m{runs, {}, ""};
  for (const StudyRun& run : runs) m.values.push_back(user_values(run, measure, layer));
  return m;
}

Measurement less_reference(const std::vector<StudyRun>& runs,
                           const std::vector<StudyRun>& reference, const std::string& measure,
                           const std::string& layer) {
  Measurement m;
  for (const auto& [run, other] : paired(runs, reference)) {
    std::vector<double> values = user_values(run, measure, layer);
    const std::vector<double> before = user_values(other, measure, layer);
    if (values.empty() || before.empty()) continue;
    check<FileError>(run.in == other.in, run.where(), " and ", other.where(),
                     ": expected the same users IN");
    for (std::size_t u = 0; u < values.size(); ++u) values[u] -= before[u];
    m.runs.push_back(run);
    m.values.push_back(std::move(values));
    m.reference = other.condition;
  }
  return m;
}

Measurement measurement(const Runs& all, const std::vector<StudyRun>& runs,
                        const std::string& measure, const std::string& layer) {
  const bool from_base = measure == "loss" || measure == "phi" || measure == "prompt";
  if (from_base && !runs.empty() && runs.front().condition != "B") {
    // The base is the same for every way of tuning it.
    const std::vector<StudyRun> before =
        all.where([](const StudyRun& run) { return run.condition == "B"; }, "users");
    Measurement m = less_reference(runs, before, measure, layer);
    if (!m.runs.empty()) return m;
  }
  return as_measured(runs, measure, layer);
}

MeasuredRuns measured(const Measurement& measurement) {
  MeasuredRuns found;
  for (std::size_t r = 0; r < measurement.runs.size(); ++r) {
    const StudyRun& run = measurement.runs[r];
    const std::vector<double>& all = measurement.values[r];
    std::vector<std::size_t> kept;
    std::vector<double> values;
    std::vector<int> in;
    for (std::size_t u = 0; u < all.size(); ++u) {
      if (!std::isfinite(all[u])) continue;
      kept.push_back(u);
      values.push_back(all[u]);
      in.push_back(run.in[u]);
    }
    const auto inside = std::count(in.begin(), in.end(), 1);
    if (inside == 0 || inside == static_cast<std::ptrdiff_t>(in.size())) continue;
    found.sources.seeds.push_back(run.run);
    found.sources.users = std::max(found.sources.users, static_cast<std::int64_t>(kept.size()));
    found.values.values.push_back(std::move(values));
    found.values.in.push_back(std::move(in));
    found.values.groups.push_back(groups_of(run, kept));
  }
  return found;
}

MeasuredRuns measured(const std::vector<StudyRun>& runs, const std::string& measure,
                      const std::string& layer) {
  return measured(as_measured(runs, measure, layer));
}

std::vector<std::pair<StudyRun, StudyRun>> paired(const std::vector<StudyRun>& a,
                                                  const std::vector<StudyRun>& b) {
  std::vector<std::pair<StudyRun, StudyRun>> pairs;
  for (const StudyRun& x : a)
    for (const StudyRun& y : b)
      if (x.run == y.run) pairs.emplace_back(x, y);
  return pairs;
}

}  // namespace chainline::experiments
