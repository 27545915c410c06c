#include <fmt/format.h>

#include <functional>
#include <map>
#include <set>

#include "experiments/pages/sections.h"
#include "experiments/study/study_plan.h"

namespace chainline::experiments {
namespace {

std::string training_text(const TrainingConfig& t, const std::string& optimizer) {
  return fmt::format("{}, rate {:g}, batch {}, {}", optimizer, t.learning_rate, t.batch,
                     t.steps > 0 ? counted(t.steps, "step") : "one epoch");
}

/// How many pictures a fine-tuning sees, and how many of them are the same under another card.
std::string pictures_text(const StudyPage& page) {
  const Study& s = page.study;
  const Split tuned = page.world.tune_split("general");
  std::set<std::string> names;
  for (std::int64_t i = 0; i < tuned.images->size(); ++i) names.insert(tuned.images->name(i));
  const std::int64_t seen = tuned.images->size();
  const auto different = static_cast<std::int64_t>(names.size());
  const std::string again = different == seen
                                ? ""
                                : fmt::format(
                                      " ({}, each {} times, under another card and with other "
                                      "questions each time)",
                                      different, seen / different);
  return fmt::format("{}{}, up to {} questions each", seen, again, s.tune_turns);
}

/// The conditions that are measured in full, by how many runs of them are planned.
std::map<std::int64_t, std::vector<std::string>, std::greater<>> conditions_by_runs(
    const Study& study) {
  std::map<std::string, std::int64_t> planned;
  std::vector<std::string> order;
  for (const RunSpec& run : runs_of(study)) {
    if (run.measures != "all" || run.tuning != "lora") continue;
    if (planned[run.condition]++ == 0) order.push_back(run.condition);
  }
  std::map<std::int64_t, std::vector<std::string>, std::greater<>> by_runs;
  for (const std::string& condition : order) by_runs[planned[condition]].push_back(condition);
  return by_runs;
}

Figure numbers(const StudyPage& page) {
  const Study& s = page.study;
  const auto list = [](const auto& items) { return fmt::format("{}", fmt::join(items, ", ")); };
  Table table;
  table.columns = {{"Number"}, {"Value"}};
  const auto row = [&](std::string name, std::string value) {
    table.rows.push_back({std::move(name), std::move(value)});
  };
  row("scale, data", s.scale + ", " + s.data);
  row("seed of the study", fmt::format("{}", s.seed));
  row("users, half of them IN in each run", fmt::format("{}", s.users));
  row("third set, strangers, readers",
      fmt::format("{}, {}, {}", page.world.population().third.size(), s.strangers, s.readers));
  row("picture",
      fmt::format("{0} x {0} pixels, patches of {1}", s.canvas, s.model.vision.patch_size));
  row("card", fmt::format("{} lines, opacity {:g}{}", s.card.fields, s.card.alpha,
                          s.card.contrast ? ", white or black by contrast" : ""));
  row("encoder",
      fmt::format("{} layers of {}", s.model.vision.num_hidden_layers, s.model.vision.hidden_size));
  row("decoder",
      fmt::format("{} layers of {}", s.model.text.num_hidden_layers, s.model.text.hidden_size));
  if (!page.runs.bases.empty() && at_path(page.runs.bases.front(), {"parameters"}).is_number())
    row("parameters", cell_text(at_path(page.runs.bases.front(), {"parameters"})));
  for (const BaseStage& stage : s.base)
    row(&stage == &s.base.front() ? "base, from scratch" : "base, continued",
        fmt::format("{}; {}; cards on {:.0f} % of the pictures", stage.data,
                    training_text(stage.training, "AdamW"), 100 * stage.reading));
  row("fine-tuning, low-rank",
      fmt::format("rank {}, {}; encoder frozen", s.lora_rank, training_text(s.tune, "AdamW")));
  row("fine-tuning, all weights", training_text(s.full_tune, "AdamW"));
  row("the grid's other optimizer", training_text(s.sgd_tune, "SGD"));
  row("pictures of a fine-tuning", pictures_text(page));
  for (const auto& [runs, conditions] : conditions_by_runs(s))
    row("runs of " + list(conditions), fmt::format("{}", runs));
  row("all weights trained",
      fmt::format("{}, {} each", list(s.full), counted(s.other_seeds, "run")));
  row("question mixes", list(s.mixes));
  row("batch sizes of the grid", list(s.grid.batch_sizes));
  if (s.device == "cpu")  // elsewhere none is planned
    row("noise of private trainings", list(s.private_noise));
  row("test pictures, probe pictures", fmt::format("{}, {}", s.test_images, s.probe_images));
  row("strangers' ids that exposure ranks against", fmt::format("{}", s.candidates));
  row("folds over users, relabellings", fmt::format("{}, {}", s.folds, s.relabellings));
  row("batch sizes of the gradient study", list(s.gradient_sizes));
  const Json& options = at_path(page.analysis, {"options"});
  if (options.is_object())
    row("bootstrap draws, relabellings, confidence",
        fmt::format("{}, {}, {}", cell_text(at_path(options, {"replicates"})),
                    cell_text(at_path(options, {"relabellings"})),
                    cell_text(at_path(options, {"confidence"}), 2)));
  if (options.is_object())
    row("delta of privacy bounds", cell_text(at_path(options, {"delta"}), 6));
  Figure figure = page.figure("numbers", "The study in numbers", std::move(table));
  figure.caption =
      "All of them are in `results.json` under `study` and `analysis.options`. A result follows "
      "from "
      "them and the sources; what a claim asks of it stands in `experiments/claims/thresholds.h`.";
  return figure;
}

Figure differences(const StudyPage& page) {
  Table table;
  table.columns = {{"What"}, {"The paper's code"}, {"Here"}, {"Why"}};
  table.rows = {
      {"Model", "two of about 7 billion parameters",
       fmt::format("{} + {} layers, trained from scratch",
                   page.study.model.vision.num_hidden_layers,
                   page.study.model.text.num_hidden_layers),
       "hundreds of exact trainings have to fit"},
      {"Pictures", "photographs",
       fmt::format("{} at {} pixels", page.study.data, page.study.canvas),
       "letters must be legible to so small an encoder; a card covers more of the picture"},
      {"People", "two released sets of 20 that differ in dates and places",
       fmt::format("{} from one generator, seen or not by a coin in each run", page.study.users),
       "else a probe may tell the sets, not who was seen"},
      {"Ink", "white, half opaque", "white or black by contrast, half opaque",
       "white on a light picture cannot be read"},
      {"Files", "marked pictures saved as JPEG anew, clean ones copied", "no lossy step anywhere",
       "else compression differs with the mark"},
      {"Reading", "left to the pre-trained model", "taught with people who occur nowhere else",
       "whoever cannot read cards cannot memorize them"},
      {"Probe", "500 + 500 pictures, random split, one seed",
       fmt::format("{0} + {0} pictures in every run, and users held out, relabelled users, nested "
                   "C, certificates",
                   page.study.probe_images / 2),
       "cards stand on both sides of a random split"},
      {"Prompt baseline", "the typed-in constant 0.51", "computed in every run", "it is a result"},
      {"Gradients", "not in the repository", "same weights, same batch, with and without",
       "two trainings mix the data's effect with drift"},
      {"Other words", "a language model rewrites questions and answers",
       "templates, questions only", "changed answers are changed labels"}};
  Figure figure = page.figure("paper", "What differs from the paper, and why", std::move(table));
  figure.caption =
      "The paper's column is read from its published code. Its figures' values were not "
      "available, so no number of this report is compared with one, but for the prompt "
      "baseline.";
  figure.record = "";
  return figure;
}

}  // namespace

Part method_part(const StudyPage& page) {
  Part part;
  part.section.title = "Method and limits";
  part.section.paragraphs = {
      fmt::format(
          "Design. One pool of {} users; each run draws a random half (IN), trains on their cards "
          "and is measured on all. Conditions of one run share pictures, order, questions and "
          "first values, so C0, W, P, U3, SW and L differ by the cards alone; T asks for the id "
          "besides, IMG and TXT show no cards and change pictures or words. A user is the unit: an "
          "effect is a "
          "mean over IN users less one over OUT users, then over runs.",
          page.study.users),
      "Statistics. Intervals by bootstrap over runs and, inside each, users, or by Student over "
      "runs, as stands by each. Claims are refuted, and those about gradients and exponents "
      "judged, by Student's limits. P-values by permuting IN and OUT within pairs of users who "
      "share their pictures, in every run; those of probes by fitting them to relabelled users, of "
      "slopes and of differences between layers or rates by Student. "
      "Corrected by the maximum over layers, and by Holm over the tests of a claim, the conditions "
      "of a measure, the mixes of a score and the two gates of positive controls, each family for "
      "itself: nothing is corrected over the ten claims. Equivalence by two one-sided tests. Null "
      "results are printed with their intervals.",
      "Changed after runs had been seen, in the studies that were published with this program. "
      "Thresholds were set before the first run, but for one of K10's, the share of cells that "
      "must show energy, which came during the first jobs. When one run of L-0.4 had shown an "
      "effect of 1.4 standard errors, the positive controls were given ten runs instead of three. "
      "When 98 of the 316 jobs of the built-in data were done and no claim had been judged, rules "
      "were mended: which mixes have skill to lose (K1), limits of Student over runs (K2, K3, "
      "K10), "
      "what K4's second test needs, pairs for what W100's probe says of SW (K5), the energy of a "
      "cell (K10), and that decoder layers alone tell whether a probe sees T. The first 104 jobs "
      "of "
      "easy-VQA were thrown away, as its 2,000 pictures had been gone over once and not twice. "
      "docs/reproduction.md says why.",
      "Exactness. Weights are a function of samples, configuration and seed, to the bit. A rerun "
      "is identical, twins without a difference in the data differ by exactly zero, and both are "
      "checked as gates.",
      "What it cannot show. That a large model does the same: what is absent here may be there. "
      "Effects below what the runs and users resolve: the intervals say how large those could be. "
      "Where the base reads few names (see the legibility of cards), a missing effect says little "
      "about "
      "memorization. There is one base, one set of pictures to tune on and one pool of people: "
      "runs "
      "repeat who is IN, the order and the first values, and say nothing of another base. "
      "Nor what other kinds of watermark, pictures or fine-tuning do. And nothing about real "
      "people's data."};
  part.add(differences(page));
  part.add(numbers(page));
  return part;
}

Part again_part(const StudyPage& page) {
  Part part;
  part.section.title = "How to do it again";
  part.section.paragraphs = {
      "The program needs this page's data set and nothing from a network. A study that is stopped "
      "goes on where it was; results of other sittings are taken over by their keys."};
  const std::string scale = "--scale " + page.study.scale;
  Table table;
  table.columns = {{"To"}, {"Command"}};
  table.rows = {
      {"build", "`cmake --preset release && cmake --build --preset release`"},
      {"run this study", "`" + page.command + "`"},
      {"see all code paths in minutes", "`chainline reproduce --scale smoke --out out/smoke`"},
      {"see the verdicts again", "`chainline claims OUT`"},
      {"check the program itself", "`./run test`"}};
  const std::string sha256 = text_of(at_path(page.results, {"data"}), "sha256");
  const std::string name = text_of(at_path(page.results, {"data"}), "name");
  const std::string licence = text_of(at_path(page.results, {"data"}), "licence");
  if (!sha256.empty())
    table.notes.push_back(fmt::format("Data: {}{}, SHA-256 of their whole content `{}`.", name,
                                      licence.empty() ? "" : " (" + licence + ")", sha256));
  table.notes.push_back(
      "`results.json` has every figure's numbers, `runs.json` what each job gave, "
      "`manifest.json` versions, seeds, hashes and the machine.");
  Figure figure = page.figure("again", "Commands, from nothing to this page", std::move(table));
  figure.record = "manifest.json";
  part.add(std::move(figure));
  return part;
}

}  // namespace chainline::experiments
