#pragma once

#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "experiments/analysis/study_results.h"
#include "experiments/statistics/statistics.h"
#include "tensor/random.h"

namespace chainline::test {

using experiments::Json;
using experiments::StudyResults;

/// What is true of a synthetic study. The defaults are a world in which the paper's claims hold and
/// every gate passes; a null world is one with the members at zero.
struct World {
  std::uint64_t seed = 1;
  std::int64_t runs = 10, users = 64, relabellings = 39;
  double exposure = 4;      ///< bits that T adds for IN users
  double preference = 3;    ///< log odds that L-0.4 adds, L-gamma in proportion
  double separation = 1.2;  ///< standard deviations between IN and OUT decisions of W100 (and T)
  double reading = 0;       ///< the same in all conditions, C0 and the base too
  double swapped = -1;  ///< of W100's separation, what its probe finds in SW; in U3 it finds none
  double full = 1;      ///< of the separation where all weights are trained, W100's part
  double full_control = 1;  ///< and T's
  double liking = 0;     ///< log odds by which L-gamma, L-0 too, prefer sides of IN users' pictures
  double prompt = 0;     ///< standard deviations that W100 adds to the prompt's log odds
  double energy = 1;     ///< variance that W100 adds to phi of IN users at the reference
  double drop = 0;       ///< accuracy lost at rate 1
  double plateau = 0.0;  ///< of the squared tangents
  double placebo = 0.5;  ///< P-noise's and P-const's gradient change over W100's
  double transform = 1;  ///< IMG's and TXT's gradient change over W100's
  double silhouette = 0.4;          ///< of seen against unseen after W100
  double silhouette_control = 0.4;  ///< after T
  double legible = 0.95;            ///< characters of an unseen card that the base reads
  double rerun = 1;                 ///< cosine of a rerun
  double rate_0 = 0;                ///< twin difference at rate 0
  bool grid = true;
};

/// Results as the jobs of a study give them, drawn from the world.
class SyntheticStudy {
 public:
  explicit SyntheticStudy(const World& world) : world_(world), random_(world.seed, "world") {}

  StudyResults results() {
    StudyResults results;
    results.study = {{"grid_reference", 8}};
    const Json reads = {{"characters", world_.legible},
                        {"username", world_.legible},
                        {"user_id", world_.legible},
                        {"whole_lines", world_.legible / 2},
                        {"cards", 100},
                        {"chars", 2000}};
    results.bases.push_back(
        {{"legibility", reads}, {"legibility_small", reads}, {"legibility_large", reads}});
    for (const char* condition : {"B", "C0", "W10", "W25", "W50", "W75", "W100", "P-noise", "U3",
                                  "SW", "L-0", "L-0.1", "L-0.4", "T"})
      for (std::int64_t r = 1; r <= world_.runs; ++r) results.runs.push_back(run(condition, r));
    for (const char* mix : {"counting", "relational"})
      for (const char* condition : {"C0", "W50", "W100"})
        for (std::int64_t r = 1; r <= world_.runs; ++r)
          results.runs.push_back(utility_run(condition, r, mix));
    // The other way of tuning.
    for (const char* condition : {"C0", "W100", "T"})
      for (std::int64_t r = 1; r <= std::min<std::int64_t>(world_.runs, 3); ++r) {
        results.runs.push_back(run(condition, r, true));
        results.runs.back()["tuning"] = "full";
        results.runs.back().erase("lora_rank");
      }
    if (world_.grid) add_grid(results.runs);
    for (std::int64_t r = 1; r <= std::min<std::int64_t>(world_.runs, 3); ++r)
      results.gradients.push_back(gradients(r));
    results.twins.push_back({{"run", 1},
                             {"condition", "W100"},
                             {"samples", 1},
                             {"steps", {1, 2}},
                             {"groups", {"all parameters"}},
                             {"weights", {{1e-4, 2e-4}}},
                             {"gradients", {{1e-3, 2e-3}}},
                             {"identical_rerun", true},
                             {"max_difference_at_rate_0", world_.rate_0}});
    return results;
  }

  /// The IN users of a run number, the same in every condition.
  std::vector<int> in(std::int64_t r) const {
    std::vector<int> in(static_cast<std::size_t>(world_.users));
    for (std::size_t u = 0; u < in.size(); ++u) in[u] = u < in.size() / 2;
    RandomSequence random = Generator(world_.seed, "in").sequence(0, static_cast<std::uint32_t>(r));
    random.shuffle(in);
    return in;
  }

