#pragma once

#include <algorithm>
#include <cmath>
#include <string>
#include <utility>
#include <vector>

#include "experiments/analysis/study_results.h"
#include "tests/experiments/pages/synthetic_tables.h"

namespace chainline::experiments {

/// A study of invented numbers, of the shapes that jobs, analyse(), judge_gates() and judge_claims()
/// document: small, but with something for every figure.
struct SyntheticStudy : private SyntheticTables {
  StudyResults runs;
  Json results;

  /// `complete` false: a study just begun, with two runs and no probe.
  explicit SyntheticStudy(bool complete = true) {
    results = {
        {"study", Json::object()},
        {"data", {{"spec", "shapes"}, {"name", "shapes"}, {"licence", "none"}, {"sha256", "ab12"}}},
        {"jobs", {{"all", 40}, {"missing", complete ? 0 : 38}}},
        {"command", "chainline reproduce --scale smoke --out out/smoke"}};
    if (complete) {
      add_runs();
      add_twins();
    }
    results["analysis"] = analysis(complete);
    results["gates"] = gates(complete);
    results["claims"] = claims(complete);
  }

 private:
  Json layer_probe(const std::string& name, double auc) {
    return {{"layer", name},
            {"replica",
             {{"accuracy", auc + 0.2},
              {"test_items", 51},
              {"selectivity", 0.01},
              {"control", {0.66 + noise(0.02), 0.67, 0.65 + noise(0.02)}}}},
            {"accuracy", auc},
            {"auc", auc},
            {"auc_control", {0.5 + noise(0.02), 0.5 + noise(0.02), 0.5, 0.5 + noise(0.02)}}};
  }

  void add_runs() {
    for (const char* code : {"B", "W50", "W100"})
      for (int r = 1; r <= 2; ++r) {
        Json probes = Json::object();
        for (const char* question : {"username", "user_id"}) {
          probes[question]["layers"] = Json::array();
          for (const std::string& layer : layers(question))
            probes[question]["layers"].push_back(layer_probe(layer, 0.5 + noise(0.03)));
        }
        if (r == 1) {
          Json pca = Json::array(), tsne = Json::array(), seen = Json::array();
          for (int i = 0; i < 120; ++i) {
            pca.push_back({noise(3), noise(2)});
            tsne.push_back({noise(30), noise(30)});
            seen.push_back(i % 2);
          }
          probes["projections"] = {
              {"layer", "decoder layer 3"},
              {"pca", {{"points", pca}, {"ratio", {0.31, 0.12}}}},
              {"tsne", {{"points", tsne}, {"kl", 1.234}}},
              {"seen", seen},
              {"silhouette", {{"mean", 0.0012}, {"p_value", 0.41}, {"of_users", 0.21}}}};
        }
        runs.runs.push_back({{"condition", code},
                             {"run", r},
                             {"tuning", "lora"},
                             {"measures", "all"},
                             {"probes", probes}});
      }
    runs.bases.push_back({{"parameters", 650000}});
  }

  void add_twins() {
    for (int r = 1; r <= 2; ++r) {
      Json steps = Json::array(), weights = Json::array(), gradients = Json::array();
      const std::vector<std::string> groups = {"all parameters", "projector", "decoder layer 1",
                                               "decoder layer 2"};
      for (std::size_t g = 0; g < groups.size(); ++g) {
        Json w = Json::array(), d = Json::array();
        for (int s = 0; s <= 60; ++s) {
          if (g == 0) steps.push_back(s);
          w.push_back(s < 5 ? 0.0 : 1e-4 * std::sqrt(s) * (1 + 0.2 * static_cast<double>(g)));
          d.push_back(s < 4 ? 0.0 : 1e-2 * (1.2 + noise(1)));
        }
        weights.push_back(w);
        gradients.push_back(d);
      }
      runs.twins.push_back({{"run", r},
                            {"condition", "W100"},
                            {"samples", 32},
                            {"steps", steps},
                            {"groups", groups},
                            {"weights", weights},
                            {"gradients", gradients},
                            {"identical_rerun", true},
                            {"max_difference_at_rate_0", 0.0}});
    }
  }

