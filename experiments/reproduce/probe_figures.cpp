#include <fmt/core.h>

#include <algorithm>

#include "experiments/reproduce/findings.h"
#include "experiments/reproduce/result_report.h"

namespace chainline::experiments {
namespace {

std::string percent(const Json& share) {
  return fmt::format("{:.1f} %", 100 * share.get<double>());
}

/// "vision layer 3" is V3 below an axis, "decoder layer 2" D2.
std::string short_name(const std::string& layer) {
  if (layer == "vision embeddings") return "patch";
  const std::string number = layer.substr(layer.rfind(' ') + 1);
  return (layer[0] == 'v' ? "V" : "D") + number;
}

struct ProbeKind {
  const char *key, *accuracy, *interval, *control;
};
constexpr ProbeKind kReplica = {"replica", "accuracy", "interval", "control"};
constexpr ProbeKind kHeldOut = {"leave_users_out", "accuracy", "accuracy_interval",
                                "accuracy_control"};

std::string title_of(const Json& probes) {
  return probes.at("run") == "base" ? "base" : probes.at("title").get<std::string>();
}

/// Accuracy by layer, a curve per model; dashed the control task of the last model.
LineChart by_layer(const std::vector<const Json*>& models, const ProbeKind& kind) {
  LineChart chart;
  chart.x.label = "layer";
  chart.y.label = "accuracy";
  chart.y.percent = true;
  chart.y.low = 0.4;
  chart.y.high = 0.6;
  for (const Json& layer : models.back()->at("layers"))
    chart.x.names.push_back(short_name(layer.at("layer")));
  Series control;
  control.name = title_of(*models.back()) + ", people relabelled";
  control.dashed = true;
  for (const Json* model : models) {
    Series series;
    series.name = title_of(*model);
    for (const Json& layer : model->at("layers")) {
      const Json& probe = layer.at(kind.key);
      series.x.push_back(static_cast<double>(series.x.size()));
      series.y.push_back(probe.at(kind.accuracy));
      series.low.push_back(probe.at(kind.interval)[0]);
      series.high.push_back(probe.at(kind.interval)[1]);
      if (model == models.back()) {
        control.x.push_back(series.x.back());
        control.y.push_back(probe.at(kind.control).at("mean"));
      }
    }
    // An interval from drawing people anew may miss its own point by a hair.
    for (std::size_t i = 0; i < series.y.size(); ++i) {
      series.low[i] = std::min(series.low[i], series.y[i]);
      series.high[i] = std::max(series.high[i], series.y[i]);
    }
    chart.series.push_back(std::move(series));
  }
  chart.series.push_back(std::move(control));
  chart.references = {
      {0.5, "chance"},
      {models.back()->at("prompt").at("accuracy"), "asked, " + title_of(*models.back())}};
  return chart;
}

std::string range(const Json& interval, int digits, double factor) {
  return fmt::format("({:.{}f} to {:.{}f})", factor * interval[0].get<double>(), digits,
                     factor * interval[1].get<double>(), digits);
}

Table accuracy_table(const std::vector<const Json*>& models) {
  Table table;
  table.columns = {{"Model", false},
                   {"Replica", true},
                   {"Replica, relabelled", true},
                   {"People held out", true},
                   {"Asked", true}};
  for (const Json* model : models) {
    const Json& last = model->at("layers").back();
    const Json &replica = last.at("replica"), &held = last.at("leave_users_out"),
               &prompt = model->at("prompt");
    table.rows.push_back(
        {title_of(*model),
         percent(replica.at("accuracy")) + " " + range(replica.at("interval"), 1, 100),
         percent(replica.at("control").at("mean")),
         percent(held.at("accuracy")) + " " + range(held.at("accuracy_interval"), 1, 100),
         percent(prompt.at("accuracy")) + " " + range(prompt.at("accuracy_interval"), 1, 100)});
  }
  return table;
}

Table auc_table(const std::vector<const Json*>& models) {
  Table table;
  table.columns = {{"Model", false}, {"AUC, people held out", true},     {"Relabelled", true},
                   {"p", true},      {"Smallest p of all layers", true}, {"AUC, asked", true}};
  for (const Json* model : models) {
    const Json& held = model->at("layers").back().at("leave_users_out");
    const Json& prompt = model->at("prompt");
    double smallest = 1;
    for (const Json& layer : model->at("layers"))
      smallest = std::min(smallest, layer.at("leave_users_out").at("family_p_value").get<double>());
    table.rows.push_back({title_of(*model),
                          fmt::format("{:.3f} ", held.at("auc").get<double>()) +
                              range(held.at("auc_interval"), 3, 1),
                          fmt::format("{:.3f}", held.at("auc_control").at("mean").get<double>()),
                          fmt::format("{:.3f}", held.at("auc_control").at("p_value").get<double>()),
                          fmt::format("{:.3f}", smallest),
                          fmt::format("{:.3f} ", prompt.at("auc").get<double>()) +
                              range(prompt.at("auc_interval"), 3, 1)});
  }
  return table;
}

Figure figure(std::string id, std::string title, std::string caption, std::string command,
              FigureBody body) {
  return {std::move(id),      std::move(title), std::move(caption),
          std::move(command), "results.json",   std::move(body)};
}

}  // namespace

namespace result_figures {

Section probes(const Json& results, const ReproduceOptions& options) {
  Section section;
  section.title = "What do hidden states know?";
  section.paragraphs = {
      fmt::format(
          "{} test images stand under two cards each: that of a person whose cards were in "
          "the training data, and that of one whose weren't. A logistic regression on the "
          "hidden states of one layer says which is which. {} people are seen, {} unseen.",
          std::min(options.probe_images, results.at("data").at("test_images").get<std::int64_t>()),
          options.people / 2, options.people / 2),
      "The replica is the published probe: the images are split at random, so cards of the same "
      "person stand on both sides, and reading the card is enough. Its control shows that: the "
      "same "
      "probe with people labelled seen and unseen at random, who were not. Only what lies above "
      "the "
      "control can be memory.",
      "Held out is the probe that can tell: it is tested on people whom it was not fitted to, seen "
      "and unseen ones, and on other images. What helps it must be common to all seen people.",
      "Asked is the model itself: how much likelier it finds yes than no as an answer to `" +
          std::string(kSeenQuestion) + "`, cut at the median."};
  std::vector<std::string> runs;
  for (const Json& model : results.at("models")) runs.push_back(model.at("run"));
  const std::string command = measuring_command("probe", runs, options);
  for (std::size_t q = 0; q < options.probe_questions.size(); ++q) {
    const std::string& question = options.probe_questions[q];
    std::vector<const Json*> models;
    for (const Json& p : results.at("probes"))
      if (p.at("question") == question) models.push_back(&p);
    const std::string suffix = q == 0 ? "" : "-" + std::to_string(q + 1);
    const std::string asked = " Read after the question `" + question + "`.";
    const std::string places =
        " patch is the patch embedding, V1, V2, ... the mean over patches after each vision "
        "layer, D1, D2, ... the prompt's last token after each decoder layer.";
    section.figures.push_back(figure(
        "replica" + suffix, "The published probe, layer by layer (confounded)",
        "A curve for each model; dashed its control." + asked + places +
            fmt::format(
                " Whiskers: Wilson's 95 % for {} test items.",
                models.back()->at("layers")[0].at("replica").at("test_items").get<std::int64_t>()),
        command, by_layer(models, kReplica)));
    section.figures.push_back(figure(
        "held-out" + suffix, "The probe that holds people out, layer by layer",
        "A curve for each model; dashed its control." + asked + places +
            " Whiskers: 95 % from drawing people anew; they leave out how the fits themselves vary "
            "and are too narrow by up to a half.",
        command, by_layer(models, kHeldOut)));
    section.figures.push_back(figure("probe-accuracy" + suffix,
                                     "Both probes at the last layer, and the question put",
                                     "The last layer was chosen before looking. In brackets 95 %.",
                                     command, accuracy_table(models)));
    section.figures.push_back(figure(
        "probe-auc" + suffix, "How well seen and unseen people can be ranked",
        fmt::format("The area under the ROC curve; 0.5 is chance. p: share of {} relabellings of "
                    "the people that do as well or better at the last layer. Smallest p: over all "
                    "layers, corrected for their number by the largest of each relabelling.",
                    options.probes.relabellings),
        command, auc_table(models)));
  }
  return section;
}

}  // namespace result_figures
}  // namespace chainline::experiments
