#include "experiments/pages/utility_tables.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace chainline::experiments {

void add_kinds(const StudyPage& page, Part& part) {
  const Json& rows = at_path(page.analysis, {"utility", "kinds"});
  if (!rows.is_array() || rows.empty()) return part.lacks("skill by kind of question");
  Table table;
  table.columns = {{"Kind"},     {"Questions", true}, {"most common answer", true}, {"B", true},
                   {"C0", true}, {"W100", true},      {"Mixes that ask it"}};
  table.groups = {{"", 2}, {"Accuracy, %", 4}, {"", 1}};
  std::vector<Value> values;
  std::vector<std::string> unskilled, diluted;
  double their_questions = 0, questions = 0;
  int compared = 0;
  for (const Json& row : rows) {
    const std::string kind = text_of(row, "kind");
    std::vector<std::string> mixes;
    for (const std::string& mix : page.study.mixes)
      if (const std::vector<std::string> kinds = kinds_of_mix(mix);
          kinds.empty() || std::find(kinds.begin(), kinds.end(), kind) != kinds.end())
        mixes.push_back(mix);
    const double constant = number_of(row, "constant"), clean = number_of(row, "C0");
    compared += std::isfinite(constant) && std::isfinite(clean);
    questions += number_of(row, "questions");
    if (clean <= constant) {  // false where either is missing
      unskilled.push_back(kind);
      their_questions += number_of(row, "questions");
      for (const std::string& mix : mixes)
        if (std::find(diluted.begin(), diluted.end(), mix) == diluted.end()) diluted.push_back(mix);
    }
    values.push_back(value_of(row));
    std::vector<std::string> cells = {kind, plain_text(number_of(row, "questions"))};
    for (const char* what : {"constant", "B", "C0", "W100"})
      cells.push_back(number_text(100 * number_of(row, what), 1));
    cells.push_back(mixes.empty() ? "–" : sentence_list(mixes));
    table.rows.push_back(std::move(cells));
  }
  if (!unskilled.empty())
    table.notes = {fmt::format(
        "{}: after clean training no better than the most common answer, so that there is no skill "
        "to lose. These questions, {} % of all, dilute the margin of the mixes that have them{}.",
        sentence_list(unskilled), number_text(100 * their_questions / questions, 1),
        diluted.empty() ? "" : ": " + sentence_list(diluted))};
  Figure figure = page.figure(
      "utility-kinds",
      compared == 0
          ? "Skill by kind of question"
          : fmt::format("After clean training, {} of {} kinds of questions are answered no better "
                        "than by their most common answer",
                        unskilled.size(), compared),
      std::move(table), {"K1"});
  figure.caption =
      "Low-rank additions trained on the general mix; unseen test images without cards; means over "
      "the runs that B, before any fine-tuning, C0 and W100 have in common, if they are there at "
      "all. Most common answer: what giving it to all questions of the kind is worth.";
  if (values.front().runs > 0) figure.counts = counted(values.front().runs, "run");
  figure.seeds = seeds_text(values);
  figure.control = "B, C0, and an answer without looking";
  part.add(std::move(figure));
}

void add_sweep(const StudyPage& page, Part& part) {
  const Json& rows = at_path(page.analysis, {"sweep"});
  if (!rows.is_array() || rows.empty()) return part.lacks("the sweep of learning rates");
  Table table;
  table.columns = {{"Trained"}, {"Learning rate", true}, {"Accuracy, %", true}, {"Chosen"}};
  for (const Json& row : rows)
    table.rows.push_back({text_of(row, "tuning") == "lora" ? "low-rank additions" : "all weights",
                          plain_text(number_of(row, "learning_rate")),
                          number_text(100 * number_of(row, "accuracy"), 1),
                          number_of(row, "rate_factor") == 1 ? "yes" : ""});
  if (!page.study.grid.batch_sizes.empty())
    table.notes = {
        "Not swept: the rate of SGD, which the grid of batch sizes takes beside AdamW, " +
        plain_text(page.study.sgd_tune.learning_rate) + "."};
  Figure figure = page.figure("learning-rates", "Learning rates were chosen on clean pictures",
                              std::move(table));
  figure.caption =
      "Accuracy on unseen pictures after tuning on clean ones, one run (C0) at each "
      "rate. The chosen rate serves every condition.";
  figure.control = "every row is clean";
  part.add(std::move(figure));
}

}  // namespace chainline::experiments