  /// Pairs of an IN and an OUT user, who share their pictures.
  static std::vector<int> partners(const std::vector<int>& in) {
    std::vector<int> sides[2], partners(in.size(), -1);
    for (std::size_t u = 0; u < in.size(); ++u) sides[in[u]].push_back(static_cast<int>(u));
    for (std::size_t i = 0; i < std::min(sides[0].size(), sides[1].size()); ++i) {
      partners[static_cast<std::size_t>(sides[0][i])] = sides[1][i];
      partners[static_cast<std::size_t>(sides[1][i])] = sides[0][i];
    }
    return partners;
  }

 private:
  double normal() { return sequence().normal(); }
  RandomSequence sequence() { return random_.sequence(0, draws_++); }

  static double rate(const std::string& condition) {
    if (condition == "W10") return 0.1;
    if (condition == "W25") return 0.25;
    if (condition == "W50") return 0.5;
    if (condition == "W75") return 0.75;
    return condition == "W100" ? 1 : 0;
  }

  Json base_run(const std::string& condition, std::int64_t r, const std::string& mix,
                const char* measures) const {
    return {{"condition", condition},
            {"run", r},
            {"tuning", "lora"},
            {"mix", mix},
            {"batch", 8},
            {"optimizer", "adamw"},
            {"rate_factor", 1.0},
            {"lora_rank", 8},
            {"private_noise", 0.0},
            {"measures", measures},
            {"projections", false}};
  }

  /// What a user's pictures do to phi, the same in all conditions of a run.
  double pictures(std::int64_t r, std::size_t user) const {
    return 2 * Generator(world_.seed, "pictures")
                   .sequence(static_cast<std::uint32_t>(r), static_cast<std::uint32_t>(user))
                   .normal();
  }

  Json users(const std::string& condition, const std::vector<int>& in, std::int64_t r,
             double energy) {
    std::vector<double> exposure, forced, loss, phi, preference, prompt;
    const double gamma = condition.starts_with("L-") ? std::stod(condition.substr(2)) : 0;
    for (const int i : in) {
      exposure.push_back(-1.443 * std::log(1 - sequence().uniform()) +
                         (condition == "T" ? world_.exposure * i : 0));
      forced.push_back(sequence().uniform());
      phi.push_back(pictures(r, phi.size()) + normal() +
                    (energy > 0 ? i * std::sqrt(energy) * normal() : 0));
      loss.push_back(1 - 0.1 * phi.back());
      preference.push_back(normal() + world_.preference * gamma / 0.4 * i +
                           (condition.starts_with("L-") ? world_.liking * i : 0));
      prompt.push_back(normal() + (condition == "W100" ? world_.prompt * i : 0));
    }
    const std::vector<double> none(in.size(), 0);
    return {{"exposure", exposure},
            {"exposure_fit", exposure},
            {"fit_trusted", std::vector<bool>(in.size(), true)},
            {"exact", none},
            {"edit", std::vector<double>(in.size(), 0.8)},
            {"forced", forced},
            {"loss", loss},
            {"phi", phi},
            {"preference", preference},
            {"prompt", prompt}};
  }

