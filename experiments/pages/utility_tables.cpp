#include "experiments/pages/utility_tables.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <set>

namespace chainline::experiments {

void add_kinds(const StudyPage& page, Part& part) {
  const Json& rows = at_path(page.analysis, {"utility", "kinds"});
  if (!rows.is_array() || rows.empty()) return part.lacks("skill by kind of question");
  Table table;
  table.columns = {
      {"Kind"},     {"Questions", true}, {"most common answer", true}, {"B", true},
      {"C0", true}, {"W100", true},      {"W100 less C0", true},       {"Mixes that ask it"}};
  table.groups = {{"", 2}, {"Accuracy, %", 4}, {"Points", 1}, {"", 1}};
  std::vector<Value> values;
  std::vector<std::string> unskilled, diluted;
  std::string fallen, fallen_runs;  // the kind that loses most from C0 to W100, and its runs
  double their_questions = 0, questions = 0, largest_fall = 0;
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
    const Value change = points_of(at_path(row, {"difference"}));
    if (-change.mean > largest_fall) {  // false where it is missing
      largest_fall = -change.mean;
      fallen = fmt::format("{}, {} points", kind, value_text(change, 1));
      fallen_runs.clear();
      const std::vector<double> runs = numbers_of(at_path(row, {"difference", "per_run"}));
      const auto [least, most] = std::minmax_element(runs.begin(), runs.end());
      if (runs.size() > 1)
        fallen_runs = fmt::format(" ({}: from {} to {})",
                                  counted(static_cast<std::int64_t>(runs.size()), "run"),
                                  number_text(100 * *least, 1), number_text(100 * *most, 1));
    }
    values.push_back(value_of(row));
    std::vector<std::string> cells = {kind, plain_text(number_of(row, "questions"))};
    for (const char* what : {"constant", "B", "C0", "W100"})
      cells.push_back(number_text(100 * number_of(row, what), 1));
    cells.push_back(value_text(change, 1));
    cells.push_back(mixes.empty() ? "–" : sentence_list(mixes));
    table.rows.push_back(std::move(cells));
  }
  if (!unskilled.empty())
    table.notes = {fmt::format(
        "{}: after clean training no better than the most common answer, so that there is no skill "
        "to lose. These questions, {} % of all, make up or dilute the mixes that have them{}.",
        sentence_list(unskilled), number_text(100 * their_questions / questions, 1),
        diluted.empty() ? "" : ": " + sentence_list(diluted))};
  std::string title =
      compared == 0
          ? "Skill by kind of question"
          : fmt::format(
                "After clean training, {} of {} kinds of questions are answered no better "
                "than by their most common answer",
                unskilled.size(), compared);
  if (!fallen.empty())
    title += fmt::format("; the largest fall from C0 to W100 is that of {}{}", fallen, fallen_runs);
  Figure figure = page.figure("utility-kinds", std::move(title), std::move(table), {"K1"});
  figure.caption =
      "Low-rank additions trained on the general mix; unseen test images without cards; means over "
      "the runs that B, before any fine-tuning, C0 and W100 have in common, if they are there at "
      "all. Most common answer: what giving it to all questions of the kind is worth. W100 less "
      "C0: run by run, with Student's " +
      confidence_text(page) + " limits over runs.";
  if (values.front().runs > 0) figure.counts = counted(values.front().runs, "run");
  figure.seeds = seeds_text(values);
  figure.control = "B, C0, and an answer without looking";
  part.add(std::move(figure));
}

void add_sweep(const StudyPage& page, Part& part) {
  const Json& rows = at_path(page.analysis, {"sweep"});
  if (!rows.is_array() || rows.empty()) return part.lacks("the sweep of learning rates");
  Table table;
  table.columns = {{"Trained"}, {"Learning rate", true}, {"Accuracy, %", true}, {"The study's"}};
  std::set<std::int64_t> seeds;
  for (const Json& row : rows) {
    if (at_path(row, {"run"}).is_number_integer()) seeds.insert(row["run"].get<std::int64_t>());
    table.rows.push_back({text_of(row, "tuning") == "lora" ? "low-rank additions" : "all weights",
                          plain_text(number_of(row, "learning_rate")),
                          number_text(100 * number_of(row, "accuracy"), 1),
                          number_of(row, "rate_factor") == 1 ? "yes" : ""});
  }
  if (!page.study.grid.batch_sizes.empty())
    table.notes = {
        "Not swept: the rate of SGD, which the grid of batch sizes takes beside AdamW, " +
        plain_text(page.study.sgd_tune.learning_rate) + "."};
  Figure figure =
      page.figure("learning-rates", "The study's learning rates among others, on clean pictures",
                  std::move(table));
  figure.caption =
      "Accuracy on all questions of the study's test pictures, which the tables above report, of "
      "C0 alone, one run at each rate. The study's rates serve every condition. Those of the cpu "
      "scale were chosen on the built-in pictures, by such runs: there C0's run 0 is high by "
      "selection, so that a loss against it is over- rather than understated.";
  figure.counts = "1 run a rate";
  figure.seeds = seeds_text(Json(seeds));
  figure.control = "every row is clean";
  part.add(std::move(figure));
}

}  // namespace chainline::experiments