  Json analysis(bool complete) {
    Json a = {
        {"options",
         {{"seed", 1},
          {"replicates", 1000},
          {"relabellings", 2000},
          {"draws", 20000},
          {"confidence", 0.95},
          {"delta", 1e-5},
          {"utility_margin", 0.01}}},
        {"settings", Json::object()},
        {"coverage",
         {{"bases", complete},
          {"runs", complete ? 60 : 2},
          {"gradients", complete ? 6 : 0},
          {"twins", complete ? 2 : 0},
          {"planned", {{"bases", 1}, {"runs", 60}, {"gradients", 6}, {"twins", 2}}},
          {"complete", complete},
          {"conditions", Json::array()},
          {"missing_conditions", Json::array()},
          {"sentence", complete ? "all that was planned: 60 runs" : "unfinished: 2 of 60 runs"}}},
        {"legibility", Json::array()},
        {"effects", Json::array()},
        {"prompt", Json::array()},
        {"linked", Json::array()},
        {"primary", nullptr},
        {"separation", Json::object()},
        {"transfer", Json::array()},
        {"probes", Json::array()},
        {"relabelled", nullptr},
        {"projections", Json::array()},
        {"utility",
         {{"rows", Json::array()}, {"trends", Json::array()}, {"choice_chance", nullptr}}},
        {"gradients", nullptr},
        {"twins", nullptr},
        {"grid", nullptr},
        {"memorization", Json::array()},
        {"attacks", Json::array()},
        {"private_utility", Json::array()},
        {"privacy", Json::array()}};
    a["utility"] = utility(complete);
    if (!complete) return a;
    for (const char* code : {"B", "C0", "W100", "T"})
      for (const char* place : {"decoder layer 2", "t-SNE plane"}) {
        Json row = over_runs(0.03, 0.02);
        row.update({{"condition", code},
                    {"tuning", "lora"},
                    {"place", place},
                    {"low", nullptr},
                    {"high", nullptr},
                    {"p", 0.4},
                    {"of_users", 0.1},
                    {"gain", over_runs(0, 0.01)},
                    {"over_users", over_runs(-0.05, 0.02)}});
        a["silhouettes"].push_back(row);
      }
    for (const double factor : {0.5, 1.0, 2.0})
      a["sweep"].push_back({{"tuning", "lora"},
                            {"run", 0},
                            {"rate_factor", factor},
                            {"learning_rate", 1e-3 * factor},
                            {"accuracy", 0.8 - 0.01 * factor}});
    const Json legibility = {{"characters", 0.93}, {"username", 0.71}, {"user_id", 0.42},
                             {"whole_lines", 0.5}, {"cards", 100},     {"chars", 1800}};
    a["legibility"] = {{{"normal", legibility}, {"small", legibility}, {"large", nullptr}}};
    a["primary"] = {{"layer", "decoder layer 2"},
                    {"chosen_by", "positive control T"},
                    {"runs", 3},
                    {"sentence", "decoder layer 2, where T separates best in 3 runs"}};
    for (const std::string& code : conditions()) {
      for (const char* tuning : {"lora", "full"})
        for (const char* measure : {"exposure", "exact", "edit", "forced", "loss", "phi",
                                    "preference", "prompt", "decision"}) {
          if (std::string(tuning) == "full" && code != "C0" && code != "W100" && code != "T")
            continue;
          Json e = estimate(size_of_effect(code), 0.15);
          e.update({{"condition", code},
                    {"tuning", tuning},
                    {"measure", measure},
                    {"reference", nullptr},
                    {"in", 0.3},
                    {"out", 0.2},
                    {"p", 0.01},
                    {"p_corrected", code == "T" ? 0.0005 : 0.4},
                    {"direction", 1}});
          a["effects"].push_back(e);
        }
      Json auc = over_runs(0.5, 0.02);
      a["prompt"].push_back({{"condition", code},
                             {"tuning", "lora"},
                             {"auc", auc},
                             {"forced_in", estimate(0.5, 0.02)},
                             {"forced_out", estimate(0.5, 0.02)}});
      a["probes"].push_back(
          {{"condition", code},
           {"tuning", "lora"},
           {"runs", 3},
           {"seeds", {1, 2, 3}},
           {"pixels", over_runs(0.5, 0.02)},
           {"nested", over_runs(0.5, 0.02)},
           {"nested_c", {0.01}},
           {"conditional", {{"bits", 0.002}, {"low", -0.01}, {"high", 0.014}, {"p_values", {0.4}}}},
           {"mdl", {{"compression", 0.98}, {"control", 0.97}}},
           {"fits",
            {{"fits", 240},
             {"unconverged", 0},
             {"worst_gradient", 1e-6},
             {"worst_duality_gap", 3e-9}}}});
    }
    a["relabelled"] = {{"auc", over_runs(0.5, 0.01)}, {"nested", over_runs(0.5, 0.01)}};
    for (const char* question : {"username", "user_id"}) {
      a["separation"][question] = separation(question);
      for (const char* code : {"SW", "U3"}) add_transfer(a["transfer"], question, code);
    }
    for (const char* code : {"L-0.05", "L-0.1", "L-0.2", "L-0.4"}) {
      a["linked"].push_back(estimate(0.4, 0.1));
      a["linked"].back().update(
          {{"condition", code}, {"tuning", "lora"}, {"reference", "L-0"}, {"p", 0.01}});
    }
    a["gradients"] = gradients();
    a["twins"] = {{"twins",
                   {{{"run", 1},
                     {"condition", "W100"},
                     {"samples", 32},
                     {"identical_rerun", true},
                     {"max_difference_at_rate_0", 0.0},
                     {"last_weights", {{"all parameters", 7.7e-4}}},
                     {"last_gradients", {{"all parameters", 1e-2}}}}}},
                  {"all_identical", true},
                  {"all_zero", true}};
    a["grid"] = grid();
    for (const char* code : {"W100", "C0", "T", "L-0.4"}) {
      std::vector<double> users;
      for (int u = 0; u < 128; ++u) users.push_back(size_of_effect(code) + noise(1.5));
      a["memorization"].push_back({{"condition", code},
                                   {"measure", "exposure"},
                                   {"runs", 3},
                                   {"seeds", {1, 2, 3}},
                                   {"users", 128},
                                   {"mean", 0.1},
                                   {"standard_error", 0.1},
                                   {"positive_share", 0.55},
                                   {"quartiles", {-1, -0.5, 0, 0.5, 1}},
                                   {"by_user", users}});
      for (const char* measure : {"exposure", "phi"})
        a["attacks"].push_back(
            {{"condition", code},
             {"measure", measure},
             {"reference", std::string(measure) == "phi" ? Json("B") : Json()},
             {"runs", 3},
             {"lira",
              {{"auc", 0.53},
               {"low", 0.5},
               {"high", 0.56},
               {"members", 192},
               {"others", 192},
               {"undefined", 0},
               {"tpr_at_1", {{"tpr", 0.02}, {"low", 0}, {"high", 0.05}, {"fpr", 0.01}}}}},
             {"epsilon",
              {{"bound", 0.1},
               {"true_positives", 3},
               {"members", 192},
               {"false_positives", 1},
               {"others", 192}}}});
    }
    for (const double sigma : {0.001, 0.5, 1.0, 2.0})
      for (const char* code : {"W100", "T"}) {
        for (const char* score : {"accuracy", "choice", "perception", "cognition", "loss"}) {
          a["private_utility"].push_back(estimate(0.7 - 0.02 * sigma, 0.01));
          a["private_utility"].back().update(
              {{"condition", code},
               {"tuning", "lora"},
               {"noise", sigma},
               {"score", score},
               {"difference", sigma < 0.01 ? Json() : estimate(-0.02 * sigma, 0.01)}});
        }
        a["privacy"].push_back(
            {{"condition", code},
             {"tuning", "lora"},
             {"noise", sigma},
             {"q", 0.016},
             {"steps", 62},
             {"epsilon", 8 / sigma / sigma},
             {"delta", 1e-5},
             {"order", 12},
             {"effects", {{"exposure", estimate(0.5 / sigma, 0.2)}, {"phi", estimate(0, 0.1)}}},
             {"epsilon_bound", {{"exposure", {{"bound", 0.2}}}}},
             {"epsilon_together", {{"bound", 0.1}, {"measures", 9}}}});
      }
    return a;
  }