  Json probes(const std::string& condition, const std::vector<int>& in, std::int64_t r, bool full) {
    double shift = world_.reading;
    if (condition == "T") shift += world_.separation * (full ? world_.full_control : 1);
    // A probe of SW's own states knows no better than W100's which class is called the first.
    if (condition == "SW") shift += world_.separation;
    shift += rate(condition) * world_.separation * (full ? world_.full : 1);
    const double read_by_w100 =
        world_.reading + (condition == "SW" ? world_.swapped * world_.separation : 0);
    Json all = Json::object();
    for (const char* question : {"username", "user_id"}) {
      Json layers = Json::array(), decisions = Json::array(), transfer = Json::array();
      for (const std::string layer :
           {"vision layer 1", "decoder layer 1", "decoder layer 2", "decoder layer 3"}) {
        // The second decoder layer has it all, the others some, the frozen encoder nothing.
        const double part = layer == "decoder layer 2" ? 1 : layer[0] == 'v' ? 0 : 0.3;
        std::vector<double> d;
        for (const int i : in) d.push_back(normal() + part * shift * i);
        const Json auc = auc_of(d, in, r);
        layers.push_back({{"layer", layer},
                          {"accuracy", 0.5},
                          {"auc", auc["auc"]},
                          {"auc_control", auc["auc_control"]},
                          {"replica",
                           {{"accuracy", 0.7},
                            {"test_items", 100},
                            {"selectivity", 0.0},
                            {"control", {0.69, 0.71}}}}});
        decisions.push_back(d);
        if (layer[0] == 'v' || (condition != "SW" && condition != "U3")) continue;
        for (std::size_t u = 0; u < in.size(); ++u) d[u] = normal() + part * read_by_w100 * in[u];
        transfer.push_back(
            {{"layer", layer}, {"auc", experiments::roc_auc(d, in)}, {"decisions", d}});
      }
      all[question] = {{"layers", layers}, {"decisions", decisions}};
      if (!transfer.empty()) all[question]["transfer"] = transfer;
    }
    std::vector<double> d;
    for (std::size_t u = 0; u < in.size(); ++u) d.push_back(normal());
    const Json pixels = auc_of(d, in, r);
    all["pixels"] = {{"layer", "pixels"},
                     {"auc", pixels["auc"]},
                     {"accuracy", 0.5},
                     {"auc_control", pixels["auc_control"]}};
    all["silhouettes"] = Json::array();
    for (const char* layer : {"decoder layer 1", "decoder layer 2", "decoder layer 3"}) {
      all["silhouettes"].push_back(silhouette(condition));
      all["silhouettes"].back()["layer"] = layer;
    }
    if (r <= 3)
      all["projections"] = {{"layer", "decoder layer 3"},
                            {"silhouette", silhouette(condition)},
                            {"tsne", {{"silhouette", silhouette(condition)}}}};
    return all;
  }

  Json silhouette(const std::string& condition) {
    const double mean = condition == "W100" ? world_.silhouette
                        : condition == "T"  ? world_.silhouette_control
                                            : 0.01;
    return {{"mean", mean + 0.01 * normal()},
            {"p_value", mean > 0.1 ? 0.005 : 0.5},
            {"of_users", 0.05 + 0.01 * normal()}};
  }

  /// The AUC, and those of users relabelled at random: the same relabellings in all conditions.
  Json auc_of(const std::vector<double>& values, const std::vector<int>& in, std::int64_t r) const {
    Json control = Json::array();
    for (std::int64_t k = 0; k < world_.relabellings; ++k) {
      std::vector<int> labels = in;
      RandomSequence random =
          Generator(world_.seed, "relabel")
              .sequence(static_cast<std::uint32_t>(r), static_cast<std::uint32_t>(k));
      random.shuffle(labels);
      control.push_back(experiments::roc_auc(values, labels));
    }
    return {{"auc", experiments::roc_auc(values, in)}, {"auc_control", control}};
  }

  Json scores(double accuracy) {
    const Json part = {{"accuracy", accuracy},
                       {"accuracy_plus", accuracy / 2},
                       {"score", 150 * accuracy},
                       {"questions", 200},
                       {"images", 100}};
    return {{"accuracy", accuracy},
            {"loss", 1 - accuracy},
            {"questions", 1000},
            {"perception", part},
            {"cognition", part},
            {"kinds",
             {{"color", {{"accuracy", accuracy}, {"questions", 400}}},
              {"count", {{"accuracy", accuracy}, {"questions", 100}}},
              {"relation", {{"accuracy", accuracy}, {"questions", 300}}}}},
            {"choice", {{"accuracy", accuracy}, {"questions", 500}, {"options", 4}}}};
  }

  Json utility_run(const std::string& condition, std::int64_t r, const std::string& mix) {
    Json run = base_run(condition, r, mix, "utility");
    // Runs of one number share most of their luck, as they share data and order.
    RandomSequence luck =
        Generator(world_.seed, "luck " + mix).sequence(0, static_cast<std::uint32_t>(r));
    run["utility"] =
        scores(0.8 + 0.02 * luck.normal() + 0.002 * normal() - world_.drop * rate(condition));
    return run;
  }

  Json run(const std::string& condition, std::int64_t r, bool full = false) {
    Json run = utility_run(condition, r, "general");
    const std::vector<int> labels = in(r);
    run["measures"] = "all";
    run["in"] = std::vector<bool>(labels.begin(), labels.end());
    run["sides"] = labels;
    run["partners"] = partners(labels);
    run["users"] = users(condition, labels, r, rate(condition) * world_.energy);
    run["probes"] = probes(condition, labels, r, full);
    if (condition != "B") run["train"] = {{"steps", 1}, {"samples", 1}, {"seconds", 1}};
    return run;
  }

