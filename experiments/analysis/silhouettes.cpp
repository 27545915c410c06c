#include <algorithm>
#include <cmath>

#include "experiments/analysis/separation.h"

namespace chainline::experiments {
namespace {

constexpr const char* kPlane = "t-SNE plane";

/// What some runs say of the clusters at one place: a decoder layer, or the plane of the picture.
struct Place {
  std::string name;
  std::vector<StudyRun> runs;
  std::vector<double> silhouettes, of_users, p_values;

  void add(const StudyRun& run, const Json& test) {
    const double silhouette = number_at(test, "mean");
    if (!std::isfinite(silhouette)) return;
    runs.push_back(run);
    silhouettes.push_back(silhouette);
    of_users.push_back(number_at(test, "of_users"));
    p_values.push_back(number_at(test, "p_value"));
  }

  double of_run(std::int64_t number) const {
    for (std::size_t r = 0; r < runs.size(); ++r)
      if (runs[r].run == number) return silhouettes[r];
    return std::nan("");
  }
};

Place& place_named(std::vector<Place>& places, const std::string& name) {
  const auto found = std::find_if(places.begin(), places.end(),
                                  [&](const Place& place) { return place.name == name; });
  return found != places.end() ? *found : places.emplace_back(Place{name, {}, {}, {}, {}});
}

std::vector<Place> places_of(const std::vector<StudyRun>& runs) {
  std::vector<Place> places;
  for (const StudyRun& run : runs) {
    const Json& probes = run.json->at("probes");
    if (probes.contains("silhouettes"))
      for (const Json& test : probes["silhouettes"])
        place_named(places, string_member(test, "layer", run.where() + ": silhouettes"))
            .add(run, test);
    const Json maps = probes.value("projections", Json::object());
    if (maps.is_object() && maps.contains("tsne") && maps["tsne"].contains("silhouette"))
      place_named(places, kPlane).add(run, maps["tsne"]["silhouette"]);
  }
  std::erase_if(places, [](const Place& place) { return place.runs.empty(); });
  return places;
}

/// T of the differences of the runs for which there is one.
Json difference_of(const Place& place, const std::vector<double>& subtracted,
                   const AnalysisOptions& options, const std::string& what) {
  std::vector<StudyRun> runs;
  std::vector<double> per_run;
  for (std::size_t r = 0; r < place.runs.size(); ++r) {
    if (!std::isfinite(subtracted[r])) continue;
    runs.push_back(place.runs[r]);
    per_run.push_back(place.silhouettes[r] - subtracted[r]);
  }
  if (runs.empty()) return nullptr;
  return run_estimate(per_run, {}, std::nullopt, sources_of(runs), options, what);
}

}  // namespace

Json silhouettes(const Runs& runs, const AnalysisOptions& options) {
  Json rows = Json::array();
  // The base is the same for every way of tuning it.
  const std::vector<Place> base =
      places_of(runs.where([](const StudyRun& run) { return run.condition == "B"; }, "probes"));
  for (const std::string& tuning : runs.tunings()) {
    const std::vector<Place> clean = places_of(runs.main("C0", tuning, "probes"));
    for (const std::string& condition : study_conditions()) {
      for (const Place& place : places_of(runs.main(condition, tuning, "probes"))) {
        const std::string what = "silhouette " + condition + " " + tuning + " " + place.name;
        std::vector<double> before;
        for (const StudyRun& run : place.runs) {
          double larger = std::nan("");
          for (const std::vector<Place>* places : {&base, &clean})
            for (const Place& other : *places)
              if (other.name == place.name) larger = std::fmax(larger, other.of_run(run.run));
          before.push_back(larger);
        }
        Json row = run_estimate(place.silhouettes, {}, std::nullopt, sources_of(place.runs),
                                options, what);
        Json by_run = Json::array();
        for (const double p : place.p_values) by_run.push_back(number(p));
        const bool all = std::all_of(place.p_values.begin(), place.p_values.end(),
                                     [](double p) { return std::isfinite(p); });
        row["p"] = all ? Json(std::ranges::max(place.p_values)) : Json(nullptr);
        row["p_values"] = std::move(by_run);
        row["of_users"] = number(mean(place.of_users));
        row["over_users"] = difference_of(place, place.of_users, options, what + " users");
        row["gain"] = condition == "B" || condition == "C0"
                          ? Json(nullptr)
                          : difference_of(place, before, options, what + " gain");
        row["condition"] = condition;
        row["tuning"] = tuning;
        row["place"] = place.name;
        rows.push_back(std::move(row));
      }
    }
  }
  return rows;
}

}  // namespace chainline::experiments
