#pragma once

#include <cmath>
#include <string>
#include <utility>
#include <vector>

#include "experiments/report/report.h"
#include "experiments/watermark/watermark.h"
#include "tensor/random.h"

namespace chainline::experiments {

/// A small picture that differs by its number.
inline Image scene(int number) {
  Image image = make_image(64, 64, {static_cast<std::uint8_t>(40 + 30 * number), 90, 120});
  for (int y = 20; y < 50; ++y)
    for (int x = 12; x < 42; ++x) image.at(x, y)[number % 3] = 230;
  return image;
}

inline Figure figure_of(std::string id, std::string title, FigureBody body) {
  Figure figure;
  figure.id = std::move(id);
  figure.title = std::move(title);
  figure.command = "chainline report --sample";
  figure.body = std::move(body);
  return figure;
}

/// Numbers that look measured.
struct Invented {
  RandomSequence random = Generator(2, "sample").sequence(0, 0);

  double noise(double size) { return size * (2 * random.uniform() - 1); }
  /// About normal, of mean 0 and variance 1.
  double normal() {
    double sum = -6;
    for (int i = 0; i < 12; ++i) sum += random.uniform();
    return sum;
  }
};

/// Effects of the conditions, as a forest plot.
inline Figure sample_effects() {
  Invented invented;
  DotChart chart;
  chart.x.label = "AUC, people held out";
  chart.references = {{0.5, "chance 0.5"}};
  chart.zone = Zone{0.47, 0.53, "less than 3 points"};
  const std::vector<std::pair<std::string, std::vector<std::string>>> groups = {
      {"Doses", {"B, no fine-tuning", "C0, clean", "W10", "W50", "W100"}},
      {"Placebos", {"P-const, one card", "P-uniq, fresh cards", "P-noise", "U3, third set"}},
      {"Positive controls", {"L-0.1", "L-0.4", "T, the id is asked"}}};
  for (const auto& [name, rows] : groups) {
    DotGroup group = {name, {}};
    for (const std::string& row : rows) {
      const double value = 0.5 + invented.noise(0.02) + (row[0] == 'L' || row[0] == 'T' ? 0.12 : 0);
      const double half = 0.03 + invented.noise(0.01);
      group.rows.push_back({row, value, value - half, value + half, row[0] == 'T' ? "p 0.001" : "",
                            name != "Doses"});
    }
    chart.groups.push_back(group);
  }
  Figure figure = figure_of("effects", "No dose moves the probe beyond what placebos do", chart);
  figure.caption = "Hierarchical bootstrap over runs, then people; 95 % intervals.";
  figure.claims = {{"K5", Badge::not_supported}};
  figure.counts = "64 people IN, 64 OUT, 10 runs";
  figure.control = "below each other in the same figure";
  return figure;
}

/// Hidden states of 2,000 cards on two planes.
inline Figure sample_maps() {
  Invented invented;
  ScatterPanel pca = {"PCA", {}, {}, {{"IN", {}, {}}, {"OUT", {}, {}}}};
  pca.x.label = "first component";
  pca.y.label = "second component";
  ScatterPanel tsne = {"t-SNE, perplexity 30", {}, {}, {{"IN", {}, {}}, {"OUT", {}, {}}}, true};
  for (int i = 0; i < 2000; ++i) {
    PointGroup& flat = pca.groups[static_cast<std::size_t>(i % 2)];
    flat.x.push_back(3 * invented.normal());
    flat.y.push_back(invented.normal() + 0.3 * (i % 2));
    PointGroup& map = tsne.groups[static_cast<std::size_t>(i % 2)];
    map.x.push_back(20 * (i % 5) + 5 * invented.normal());
    map.y.push_back(30 * (i % 3) + 6 * invented.normal());
  }
  Figure figure =
      figure_of("maps", "Hidden states do not part by IN and OUT", ScatterChart{{pca, tsne}});
  figure.caption = "Layer D3, last token. Silhouette 0.01, permutation p 0.41.";
  figure.counts = "2,000 cards of 128 people";
  return figure;
}

/// 1 / cos^2 - 1 over batch sizes, on logarithmic axes.
inline Figure sample_plateau() {
  LineChart chart;
  chart.x.label = "batch size";
  chart.x.scale = Scale::log2;
  chart.x.extra_ticks = {{1200, "full"}};
  chart.y.label = "1/cos² − 1";
  chart.y.scale = Scale::log10;
  for (const double plateau : {0.0, 0.004}) {
    Series series;
    series.name = plateau == 0 ? "P-noise" : "W100";
    series.dashed = plateau == 0;
    for (const double b : {1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 1200.0}) {
      series.x.push_back(b);
      series.y.push_back(plateau + 0.5 / (b + 1));
      series.low.push_back(series.y.back() - 0.3 * series.y.back() - (b > 1000 ? 0.01 : 0));
      series.high.push_back(1.4 * series.y.back());
    }
    chart.series.push_back(series);
  }
  Figure figure = figure_of("plateau", "The change of the gradient has a part that stays", chart);
  figure.claims = {{"K4", Badge::not_decidable}};
  figure.seeds = "1 to 3";
  return figure;
}

/// Memorization over batch sizes and rules for the learning rate.
inline Figure sample_grid() {
  HeatMap map;
  map.row_label = "rule";
  map.column_label = "batch size";
  map.rows = {"fixed", "as b", "as √b"};
  for (int b = 1; b <= 256; b *= 2) map.columns.push_back(std::to_string(b));
  for (std::size_t r = 0; r < 3; ++r) {
    map.values.emplace_back();
    for (std::size_t c = 0; c < 9; ++c)
      map.values.back().push_back(
          r == 2 && c == 8 ? std::nan("")
                           : 2.0 / std::pow(1.0 + static_cast<double>(c), r == 0 ? 1.0 : 0.3));
  }
  return figure_of("grid", "Small batches memorize more where the rate is fixed", map);
}

/// Differences around 0, with intervals in the cells.
inline Figure sample_difference() {
  HeatMap map;
  map.row_label = "mix";
  map.column_label = "rate";
  map.rows = {"general", "relational", "reading", "scene text", "dense"};
  map.columns = {"10 %", "50 %", "100 %"};
  map.middle = 0;
  map.percent = true;
  map.digits = 1;
  Invented invented;
  for (std::size_t r = 0; r < map.rows.size(); ++r) {
    map.values.emplace_back();
    map.notes.emplace_back();
    for (std::size_t c = 0; c < map.columns.size(); ++c) {
      map.values.back().push_back(invented.noise(0.02));
      map.notes.back().push_back("± 0.9");
    }
  }
  Figure figure = figure_of("utility", "Accuracy against clean training, points", map);
  figure.claims = {{"K1", Badge::supported}};
  return figure;
}

/// A chart a condition, all on the same axes.
inline Figure sample_conditions() {
  Invented invented;
  SmallMultiples chart;
  chart.x.label = "layer";
  chart.x.names = {"V0", "V1", "V2", "V3", "D0", "D1", "D2", "D3", "D4", "D5"};
  chart.y.label = "AUC, people held out";
  chart.references = {{0.5, "chance 0.5"}};
  for (const char* condition : {"C0", "W10", "W50", "W100", "P-const", "P-uniq", "U3"}) {
    ChartPanel panel = {condition, {}};
    for (const char* name : {"username", "user_id"}) {
      Series series;
      series.name = name;
      for (std::size_t i = 0; i < chart.x.names.size(); ++i) {
        series.x.push_back(static_cast<double>(i));
        series.y.push_back(0.5 + invented.noise(0.03));
        series.low.push_back(series.y.back() - 0.04);
        series.high.push_back(series.y.back() + 0.04);
      }
      panel.series.push_back(series);
    }
    chart.panels.push_back(panel);
  }
  return figure_of("conditions", "The probe by layer, one panel a condition", chart);
}

/// The claims with their verdicts; its rows are what the figures' claims lead to.
inline Figure sample_claims() {
  Table table;
  table.columns = {
      {"Claim"}, {"Verdict", false, true}, {"Statement"}, {"Effect", true}, {"Interval", true}};
  table.rows = {{"K1", badge_text(Badge::supported), "Task skill stays", "−0.3", "−0.9 to 0.4"},
                {"K4", badge_text(Badge::not_decidable), "The effect is one of mini-batches", "0.4",
                 "0.1 to 2.0"},
                {"K5", badge_text(Badge::not_supported),
                 "Hidden states part seen people from unseen", "0.01", "−0.02 to 0.04"}};
  table.row_ids = {"k1", "k4", "k5"};
  return figure_of("claims", "What was decided", table);
}

/// All kinds of figures in the sizes of a real run, with invented numbers that say so.
inline Report sample_report() {
  RandomSequence random = Generator(1, "sample").sequence(0, 0);
  const auto noise = [&](double size) { return size * (2 * random.uniform() - 1); };
  Report report;
  report.title = "Sample report with invented numbers";
  report.summary =
      "Every number on this page is made up by a test to show what a report looks like: a compact "
      "MLLM is fine-tuned on images of which 0 %, 50 % or 100 % carry an invented person's card; "
      "gradients are compared with and without the card, and every layer is probed for the person.";
  report.facts = {
      {"Task accuracy, rate 50 %", "81.4 %", "question-only rule: 58.2 %"},
      {"Leave-users-out AUC, best layer", "0.54", "95 % interval 0.49 to 0.59; chance 0.5"},
      {"Gradient cosine, last layer", "0.982", "batch of 64, same weights"},
      {"Run time", "6 min 12 s", "2 cores, no GPU"}};
  LineChart loss;
  loss.x.label = "step";
  loss.y.label = "loss (nats per answer token)";
  loss.y.low = 0;
  const std::vector<std::string> rates = {"clean", "rate 50 %", "rate 100 %"};
  for (std::size_t r = 0; r < rates.size(); ++r) {
    Series series;
    series.name = rates[r];
    series.smooth = 20;
    for (int step = 0; step < 1200; ++step) {
      series.x.push_back(step);
      series.y.push_back(0.4 + 0.05 * static_cast<double>(r) + 2.3 * std::exp(-step / 180.0) +
                         noise(0.08));
    }
    loss.series.push_back(series);
  }
  LineChart cosine;
  cosine.x.label = "layer";
  cosine.y.label = "cosine of clean and watermarked gradient";
  cosine.x.names = {"patch", "v.0", "v.1", "v.2", "v.3", "proj", "d.0",
                    "d.1",   "d.2", "d.3", "d.4", "d.5", "head"};
  for (const int batch : {1, 16, 64}) {
    Series series;
    series.name = "batch " + std::to_string(batch);
    for (std::size_t i = 0; i < cosine.x.names.size(); ++i) {
      series.x.push_back(static_cast<double>(i));
      series.y.push_back(1 - (0.3 - 0.02 * static_cast<double>(i)) / std::sqrt(batch) +
                         noise(0.01));
      series.low.push_back(series.y.back() - 0.1 / std::sqrt(batch));
      series.high.push_back(std::min(1.0, series.y.back() + 0.1 / std::sqrt(batch)));
    }
    cosine.series.push_back(series);
  }
  cosine.references = {{1, "identical gradients"}};
  LineChart probe;
  probe.x = cosine.x;
  probe.y.label = "accuracy";
  probe.y.percent = true;
  probe.y.high = 1;
  const std::vector<std::string> kinds = {"replica (confounded)", "leave users out",
                                          "shuffled labels"};
  for (std::size_t k = 0; k < kinds.size(); ++k) {
    Series series;
    series.name = kinds[k];
    series.dashed = k == 2;
    for (std::size_t i = 0; i < probe.x.names.size(); ++i) {
      const double rise = k == 0 ? 0.03 * static_cast<double>(i) : 0.002 * static_cast<double>(i);
      series.x.push_back(static_cast<double>(i));
      series.y.push_back(0.5 + rise + noise(0.02));
      series.low.push_back(series.y.back() - 0.045);
      series.high.push_back(series.y.back() + 0.045);
    }
    probe.series.push_back(series);
  }
  probe.references = {{0.5, "chance 50 %"}};
  WatermarkSpec spec;
  spec.rate = 1;
  const Watermarker marker(spec, make_people(20, 1));
  Gallery gallery;
  gallery.magnify = 3;
  gallery.pairs = true;
  for (int i = 0; i < 2; ++i) {
    const Twin twin = marker.twin(scene(i), i, "scene");
    const std::string name = "image " + std::to_string(i);
    gallery.pictures.push_back({twin.clean, name + ", clean", std::nullopt});
    gallery.pictures.push_back({twin.marked,
                                name + " with the card of `" + twin.line.username + "`",
                                Box{twin.line.x, twin.line.y, twin.line.width, twin.line.height}});
  }
  Table table;
  table.columns = {{"Rate"},
                   {"Accuracy", true},
                   {"95 % interval", true},
                   {"Question-only rule", true},
                   {"Lift", true}};
  table.rows = {{"0 %", "82.1 %", "79.6 to 84.4", "58.2 %", "+23.9"},
                {"50 %", "81.4 %", "78.9 to 83.7", "58.2 %", "+23.2"},
                {"100 %", "80.8 %", "78.2 to 83.1", "58.2 %", "+22.6"}};
  table.groups = {{"", 1}, {"Model", 2}, {"Against the rule", 2}};
  table.notes = {"Intervals by Wilson's formula.", "The rule never sees a picture; `rule.json`."};
  Figure samples = figure_of("samples", "The same images without and with a card", gallery);
  samples.caption =
      "Built-in 5x7 font, white, alpha 0.5, uniform position; the dashed box is the ledger's. The "
      "people cannot exist: every id fails its check digit, every date lies in the years 2900 to "
      "2999.";
  samples.record = "ledger.jsonl";
  Figure curves = figure_of("loss", "Training loss, one run a rate", loss);
  curves.caption =
      "Mean over the answer tokens of each batch of 32. The runs share weights, order "
      "and every random number.";
  curves.command = "chainline train --data shapes --rate 0.5 --seed 1 --out runs/r50";
  curves.record = "runs/r50/log.jsonl";
  Figure accuracy = figure_of("accuracy", "Accuracy on the test split", table);
  accuracy.caption = "1,000 questions; the question-only rule answers without looking.";
  accuracy.record = "accuracy.json";
  Figure gradients =
      figure_of("gradients", "Watermarks turn the gradient less in large batches", cosine);
  gradients.caption = "Same weights, same batch, with and without cards; whiskers span 20 batches.";
  gradients.command = "chainline gradients --run runs/r0 --batch 1,16,64";
  gradients.record = "gradients.jsonl";
  Figure probes = figure_of("probes", "IN against OUT people, a probe on every layer", probe);
  probes.caption =
      "Logistic regression on the last token; 95 % bootstrap intervals over people. The "
      "replica splits images at random, so a card stands on both sides.";
  probes.command = "chainline probe --run runs/r50 --folds 8";
  probes.record = "probe.jsonl";
  probes.claims = {{"K5", Badge::not_supported}, {"K6", std::nullopt}};
  probes.counts = "128 people, 10 runs, 500 questions each";
  probes.seeds = "1 to 10";
  probes.control = "people relabelled, 200 times";
  report.sections = {
      {"What the model sees",
       {"One image in two carries a card with a person's name and id. No question is about it."},
       {samples}},
      {"Does the task survive?", {}, {curves, accuracy}},
      {"Gradients",
       {"The cosine of two gradients is 1 when the card changes nothing."},
       {gradients}},
      {"Probes",
       {"A probe that beats its shuffled control on people it has never met has found "
        "familiarity."},
       {probes, sample_effects(), sample_maps()}},
      {"Batches", {}, {sample_plateau(), sample_grid(), sample_difference(), sample_conditions()}},
      {"Claims", {}, {sample_claims()}}};
  report.manifest = {{"command", "chainline reproduce --seed 1"},
                     {"version", "0.1.0"},
                     {"data", "shapes:seed=1,train=4000,test=1000,questions=4"},
                     {"data sha256", std::string(64, '0') + " (invented)"},
                     {"machine", "2 cores, 24 GiB"}};
  return report;
}

}  // namespace chainline::experiments