  static Json gates(bool complete) {
    Json list = Json::array();
    for (const char* id : {"T detected", "L-0.4 detected", "relabelled at chance",
                           "identical rerun", "twins at rate 0"})
      list.push_back({{"id", id},
                      {"statement", "what must hold before a claim is judged"},
                      {"status", complete ? "passed" : "missing"},
                      {"evidence", complete ? "exposure of T 2.5 bits, p 0.0005" : "no run of T"},
                      {"measured", complete ? Json(0.0005) : Json()},
                      {"threshold", 0.05}});
    return list;
  }

  static Json claims(bool complete) {
    Json list = Json::array();
    for (int k = 1; k <= 10; ++k) {
      Json claim = {{"id", "K" + std::to_string(k)},
                    {"statement", "a statement of the paper that a number can refute"},
                    {"rests_on", {"T detected"}},
                    {"command", "chainline reproduce --scale smoke --out out/smoke"}};
      if (!complete) {
        claim["withheld"] = "gate T detected has no result yet";
      } else {
        const bool open = k % 3 == 2;
        claim["verdict"] = k % 3 == 0 ? "supported"
                           : open     ? "not decidable at this scale"
                                      : "not supported";
        claim["reason"] = "the interval of W100 less C0 holds zero";
        claim["effect"] = {
            {"what", "AUC, W100 less C0"},    {"mean", 0.01}, {"low", -0.02}, {"high", 0.04},
            {"p", open ? Json() : Json(0.3)}, {"runs", 3},    {"users", 128}};
        claim["threshold"] = "above 0 at the corrected 5 % level";
        claim["tests"] = {{{"what", "W100 less C0"},
                           {"answer", open ? "open" : "no"},
                           {"mean", 0.01},
                           {"low", -0.02},
                           {"high", 0.04},
                           {"p", 0.3},
                           {"p_corrected", nullptr},
                           {"threshold", "p below 0.05"}}};
      }
      list.push_back(claim);
    }
    return list;
  }
};

/// The same with every number of the analysis, the curves and the claims a null, but for the counts
/// of batches, sizes and steps, which say where a number would stand.
inline void make_null(Json& json, const std::string& key = "") {
  for (const char* place :
       {"sizes", "size", "batch", "rate_factor", "steps", "rate", "runs", "seeds"})
    if (key == place) return;
  if (json.is_number()) json = nullptr;
  if (json.is_object())
    for (auto& [name, value] : json.items()) make_null(value, name);
  if (json.is_array())
    for (Json& value : json) make_null(value, key);
}

}  // namespace chainline::experiments
