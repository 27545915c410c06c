#pragma once

#include <cmath>
#include <string>
#include <vector>

#include "experiments/data/json.h"
#include "tensor/random.h"

namespace chainline::experiments {

/// The invented tables of an analysis: utility, separation, gradients, grid, and the numbers that
/// they are made of.
class SyntheticTables {
 protected:
  RandomSequence random_ = Generator(7, "synthetic study").sequence(0, 0);

  double noise(double size) { return size * (2 * random_.uniform() - 1); }
  static std::vector<std::string> conditions() {
    return {"B",  "C0", "W10", "W25",    "W50",   "W75",   "W100",  "P-const", "P-uniq", "P-noise",
            "U3", "SW", "L-0", "L-0.05", "L-0.1", "L-0.2", "L-0.4", "T",       "IMG",    "TXT"};
  }
  static std::vector<std::string> layers(const std::string& question) {
    std::vector<std::string> names;
    if (question == "username")
      for (const char* name : {"vision embeddings", "vision layer 1", "vision layer 2"})
        names.push_back(name);
    for (const char* name : {"decoder layer 1", "decoder layer 2", "decoder layer 3"})
      names.push_back(name);
    return names;
  }
  Json estimate(double mean, double half) {
    mean += noise(half / 3);
    return {{"mean", mean}, {"low", mean - half}, {"high", mean + half},
            {"runs", 3},    {"users", 128},       {"seeds", {1, 2, 3}}};
  }
  Json over_runs(double mean, double half) {
    Json t = estimate(mean, half);
    t["t_low"] = t["low"].get<double>() - half;
    t["t_high"] = t["high"].get<double>() + half;
    t["per_run"] = {t["mean"], t["mean"], t["mean"]};
    t["p_t"] = 0.2, t["p_sign_flip"] = 0.25, t["p_control"] = 0.03;
    return t;
  }
  static Json limits(double value) {
    return {{"estimate", value}, {"low", value * 0.8}, {"high", value * 1.3}};
  }
  static double size_of_effect(const std::string& code) {
    return code == "T" ? 2.5 : code == "SW" ? -0.2 : code[0] == 'W' ? 0.2 : 0.0;
  }

  Json utility(bool complete) {
    Json rows = Json::array(), trends = Json::array();
    std::vector<std::string> codes = {"C0", "W50", "W100"};
    std::vector<std::string> mixes = {"general"};
    if (complete) {
      codes = {"C0", "W10", "W25", "W50", "W75", "W100", "P-noise", "T"};
      mixes = {"general", "attributes", "existence", "relational", "counting"};
    }
    const Json rates = {{"C0", 0},    {"W10", 0.1},  {"W25", 0.25},
                        {"W50", 0.5}, {"W75", 0.75}, {"W100", 1}};
    Json constants = Json::object();
    for (const std::string& mix : mixes) constants[mix] = 0.35;
    for (const std::string& mix : mixes) {
      for (const std::string& code : codes)
        for (const char* score : {"own", "accuracy", "choice", "perception", "cognition",
                                  "perception_score", "cognition_score", "loss"}) {
          Json row = estimate(std::string(score).ends_with("score") ? 131 : 0.71, 0.01);
          Json difference = estimate(0.001, 0.004);
          difference.update({{"p_low", 0.01},
                             {"p_high", 0.03},
                             {"low_90", -0.008},
                             {"high_90", 0.009},
                             {"within", code != "W75"},
                             {"deviation", 0.006},
                             {"deviation_needed", 0.0059}});
          row.update({{"mix", mix},
                      {"condition", code},
                      {"tuning", "lora"},
                      {"rate", rates.contains(code) ? rates[code] : Json()},
                      {"score", score},
                      {"difference", code == "C0" ? Json() : difference}});
          rows.push_back(row);
        }
      Json trend = over_runs(-0.002, 0.004);
      trend.update({{"mix", mix}, {"score", "own"}, {"p_drop", 0.2}, {"p_corrected", 0.6}});
      trends.push_back(trend);
    }
    Json kinds = Json::array();
    for (const char* kind : {"color", "shape", "count", "exists"})
      kinds.push_back({{"kind", kind},
                       {"questions", 100},
                       {"constant", 0.35},
                       {"runs", 3},
                       {"seeds", {1, 2, 3}},
                       {"B", 0.4},
                       {"C0", kind == std::string("exists") ? 0.3 : 0.71},
                       {"W100", 0.7}});
    return {{"rows", rows},
            {"trends", trends},
            {"constants", constants},
            {"kinds", complete ? kinds : Json::array()},
            {"choice_chance", 0.25}};
  }

