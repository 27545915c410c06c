#include <fmt/core.h>

#include <algorithm>
#include <limits>

#include "experiments/reproduce/measure.h"
#include "experiments/reproduce/result_report.h"
#include "experiments/watermark/truetype.h"

namespace chainline::experiments {
namespace {

std::string percent(const Json& share) {
  return fmt::format("{:.1f} %", 100 * share.get<double>());
}

std::string percent_with_interval(const Json& entry) {
  const Json& i = entry.at("interval");
  return fmt::format("{} ({:.1f} to {:.1f})", percent(entry.at("accuracy")),
                     100 * i[0].get<double>(), 100 * i[1].get<double>());
}

double number(const Json& value) {
  return value.is_number() ? value.get<double>() : std::numeric_limits<double>::quiet_NaN();
}

Figure figure(std::string id, std::string title, std::string caption, std::string command,
              FigureBody body) {
  return {std::move(id),      std::move(title), std::move(caption),
          std::move(command), "results.json",   std::move(body)};
}

/// Names that fit below an axis: "vision layer 3" is V3, "decoder layer 2" D2.
std::string short_name(const std::string& name) {
  static const std::vector<std::pair<std::string, std::string>> names = {
      {kAllParameters, "all"}, {"vision embeddings", "patch"}, {"vision layer ", "V"},
      {"projector", "proj"},   {"embeddings", "emb"},          {"decoder layer ", "D"},
      {"lm_head", "head"}};
  for (const auto& entry : names)
    if (name.rfind(entry.first, 0) == 0) return entry.second + name.substr(entry.first.size());
  return name;
}

constexpr const char* kPlaces =
    "Places from left to right as the data flow: patch is the patch embedding, V1, V2, ... the "
    "layers of the vision encoder, D1, D2, ... those of the decoder";

}  // namespace

namespace result_figures {

Section accuracy(const Json& results, const std::string& command) {
  const Json& rule = results.at("question_only");
  Table table;
  table.columns = {{"Model", false}, {"All questions", true}};
  std::vector<std::string> kinds;
  for (const auto& item : rule.at("kinds").items()) kinds.push_back(item.key());
  for (const std::string& kind : kinds) table.columns.push_back({kind, true});
  const auto row = [&](const std::string& name, const Json& entry) {
    std::vector<std::string> cells = {name, percent_with_interval(entry)};
    for (const std::string& kind : kinds)
      cells.push_back(percent(entry.at("kinds").at(kind).at("accuracy")));
    table.rows.push_back(std::move(cells));
  };
  row("question only, no image", rule);
  for (const Json& model : results.at("models"))
    row(model.at("run") == "base" ? "base, before fine-tuning"
                                  : "watermarks on " + model.at("title").get<std::string>(),
        model);
  Section section;
  section.title = "Does the model still answer?";
  section.paragraphs = {fmt::format(
      "Every model answers all {} questions about the {} test images, which carry no watermark. "
      "The "
      "first row is what can be known without looking: the answer that the training data give most "
      "often to the same question.",
      results.at("data").at("test_questions").get<std::int64_t>(),
      results.at("data").at("test_images").get<std::int64_t>())};
  section.figures = {
      figure("accuracy", "Share of test questions answered right",
             "An answer counts when greedy decoding gives it to the letter. In brackets Wilson's "
             "interval of 95 %, which takes questions for independent.",
             command, std::move(table))};
  if (!results.at("accuracy_differences").empty()) {
    Table differences;
    differences.columns = {{"Watermarks on", false},
                           {"Difference to 0 %, points", true},
                           {"95 % interval", true},
                           {"90 % interval", true}};
    const auto range = [](const Json& i) {
      return fmt::format("{:+.2f} to {:+.2f}", 100 * i[0].get<double>(), 100 * i[1].get<double>());
    };
    for (const Json& d : results.at("accuracy_differences"))
      differences.rows.push_back({fmt::format("{} %", d.at("rate").get<std::int64_t>()),
                                  fmt::format("{:+.2f}", 100 * d.at("difference").get<double>()),
                                  range(d.at("interval")), range(d.at("interval_90"))});
    section.figures.push_back(
        figure("accuracy-differences", "What the watermarks cost, question by question",
               "The same questions to both models; the intervals come from drawing test images, "
               "with all their questions, anew.",
               command, std::move(differences)));
  }
  return section;
}

Section losses(const Json& results, const std::string& command) {
  LineChart base, tuned;
  for (LineChart* chart : {&base, &tuned}) {
    chart->x.label = "step";
    chart->y.label = "loss, nats per answer token";
    chart->y.low = 0;
  }
  for (const Json& run : results.at("runs")) {
    Series series;
    series.name = run.at("title");
    series.smooth = std::max<int>(1, static_cast<int>(run.at("losses").size() / 60));
    for (const Json& loss : run.at("losses")) {
      series.x.push_back(static_cast<double>(series.x.size() + 1));
      series.y.push_back(loss);
    }
    (run.at("run") == "base" ? base : tuned).series.push_back(std::move(series));
  }
  const char* caption =
      "Faint: every step. Strong: the mean over neighbouring steps. The batches of the runs hold "
      "the same questions in the same order.";
  Section section;
  section.title = "Training";
  section.figures = {
      figure("loss-base", "Loss while the base learns from scratch",
             "Faint: every step. Strong: the mean over neighbouring steps.", command,
             std::move(base)),
      figure("loss-tuned", "Loss of the fine-tuned models", caption, command, std::move(tuned))};
  return section;
}

Section gradients(const Json& results, const ReproduceOptions& options) {
  Section section;
  section.title = "Does a watermark change the gradient?";
  section.paragraphs = {
      "Same weights, same batch, in two versions: clean, and with a seen person's watermark on "
      "every image. The cosine says how far the direction of the gradient turns. 1 is the floor "
      "of this comparison: identical data give exactly 1. Dashed, for scale: two clean batches of "
      "different images.",
      "Images and questions are from the test split, so no model was trained on them."};
  LineChart by_size;
  by_size.x.label = "batch size";
  by_size.y.label = "cosine";
  by_size.y.high = 1;
  for (const std::int64_t b : options.gradients.batch_sizes)
    by_size.x.names.push_back(std::to_string(b));
  std::vector<Figure> parts;
  std::vector<std::string> runs;
  Table ratios;
  ratios.columns = {{"Part", false}};
  for (const Json& model : results.at("gradients")) {
    const std::string title = model.at("title"), run = model.at("run");
    runs.push_back(run);
    Series versions, others;
    versions.name = title + ", watermark";
    others.name = title + ", other batch";
    others.dashed = true;
    LineChart by_part;
    by_part.x.label = "part of the model";
    by_part.y.label = "cosine";
    by_part.y.high = 1;
    const auto add = [](Series& s, double x, const Json& spread) {
      s.x.push_back(x);
      s.y.push_back(number(spread.at("mean")));
      s.low.push_back(number(spread.at("low")));
      s.high.push_back(number(spread.at("high")));
    };
    for (std::size_t b = 0; b < options.gradients.batch_sizes.size(); ++b) {
      const std::int64_t size = options.gradients.batch_sizes[b];
      ratios.columns.push_back({fmt::format("{}, batch {}", title, size), true});
      Series series;
      series.name = "batch " + std::to_string(size);
      for (const Json& p : model.at("points")) {
        if (p.at("batch_size") != size) continue;
        const std::string group = p.at("group");
        if (group == kAllParameters) {
          add(versions, static_cast<double>(b), p.at("cosine"));
          add(others, static_cast<double>(b), p.at("other_batch"));
        } else {
          if (b == 0) by_part.x.names.push_back(short_name(group));
          add(series, static_cast<double>(series.x.size()), p.at("cosine"));
        }
        auto row = std::find_if(ratios.rows.begin(), ratios.rows.end(),
                                [&](const auto& r) { return r[0] == group; });
        if (row == ratios.rows.end()) row = ratios.rows.insert(row, {group});
        row->resize(ratios.columns.size() - 1, "-");
        row->push_back(fmt::format("{:.2f}", number(p.at("norm_ratio").at("mean"))));
      }
      // A part that is frozen in this model has no gradient.
      for (std::vector<std::string>& r : ratios.rows) r.resize(ratios.columns.size(), "-");
      if (b < 6) by_part.series.push_back(std::move(series));
    }
    by_size.series.push_back(std::move(versions));
    by_size.series.push_back(std::move(others));
    parts.push_back(figure(
        "gradients-" + run,
        "Cosine of clean and watermarked gradient, part by part, " +
            std::string(run == "base" ? "of the base" : "after fine-tuning on clean images"),
        std::string(kPlaces) +
            "; proj the projector, emb the token embeddings, head the output layer. Whiskers: 95 "
            "% from drawing batches anew.",
        measuring_command("gradients", {run}, options), std::move(by_part)));
  }
  section.figures.push_back(
      figure("gradients-by-size", "Cosine of the whole gradient by batch size",
             fmt::format("Means over {} disjoint batches of each size; whiskers: 95 % from drawing "
                         "batches anew.",
                         options.gradients.batches),
             measuring_command("gradients", runs, options), std::move(by_size)));
  for (Figure& f : parts) section.figures.push_back(std::move(f));
  section.figures.push_back(figure(
      "gradient-norms", "Length of the watermarked gradient, clean = 1", "Means over the batches.",
      measuring_command("gradients", runs, options), std::move(ratios)));
  return section;
}

Section pictures(const Json& results, const Dataset& data, const ReproduceOptions& options,
                 const std::string& command) {
  Section section;
  section.title = "What the watermarks look like";
  const Json* last = &results.at("runs").back();
  section.paragraphs = {fmt::format(
      "A card holds the name and the id of an invented person, who cannot exist. White, opacity "
      "{:.2f}, at a random place; on average it covers {} of the image and touches {:.0f} of {} "
      "patches.",
      options.watermark.alpha, percent(last->at("covered_share")),
      last->at("patches_touched").get<double>(), options.model.vision.patches())};
  Gallery gallery;
  gallery.pairs = true;
  Table ledger;
  ledger.columns = {{"Image", false}, {"Text", false},         {"Place", true},
                    {"Size", true},   {"Covered share", true}, {"Patches touched", true}};
  const PeoplePool pool(options.people, options.seed);
  WatermarkSpec spec = options.watermark;
  spec.seed = options.seed;
  const Watermarker marker(spec, pool.seen(), font_of(options.font));
  int widest = 1;
  for (const Json& card : results.value("cards", Json::array())) {
    const std::int64_t index = card.at("image");
    const Twin twin = marker.twin(data.train.images->image(index), index, card.at("name"));
    widest = std::max(widest, twin.clean.width);
    const std::string name = card.at("name");
    std::string text;
    for (const std::string& line : twin.line.text) text += (text.empty() ? "" : " / ") + line;
    gallery.pictures.push_back({twin.clean, name + ", clean", std::nullopt});
    gallery.pictures.push_back({twin.marked, name + ", " + text,
                                Box{twin.line.x, twin.line.y, twin.line.width, twin.line.height}});
    ledger.rows.push_back({name, text, fmt::format("{}, {}", twin.line.x, twin.line.y),
                           fmt::format("{} x {}", twin.line.width, twin.line.height),
                           percent(twin.line.covered_share),
                           std::to_string(card.at("patches_touched").get<std::int64_t>())});
  }
  if (gallery.pictures.empty()) return section;
  gallery.magnify = std::clamp(192 / widest, 1, 3);
  section.figures = {
      figure("pictures", "Training images without and with their watermark",
             "As the loader gives them, before they are resized for the model. The outline is the "
             "report's, not the image's.",
             command, std::move(gallery)),
      figure("ledger", "Their lines in the ledger",
             "Every marked image has such a line in `ledger.jsonl` of its run.", command,
             std::move(ledger))};
  for (Figure& f : section.figures)
    f.record = results.at("runs").back().at("run").get<std::string>() + "/ledger.jsonl";
  return section;
}

}  // namespace result_figures
}  // namespace chainline::experiments
