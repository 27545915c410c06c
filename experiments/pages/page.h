#pragma once

#include <cstdint>
#include <functional>
#include <initializer_list>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "experiments/pages/study_report.h"

namespace chainline::experiments {

/// The member at the end of a path of keys; a null where one is missing or no object.
const Json& at_path(const Json& json, std::initializer_list<const char*> path);
/// A member that is a number; NaN for anything else.
double number_of(const Json& object, const char* key);
/// A member that is a text; "" for anything else.
std::string text_of(const Json& object, const char* key);
/// A list of numbers; NaN for every item that is none.
std::vector<double> numbers_of(const Json& list);
/// The first object of a list whose members have these texts; a null without one.
const Json& find_in(const Json& list,
                    std::initializer_list<std::pair<const char*, const char*>> with);

/// An estimate of analyse(), as figures take it.
struct Value {
  double mean = 0, low = 0, high = 0;  // NaN where there is none
  std::int64_t runs = 0, users = 0;
  std::string seeds;                      // as a text
  std::vector<std::int64_t> run_numbers;  // the same as numbers, ascending

  bool exists() const;
  bool has_interval() const;
};

/// An object with "mean", "low" and "high", or whatever the limits are called. A bootstrap's limits
/// need not hold the mean itself; they are moved to it where they don't, so that it can be drawn.
Value value_of(const Json& estimate, const char* low = "low", const char* high = "high");

/// An estimate of accuracy in points.
Value points_of(const Json& estimate, const char* low = "low", const char* high = "high");

/// "0.512", with a real minus sign; "–" for NaN.
std::string number_text(double value, int digits = 3);
/// With as few digits as say it: "16", "0.5"; "–" for NaN.
std::string plain_text(double value);
/// "0.512 (0.490 to 0.534)", or without the interval where there is none.
std::string value_text(const Value& value, int digits = 3);
/// "0.013", "< 0.001"; "–" for NaN.
std::string p_text(double p);
/// A claim's own words, which are plain ASCII for terminals, with minus signs and squares as print
/// has them: "1/cos^2 - 1 is -0.4" becomes "1/cos² − 1 is −0.4".
std::string printed(const std::string& plain);
/// A JSON value for a cell: a number with few digits, a text as it is.
std::string cell_text(const Json& value, int digits = 3);
/// "1 to 10", or all of them where they are not consecutive.
std::string seeds_text(const Json& seeds);
/// The same of all run numbers that any of the estimates rests on.
std::string seeds_text(const std::vector<Value>& values);
/// "a", "a and b", "a, b and c".
std::string sentence_list(const std::vector<std::string>& words);
/// "1 run", "3 runs".
std::string counted(std::int64_t count, const std::string& thing);

/// Everything that a section is made of.
struct StudyPage {
  const Json& results;
  const StudyResults& runs;
  const Json& manifest;
  const World& world;
  const Study& study;
  const Json& analysis;
  std::string command;

  StudyPage(const Json& results, const StudyResults& runs, const Json& manifest, const World& world,
            const Study& study);

  /// A figure whose numbers are in results.json, with the verdicts of the claims it bears on.
  Figure figure(std::string id, std::string title, FigureBody body,
                const std::vector<std::string>& claims = {}) const;
  /// What was decided of a claim; nullopt where it is withheld or not there.
  std::optional<Badge> verdict(const std::string& claim) const;
  /// Effects of a measure, by condition; a null where there is none.
  const Json& effect(const std::string& measure, const std::string& condition,
                     const std::string& tuning = "lora") const;
};

/// A section as it grows, and what it would show if the study had it.
struct Part {
  Section section;
  std::vector<std::string> absent;

  void add(Figure figure) { section.figures.push_back(std::move(figure)); }
  void lacks(std::string what) { absent.push_back(std::move(what)); }
};

/// A group of conditions that belong together in tables and forests.
struct ConditionGroup {
  std::string name;
  std::vector<std::string> conditions;
};
/// All conditions, in the order in which a reviewer asks for them.
const std::vector<ConditionGroup>& condition_groups();
/// "W50, half of the images marked", as axes of forests name it.
std::string condition_name(const std::string& code);
/// Whether the condition is something that W is held against.
bool is_control(const std::string& code);

/// A forest with a row for each condition that `row` gives one; no group without rows.
DotChart forest(const std::function<std::optional<DotRow>(const std::string& code)>& row);
/// A row of a forest from an estimate, if it exists.
std::optional<DotRow> dot_row(const std::string& code, const Value& value, const std::string& note);
/// "10 runs, 128 users", the most that any of the estimates has.
std::string counts_text(const std::vector<Value>& values);
/// One more point of a curve, with its interval; of no length where the estimate has none.
void add_point(Series& series, double x, const Value& value);
/// "95 %", how sure the intervals of an analysis are; "–" where it does not say.
std::string confidence_text(const StudyPage& page);

}  // namespace chainline::experiments