  void add_transfer(Json& rows, const std::string& question, const std::string& code) {
    for (const std::string& layer : layers(question)) {
      if (!layer.starts_with("decoder")) continue;
      Json row = over_runs(code == "SW" ? 0.47 : 0.5, 0.02);
      row.update({{"condition", code},
                  {"tuning", "lora"},
                  {"question", question},
                  {"layer", layer},
                  {"low", nullptr},
                  {"high", nullptr},
                  {"p_less", 0.2},
                  {"p_greater", 0.8}});
      rows.push_back(row);
    }
  }

  Json separation(const std::string& question) {
    Json list = Json::array();
    for (const std::string& code : conditions()) {
      Json by_layer = Json::array();
      for (const std::string& layer : layers(question))
        by_layer.push_back({{"layer", layer},
                            {"auc", over_runs(0.5 + size_of_effect(code) / 12, 0.02)},
                            {"user_auc", 0.51},
                            {"control", 0.5},
                            {"selectivity", 0.01},
                            {"p", 0.2},
                            {"p_less", 0.8},
                            {"p_corrected", 0.5},
                            {"accuracy", 0.5},
                            {"replica",
                             {{"accuracy", 0.71 + noise(0.02)},
                              {"low", 0.66},
                              {"high", 0.76},
                              {"control", 0.7},
                              {"selectivity", 0.01}}}});
      list.push_back({{"condition", code},
                      {"tuning", "lora"},
                      {"runs", 3},
                      {"users", 128},
                      {"seeds", {1, 2, 3}},
                      {"layers", by_layer}});
    }
    Json difference = over_runs(0.01, 0.02);
    difference.update({{"a", "W100"},
                       {"b", "C0"},
                       {"tuning", "lora"},
                       {"layer", "decoder layer 2"},
                       {"p", 0.3},
                       {"p_from", "p_control"}});
    Json contrast = over_runs(0.01, 0.02);
    contrast.update({{"low", nullptr},
                     {"high", nullptr},
                     {"condition", "W100"},
                     {"of", "pixels"},
                     {"p", 0.2},
                     {"p_from", "p_control"}});
    return {{"layers", layers(question)},
            {"conditions", list},
            {"differences", {difference}},
            {"contrasts", {contrast}}};
  }

