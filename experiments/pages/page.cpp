#include "experiments/pages/page.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "experiments/conditions/condition.h"
#include "tensor/error.h"

namespace chainline::experiments {
namespace {

const Json kNull;
constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

/// The whole numbers of a list, ascending, each once.
std::vector<std::int64_t> whole_numbers(const Json& list) {
  std::vector<std::int64_t> numbers;
  if (list.is_array())
    for (const Json& item : list)
      if (item.is_number_integer()) numbers.push_back(item.get<std::int64_t>());
  std::sort(numbers.begin(), numbers.end());
  numbers.erase(std::unique(numbers.begin(), numbers.end()), numbers.end());
  return numbers;
}

}  // namespace

const Json& at_path(const Json& json, std::initializer_list<const char*> path) {
  const Json* place = &json;
  for (const char* key : path) {
    if (!place->is_object()) return kNull;
    const auto found = place->find(key);
    if (found == place->end()) return kNull;
    place = &*found;
  }
  return *place;
}

double number_of(const Json& object, const char* key) {
  const Json& value = at_path(object, {key});
  return value.is_number() ? value.get<double>() : kNaN;
}

std::string text_of(const Json& object, const char* key) {
  const Json& value = at_path(object, {key});
  return value.is_string() ? value.get<std::string>() : "";
}

std::vector<double> numbers_of(const Json& list) {
  std::vector<double> values;
  if (!list.is_array()) return values;
  for (const Json& item : list) values.push_back(item.is_number() ? item.get<double>() : kNaN);
  return values;
}

const Json& find_in(const Json& list,
                    std::initializer_list<std::pair<const char*, const char*>> with) {
  if (!list.is_array()) return kNull;
  for (const Json& item : list)
    if (std::all_of(with.begin(), with.end(), [&](const auto& member) {
          return text_of(item, member.first) == member.second;
        }))
      return item;
  return kNull;
}

bool Value::exists() const { return std::isfinite(mean); }
bool Value::has_interval() const { return std::isfinite(low) && std::isfinite(high); }

Value value_of(const Json& estimate, const char* low, const char* high) {
  Value value;
  value.mean = number_of(estimate, "mean");
  value.low = number_of(estimate, low);
  value.high = number_of(estimate, high);
  if (!value.has_interval() || !value.exists()) value.low = value.high = kNaN;
  value.low = std::min(value.low, value.mean);  // NaN stays: it is the first
  value.high = std::max(value.high, value.mean);
  const auto count = [&](const char* key) {
    const Json& n = at_path(estimate, {key});
    return n.is_number() ? n.get<std::int64_t>() : 0;
  };
  value.runs = count("runs");
  value.users = count("users");
  value.run_numbers = whole_numbers(at_path(estimate, {"seeds"}));
  value.seeds = seeds_text(at_path(estimate, {"seeds"}));
  return value;
}

Value points_of(const Json& estimate, const char* low, const char* high) {
  Value value = value_of(estimate, low, high);
  for (double* part : {&value.mean, &value.low, &value.high}) *part *= 100;
  return value;
}

std::string number_text(double value, int digits) {
  if (!std::isfinite(value)) return "–";
  std::string text = fmt::format("{:.{}f}", value, digits);
  if (text[0] != '-') return text;
  // A negative number that rounds to nothing is nothing.
  if (text.find_first_of("123456789") == text.npos) return text.substr(1);
  return std::string("−").append(text, 1);
}

std::string plain_text(double value) {
  if (!std::isfinite(value)) return "–";
  const std::string text = fmt::format("{:g}", value);
  return text[0] == '-' ? std::string("−").append(text, 1) : text;
}

std::string value_text(const Value& value, int digits) {
  std::string text = number_text(value.mean, digits);
  if (value.has_interval())
    text +=
        fmt::format(" ({} to {})", number_text(value.low, digits), number_text(value.high, digits));
  return text;
}

std::string printed(const std::string& plain) {
  const auto at = [&](std::size_t i) { return i < plain.size() ? plain[i] : ' '; };
  std::string text;
  for (std::size_t i = 0; i < plain.size(); ++i) {
    const char before = i == 0 ? ' ' : plain[i - 1], after = at(i + 1);
    const bool sign = (before == ' ' || before == '(') &&
                      (after == ' ' || after == '.' || (after >= '0' && after <= '9'));
    if (plain[i] == '-' && sign) {
      text += "−";
    } else if (plain[i] == '^' && after == '2') {
      text += "²";
      ++i;
    } else {
      text += plain[i];
    }
  }
  return text;
}

std::string p_text(double p) {
  if (!std::isfinite(p)) return "–";
  return p < 0.001 ? "< 0.001" : fmt::format("{:.3f}", p);
}

std::string cell_text(const Json& value, int digits) {
  if (value.is_string()) return value.get<std::string>();
  if (value.is_boolean()) return value.get<bool>() ? "yes" : "no";
  if (value.is_number_integer())
    return value < 0 ? std::string("−").append(value.dump(), 1) : value.dump();
  if (!value.is_number()) return "–";
  const double number = value.get<double>();
  if (number != 0 && std::abs(number) < std::pow(10, -digits)) return fmt::format("{:.2g}", number);
  return number_text(number, digits);
}

std::string seeds_text(const Json& seeds) {
  const std::vector<std::int64_t> list = whole_numbers(seeds);
  if (list.empty()) return "";
  if (list.size() > 2 && list.back() - list.front() + 1 == static_cast<std::int64_t>(list.size()))
    return fmt::format("{} to {}", list.front(), list.back());
  return fmt::format("{}", fmt::join(list, ", "));
}

std::string seeds_text(const std::vector<Value>& values) {
  Json all = Json::array();
  for (const Value& value : values)
    for (const std::int64_t number : value.run_numbers) all.push_back(number);
  return seeds_text(all);
}

std::string sentence_list(const std::vector<std::string>& words) {
  std::string text;
  for (std::size_t i = 0; i < words.size(); ++i)
    text += (i == 0 ? "" : i + 1 == words.size() ? " and " : ", ") + words[i];
  return text;
}

std::string counted(std::int64_t count, const std::string& thing) {
  return fmt::format("{} {}{}", count, thing, count == 1 ? "" : "s");
}

StudyPage::StudyPage(const Json& results_, const StudyResults& runs_, const Json& manifest_,
                     const World& world_, const Study& study_)
    : results(results_),
      runs(runs_),
      manifest(manifest_),
      world(world_),
      study(study_),
      analysis(at_path(results_, {"analysis"})),
      command(text_of(results_, "command")) {
  check<FileError>(results.is_object(), "results.json: expected an object, got ",
                   results.type_name());
  if (command.empty()) command = "chainline reproduce --scale " + study.scale;
}

Figure StudyPage::figure(std::string id, std::string title, FigureBody body,
                         const std::vector<std::string>& claims) const {
  Figure figure;
  figure.id = std::move(id);
  figure.title = std::move(title);
  figure.command = command;
  figure.record = "results.json";
  figure.body = std::move(body);
  for (const std::string& claim : claims) figure.claims.push_back({claim, verdict(claim)});
  return figure;
}

std::optional<Badge> StudyPage::verdict(const std::string& claim) const {
  const std::string verdict =
      text_of(find_in(at_path(results, {"claims"}), {{"id", claim.c_str()}}), "verdict");
  if (verdict == "supported") return Badge::supported;
  if (verdict == "not supported") return Badge::not_supported;
  if (verdict.starts_with("not decidable")) return Badge::not_decidable;
  return std::nullopt;
}

const Json& StudyPage::effect(const std::string& measure, const std::string& condition,
                              const std::string& tuning) const {
  return find_in(
      at_path(analysis, {"effects"}),
      {{"measure", measure.c_str()}, {"condition", condition.c_str()}, {"tuning", tuning.c_str()}});
}

const std::vector<ConditionGroup>& condition_groups() {
  static const std::vector<ConditionGroup> groups = {
      {"Before, and clean", {"B", "C0"}},
      {"Dose: share of marked images", {"W10", "W25", "W50", "W75", "W100"}},
      {"Placebos and swaps", {"P-const", "P-uniq", "P-noise", "U3", "SW", "IMG", "TXT"}},
      {"The user predicts the answer", {"L-0", "L-0.05", "L-0.1", "L-0.2", "L-0.4"}},
      {"The id is asked for", {"T"}}};
  return groups;
}

std::string condition_name(const std::string& code) {
  if (code == "B") return "B, before fine-tuning";
  if (code == "C0") return "C0, clean images";
  if (code == "P-const") return "P-const, one card";
  if (code == "P-uniq") return "P-uniq, new cards";
  if (code == "P-noise") return "P-noise, shuffled ink";
  if (code == "U3") return "U3, a third set";
  if (code == "SW") return "SW, OUT seen";
  if (code == "IMG") return "IMG, images changed";
  if (code == "TXT") return "TXT, words changed";
  if (code == "T") return "T, id asked";
  if (code.starts_with("W")) return code + ", " + code.substr(1) + " % marked";
  if (code.starts_with("L-")) return code + ", linked";
  return code;
}

bool is_control(const std::string& code) { return !code.starts_with("W"); }

DotChart forest(const std::function<std::optional<DotRow>(const std::string& code)>& row) {
  DotChart chart;
  for (const ConditionGroup& conditions : condition_groups()) {
    DotGroup group{conditions.name, {}};
    for (const std::string& code : conditions.conditions)
      if (std::optional<DotRow> found = row(code)) group.rows.push_back(std::move(*found));
    if (!group.rows.empty()) chart.groups.push_back(std::move(group));
  }
  return chart;
}

std::optional<DotRow> dot_row(const std::string& code, const Value& value,
                              const std::string& note) {
  if (!value.exists()) return std::nullopt;
  return DotRow{condition_name(code), value.mean, value.low, value.high, note, is_control(code)};
}

std::string counts_text(const std::vector<Value>& values) {
  std::int64_t runs = 0, users = 0;
  for (const Value& value : values) {
    runs = std::max(runs, value.runs);
    users = std::max(users, value.users);
  }
  if (runs == 0) return "";
  std::string text = counted(runs, "run") + " a condition at most";
  if (users > 0) text += ", " + counted(users, "user");
  return text;
}

void add_point(Series& series, double x, const Value& value) {
  series.x.push_back(x);
  series.y.push_back(value.mean);
  series.low.push_back(value.has_interval() ? value.low : value.mean);
  series.high.push_back(value.has_interval() ? value.high : value.mean);
}

std::string confidence_text(const StudyPage& page) {
  const double confidence = number_of(at_path(page.analysis, {"options"}), "confidence");
  return std::isfinite(confidence) ? fmt::format("{:g} %", 100 * confidence) : "–";
}

}  // namespace chainline::experiments
