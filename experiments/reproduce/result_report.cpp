#include "experiments/reproduce/result_report.h"

#include <fmt/core.h>

#include "experiments/reproduce/findings.h"
#include "experiments/training/manifest.h"

namespace chainline::experiments {
namespace {

std::string percent(const Json& share) {
  return fmt::format("{:.1f} %", 100 * share.get<double>());
}

const Json* of_run(const Json& list, const std::string& run) {
  for (const Json& entry : list)
    if (entry.at("run") == run) return &entry;
  return nullptr;
}

std::string rates_text(const std::vector<std::int64_t>& rates) {
  std::string text;
  for (std::size_t i = 0; i < rates.size(); ++i)
    text += (i == 0 ? "" : i + 1 == rates.size() ? " and " : ", ") + std::to_string(rates[i]);
  return text + " %";
}

/// The model that stands for the task skill: fine-tuned without watermarks, else the base.
const Json& clean_model(const Json& results) {
  const Json* clean = of_run(results.at("models"), run_name(0));
  return clean != nullptr ? *clean : results.at("models")[0];
}

std::string summary(const Json& results, const ReproduceOptions& options) {
  const double gain = clean_model(results).at("accuracy").get<double>() -
                      results.at("question_only").at("accuracy").get<double>();
  std::string text = fmt::format(
      "A multi-modal language model of {:.2f} million weights, trained from scratch, answers {} of "
      "the held-out questions, {:.1f} points {} what the questions alone give away. It was then "
      "fine-tuned on other images of which {} carried the watermark of an invented person. ",
      results.at("parameters").get<double>() / 1e6, percent(clean_model(results).at("accuracy")),
      100 * std::abs(gain), gain >= 0 ? "above" : "below", rates_text(options.rates));
  std::string verdicts;
  for (const Json& claim : results.at("claims"))
    verdicts += (verdicts.empty() ? "" : "; ") + claim.at("claim").get<std::string>() + ": " +
                claim.at("verdict").get<std::string>();
  return text + "Of the paper's claims, as measured here: " + verdicts + ".";
}

std::vector<Fact> facts(const Json& results, const ReproduceOptions& options) {
  const Json& model = clean_model(results);
  std::vector<Fact> list = {
      {"Test accuracy, clean run", percent(model.at("accuracy")),
       "question only: " + percent(results.at("question_only").at("accuracy"))}};
  for (const Json& p : results.at("gradients").back().at("points")) {
    if (p.at("group") != kAllParameters ||
        p.at("batch_size") != options.gradients.batch_sizes.back())
      continue;
    list.push_back(
        {fmt::format("Cosine, batch of {}", options.gradients.batch_sizes.back()),
         fmt::format("{:.3f}", p.at("cosine").at("mean").get<double>()),
         fmt::format("other clean batch: {:.3f}", p.at("other_batch").at("mean").get<double>())});
  }
  const Json& probes = results.at("probes").back();
  const Json& held = probes.at("layers").back().at("leave_users_out");
  const std::string at = probes.at("title").get<std::string>() + " watermarks";
  list.push_back({"Probe, people held out", percent(held.at("accuracy")),
                  fmt::format("chance 50 %, p {:.2f}, {}",
                              held.at("accuracy_control").at("p_value").get<double>(), at)});
  list.push_back(
      {"Asking the model", percent(probes.at("prompt").at("accuracy")), "chance 50 %, " + at});
  return list;
}

Section what_was_run(const Json& results, const ReproduceOptions& options,
                     const std::string& command) {
  const Json& data = results.at("data");
  Section section;
  section.title = "What was run";
  section.paragraphs = {
      fmt::format(
          "Data: {} ({} questions about {} training images, {} about {} test images). "
          "Tokenizer: byte pairs learned from the training questions, {} tokens.",
          data.at("name").get<std::string>(), data.at("train_questions").get<std::int64_t>(),
          data.at("train_images").get<std::int64_t>(),
          data.at("test_questions").get<std::int64_t>(), data.at("test_images").get<std::int64_t>(),
          data.at("vocabulary").get<std::int64_t>()),
      fmt::format("Model: {}-pixel images in patches of {}, a vision transformer of {} layers and "
                  "width {}, "
                  "a projector, a decoder of {} layers and width {}; {:.2f} million weights.",
                  options.model.vision.image_size, options.model.vision.patch_size,
                  options.model.vision.num_hidden_layers, options.model.vision.hidden_size,
                  options.model.text.num_hidden_layers, options.model.text.hidden_size,
                  results.at("parameters").get<double>() / 1e6),
      fmt::format(
          "The base learns from a random half of the training images, clean, in conversations "
          "of up to {} questions about an image; the test asks each question alone. Every "
          "fine-tuned run starts from the base and goes through the other half in the same order; "
          "the images marked at a lower rate are among those marked at a higher one, with "
          "the same cards at the same places. {}",
          options.turns,
          options.lora_rank > 0
              ? fmt::format("Fine-tuned are low-rank additions (rank {}) to the decoder and "
                            "the projector; the vision encoder is frozen.",
                            options.lora_rank)
              : std::string("Fine-tuning moves all weights."))};
  Table table;
  table.columns = {{"Run", false},          {"Steps", true},
                   {"Batch", true},         {"Conversations", true},
                   {"Marked images", true}, {"SHA-256 of the weights", false}};
  for (const Json& run : results.at("runs")) {
    const bool base = run.at("run") == "base";
    table.rows.push_back({base ? "base" : "watermarks on " + run.at("title").get<std::string>(),
                          std::to_string(run.at("steps").get<std::int64_t>()),
                          std::to_string(base ? options.base.batch : options.tune.batch),
                          std::to_string(run.at("samples").get<std::int64_t>()),
                          std::to_string(run.value("marked_images", std::int64_t{0})),
                          "`" + run.at("weights_sha256").get<std::string>().substr(0, 16) + "`"});
  }
  section.figures = {{"runs", "The trainings",
                      "The same command gives the same hashes, for any number of threads and any "
                      "interruption.",
                      command, "results.json", std::move(table)}};
  return section;
}

Section claims(const Json& results, const std::string& command) {
  Section section;
  section.title = "The paper's claims, as measured here";
  section.paragraphs = {
      "The claims are those of the paper's abstract, in our words; the figures are of this run "
      "alone. One run with one draw of seen people can speak against a claim or for it, it cannot "
      "settle it."};
  Table table;
  table.columns = {{"Claim", false}, {"Measured", false}, {"Verdict", false}, {"Because", false}};
  for (const Json& c : results.at("claims"))
    table.rows.push_back({c.at("id").get<std::string>() + ": " + c.at("claim").get<std::string>(),
                          c.at("measured"), c.at("verdict"), c.at("reason")});
  section.figures = {
      {"claims", "Claims and measurements", "", command, "results.json", std::move(table)}};
  return section;
}

Section limits(const Json& results, const ReproduceOptions& options) {
  const Json& run = results.at("runs").back();
  Section section;
  section.title = "Method and limits";
  section.paragraphs = {
      fmt::format(
          "The paper fine-tunes models of seven billion weights that were trained on the internet. "
          "There are no such weights here: the model starts from random numbers and knows nothing "
          "but its {} data. It has never learned to read, and nobody ever asked it for a name in "
          "training; questions about names are new to it.",
          results.at("data").at("name").get<std::string>()),
      fmt::format(
          "The watermark has two lines instead of six and covers {} of an image, where the "
          "paper's cards cover a few percent: a card in legible letters is large on {} pixels.",
          percent(run.at("covered_share")), options.model.vision.image_size),
      options.lora_rank > 0
          ? std::string("As in the paper, the vision encoder is frozen and the decoder is "
                        "fine-tuned by low-rank additions.")
          : std::string("The paper freezes the vision encoder and adds low-rank matrices to the "
                        "decoder; here all weights move, unless `--lora RANK` is given."),
      "Images are kept without loss. Person, place, order and the choice of marked images are "
      "functions of the seed, and the clean and watermarked versions differ in the card alone. The "
      "people are invented so that they cannot exist.",
      "Which people are seen is a random half, so what their cards look like says nothing about "
      "the "
      "label beforehand. Yet this is one draw: other seeds give other halves. A probe that holds "
      "out people of few is coarse; effects of a few points stay unseen.",
      "Not run here: several seeds, a patch without identity of the same energy, people of a third "
      "set, swapped halves, recall of a hidden id, and a positive control that shows how small an "
      "effect the probe would find. A null result is therefore no proof of absence.",
      fmt::format("Every logistic regression was solved to a certificate: of {} fits {} did not "
                  "converge.",
                  results.at("probes").back().at("fits").at("fits").get<std::int64_t>(),
                  results.at("probes").back().at("fits").at("unconverged").get<std::int64_t>())};
  return section;
}

void flatten(const std::string& name, const Json& value,
             std::vector<std::pair<std::string, std::string>>& list) {
  if (value.is_object() && !value.empty()) {
    for (const auto& item : value.items())
      flatten(name.empty() ? item.key() : name + "." + item.key(), item.value(), list);
  } else {
    list.emplace_back(name, value.is_string() ? value.get<std::string>() : value.dump());
  }
}

}  // namespace

std::string measuring_command(const std::string& name, const std::vector<std::string>& runs,
                              const ReproduceOptions& options) {
  const bool several = runs.size() > 1;
  std::string list;
  for (const std::string& run : runs) list += " " + run;
  std::string command = several ? "for run in" + list + "; do " : "";
  command += fmt::format("chainline {} --checkpoint {} --data {} --seed {} --people {}", name,
                         shell_word(options.out.string()) + "/" + (several ? "$run" : runs.at(0)),
                         shell_word(options.data), options.seed, options.people);
  if (!options.font.empty()) command += " --font " + shell_word(options.font);
  if (name == "probe")
    return command +
           fmt::format(" --images {} --folds {} --relabellings {} --bootstrap {}",
                       options.probe_images, options.probes.folds, options.probes.relabellings,
                       options.probes.bootstrap) +
           (several ? "; done" : "");
  std::string sizes;
  for (const std::int64_t b : options.gradients.batch_sizes)
    sizes += (sizes.empty() ? "" : ",") + std::to_string(b);
  return command +
         fmt::format(" --batch-sizes {} --batches {} --bootstrap {}", sizes,
                     options.gradients.batches, options.gradients.bootstrap) +
         (several ? "; done" : "");
}

Report result_report(const Json& results, const Json& manifest, const Dataset& data,
                     const ReproduceOptions& options) {
  const std::string command = manifest.at("command");
  Report report;
  report.title = "Watermarks in fine-tuning: what a small model keeps of them";
  report.summary = summary(results, options);
  report.facts = facts(results, options);
  report.sections = {what_was_run(results, options, command),
                     claims(results, command),
                     result_figures::accuracy(results, command),
                     result_figures::losses(results, command),
                     result_figures::gradients(results, options),
                     result_figures::probes(results, options),
                     result_figures::pictures(results, data, options, command),
                     limits(results, options)};
  flatten("", manifest, report.manifest);
  return report;
}

}  // namespace chainline::experiments