  Json gradients() {
    const std::vector<double> sizes = {1, 2, 4, 8, 16, 32, 64, 128};
    const std::vector<std::pair<std::string, double>> comparisons = {
        {"W100", 0.3},          {"W50", 0.15}, {"P-noise", 0.25},  {"P-const", 0.2}, {"IMG", 0.9},
        {"IMG-published", 1.1}, {"TXT", 0.6},  {"other batch", 3}, {"rerun", 0}};
    Json rows = Json::array(), shares = Json::array(), plateaus = Json::array(),
         ratios = Json::array();
    for (const char* at : {"base", "C0"})
      for (const auto& [name, strength] : comparisons) {
        for (const char* group : {"all parameters", "projector", "decoder layer 1", "lm head"}) {
          Json cosine = Json::array(), change = Json::array(), ratio = Json::array(),
               predicted = Json::array();
          for (const double b : sizes) {
            const double c = 1 / std::sqrt(1 + strength * (0.1 + 1 / b));
            cosine.push_back(estimate(c, 0));
            cosine.back()["low"] = std::max(0.0, cosine.back()["mean"].get<double>() - 0.02);
            cosine.back()["high"] = std::min(1.0, cosine.back()["mean"].get<double>() + 0.01);
            change.push_back(estimate(strength, 0.01));
            ratio.push_back(1.02);
            predicted.push_back(c);
          }
          rows.push_back({{"at", at},
                          {"comparison", name},
                          {"group", group},
                          {"cosine", cosine},
                          {"norm_ratio", ratio},
                          {"change", change},
                          {"predicted", name == "rerun" ? Json() : predicted},
                          {"moments", nullptr}});
        }
        if (strength > 0 && strength < 2) {
          Json share = {{"at", at},      {"comparison", name}, {"runs", 3}, {"without_change", 0},
                        {"smallest", 1}, {"largest", 128}};
          for (const char* what : {"share", "at_one", "at_any", "fall"})
            share[what] = estimate(0.1 * strength, 0.01);
          shares.push_back(share);
          plateaus.push_back({{"at", at},
                              {"comparison", name},
                              {"plateau", limits(0.1 * strength)},
                              {"decay", limits(strength)},
                              {"ratio", limits(0.09)},
                              {"offset", 0.0},
                              {"rises", false},
                              {"residual", 0.01},
                              {"residual_without", 0.2}});
        }
        if (name == "IMG" || name == "TXT" || name == "P-noise")
          ratios.push_back({{"at", at},
                            {"of", "W100"},
                            {"to", name},
                            {"size", 16},
                            {"amplitude", estimate(0.5, 0.1)},
                            {"matched", name == "TXT" ? Json() : estimate(2.1, 0.3)}});
      }
    return {
        {"batch", 16},
        {"size", 16},
        {"groups", {"all parameters", "projector", "decoder layer 1", "lm head"}},
        {"sizes", sizes},
        {"rows", rows},
        {"differences", Json::array()},
        {"shares", shares},
        {"plateaus", plateaus},
        {"ratios", ratios},
        {"rerun", {{"batches", 64}, {"smallest", 1.0}, {"largest", 1.0}, {"exactly_one", true}}}};
  }

  Json grid() {
    Json cells = Json::array(), fits = Json::array(), rules = Json::array();
    for (const char* optimizer : {"sgd", "adamw"}) {
      for (const double b : {4.0, 8.0, 16.0, 32.0, 64.0})
        for (const auto& [rule, power] :
             {std::pair("fixed", 0.0), std::pair("linear", 1.0), std::pair("square root", 0.5)}) {
          if (b == 16 && power > 0) continue;
          const double rate = std::pow(b / 16, power);
          Json cell = estimate(0.01 * rate * rate * std::pow(16 / b, 1.5), 0.0005);
          Json names = {rule};
          if (b == 16) names = {"fixed", "linear", "square root"};
          cell.update({{"optimizer", optimizer},
                       {"batch", b},
                       {"rate_factor", rate},
                       {"rules", names},
                       {"counts", true},
                       {"accuracy", 0.69},
                       {"clean_accuracy", 0.7},
                       {"per_run", {0.01}}});
          cells.push_back(cell);
        }
      Json eta = limits(1.9), b = {{"estimate", -1.6}, {"low", -2.1}, {"high", -1.2}};
      eta["theory"] = 2, b["theory"] = -2;
      Json reference = estimate(0.01, 0.0005);
      reference["p"] = 0.001;
      fits.push_back({{"optimizer", optimizer},
                      {"cells", 13},
                      {"planned", 13},
                      {"left_out", 0},
                      {"runs", 3},
                      {"reference", reference},
                      {"eta", eta},
                      {"b", b},
                      {"r_squared", 0.9}});
      Json slope = {{"estimate", -0.1}, {"low", -0.4}, {"high", 0.2}, {"theory", 0}};
      rules.push_back(
          {{"optimizer", optimizer}, {"rule", "linear"}, {"cells", 5}, {"slope", slope}});
    }
    return {{"reference_batch", 16},
            {"measure", "phi"},
            {"base_accuracy", 0.5},
            {"cells", cells},
            {"fits", fits},
            {"rules", rules},
            {"rates", over_runs(0.01, 0.02)}};
  }
};

}  // namespace chainline::experiments