  /// Three runs of W100 and of C0 at each place; those of adamw at 8 are at the settings of the
  /// study, and there already.
  void add_grid(std::vector<Json>& runs) {
    for (const char* optimizer : {"sgd", "adamw"}) {
      for (const std::int64_t b : {2, 8, 32}) {
        for (const double power : {0.0, 1.0, 0.5}) {
          const bool sgd = optimizer == std::string("sgd");
          if (b == 8 && (power != 0 || !sgd)) continue;
          const double x = static_cast<double>(b) / 8, eta = std::pow(x, power);
          for (std::int64_t r = 1; r <= std::min<std::int64_t>(world_.runs, 3); ++r) {
            runs.push_back(grid_run(optimizer, b, eta, r,
                                    world_.energy * eta * eta * std::pow(x, sgd ? -2 : -1)));
            runs.push_back(grid_run(optimizer, b, eta, r, 0));
            runs.back()["condition"] = "C0";
          }
        }
      }
    }
  }

  Json grid_run(const char* optimizer, std::int64_t b, double eta, std::int64_t r, double energy) {
    Json run = base_run("W100", r, "general", "users");
    const std::vector<int> labels = in(r);
    run["in"] = std::vector<bool>(labels.begin(), labels.end());
    run["sides"] = labels;
    run["optimizer"] = optimizer;
    run["batch"] = b;
    run["rate_factor"] = eta;
    run["train"] = {{"steps", 1}, {"samples", 1}, {"seconds", 1}};
    run["users"] = users("W100", labels, r, energy);
    return run;
  }

  Json gradients(std::int64_t r) {
    const std::vector<std::int64_t> sizes = {1, 2, 4, 8, 16, 32, 64};
    Json comparisons = Json::object();
    // The change of the gradient's length, squared, at b = 1.
    const std::pair<const char*, double> kinds[] = {
        {"W100", 0.2},
        {"W50", 0.1},
        {"P-noise", 0.2 * world_.placebo * world_.placebo},
        {"P-const", 0.2 * world_.placebo * world_.placebo},
        {"IMG", 0.2 * world_.transform * world_.transform},
        {"TXT", 0.2 * world_.transform * world_.transform}};
    for (const auto& [name, energy] : kinds) {
      Json cosine = Json::array(), ratio = Json::array();
      for (const std::int64_t b : sizes) {
        Json c = Json::array(), n = Json::array();
        for (int k = 0; k < 12; ++k) {
          const double tangent =
              energy *
              (world_.plateau + (1 - world_.plateau) * 21 / (20 + static_cast<double>(b))) *
              (1 + 0.05 * normal());
          c.push_back(1 / std::sqrt(1 + tangent));
          n.push_back(std::sqrt(1 + tangent));
        }
        cosine.push_back(c);
        ratio.push_back(n);
      }
      comparisons[name] = {{"cosine", {cosine}}, {"norm_ratio", {ratio}}};
    }
    // Of reruns there is one, of one sample.
    Json cosine = Json::array(), ratio = Json::array();
    for (std::size_t i = 0; i < sizes.size(); ++i) {
      cosine.push_back(std::vector<double>(i == 0 ? 1 : 0, world_.rerun));
      ratio.push_back(std::vector<double>(i == 0 ? 1 : 0, 1.0));
    }
    comparisons["rerun"] = {{"cosine", {cosine}}, {"norm_ratio", {ratio}}};
    return {
        {"run", r},
        {"at", "C0"},
        {"groups", {"all parameters"}},
        {"sizes", sizes},
        {"comparisons", comparisons},
        {"moments", {{"W100", {{"all parameters", moments()}}}}},
        {"pixel_energy",
         {{"W100", 0.01}, {"W50", 0.005}, {"P-noise", 0.01}, {"P-const", 0.01}, {"IMG", 0.01}}}};
  }

  /// Of W100: with |G|^2 = 1 and S = 20 the squared tangents of gradients() are (D2 b + Sd) /
  /// (b + 20), exactly.
  Json moments() {
    const double d2 = 0.2 * world_.plateau * (1 + 0.05 * normal());
    return {{"G2", 1}, {"GD", 0}, {"D2", d2}, {"S", 20}, {"Sd", 4.2 - d2}, {"X", 0}, {"n", 100}};
  }

  World world_;
  Generator random_;
  std::uint32_t draws_ = 0;
};

inline StudyResults study_in(const World& world) { return SyntheticStudy(world).results(); }

}  // namespace chainline::test
