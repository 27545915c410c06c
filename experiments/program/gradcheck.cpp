#include <fmt/core.h>

#include <algorithm>
#include <memory>
#include <set>

#include "autograd/op_cases.h"
#include "experiments/data/json.h"
#include "experiments/program/arguments.h"
#include "experiments/program/commands.h"
#include "experiments/program/device_option.h"
#include "experiments/program/text_table.h"
#include "tensor/error.h"

namespace chainline::experiments {
namespace {

struct Options {
  std::string op;
  int order = 0;  // 0: each case's own
  bool json = false;
  DeviceOption device;
};

struct Check {
  std::string op, name;
  GradientCheckOrder found;

  /// How much of the bound the error takes; where the bound is 0 only no error at all fits.
  double share() const {
    if (found.error == 0) return 0;
    return found.error / found.bound;
  }
};

/// Failures first, then the nearer to the bound; a NaN is a failure already.
bool worse(const Check& a, const Check& b) {
  if (a.found.ok != b.found.ok) return b.found.ok;
  return a.share() > b.share();
}

std::vector<OpCase> chosen_cases(const std::string& op) {
  std::vector<OpCase> all = op_cases();
  if (op.empty()) return all;
  std::set<std::string> names;
  for (const OpCase& c : all) names.insert(c.op);
  if (names.count(op) == 0) {
    const std::string meant = nearest_spelling(op, {names.begin(), names.end()});
    throw ValueError("gradcheck: OP: expected a differentiable op, got \"" + op + "\"" +
                     (meant.empty() ? "; " : "; did you mean \"" + meant + "\"? ") +
                     "`chainline ops` lists them");
  }
  std::erase_if(all, [&](const OpCase& c) { return c.op != op; });
  return all;
}

std::vector<Check> check_cases(const std::vector<OpCase>& cases, int order, Device device) {
  std::vector<Check> checks;
  for (const OpCase& c : cases) {
    if (c.order == 0) continue;  // nothing that differences could see
    GradientCheckOptions options;
    options.order = order > 0 ? order : c.order;
    std::vector<Tensor> inputs;
    for (const Tensor& x : c.inputs) inputs.push_back(x.to(device));
    for (const GradientCheckOrder& found : check_gradients(c.run, inputs, options).orders) {
      checks.push_back({c.op, c.name, found});
    }
  }
  return checks;
}

std::vector<std::string> cells(const Check& c) {
  return {c.op,
          c.name,
          std::to_string(c.found.order),
          fmt::format("{:.1e}", c.found.error),
          fmt::format("{:.1e}", c.found.bound),
          fmt::format("{:.3f}", c.share()),
          c.found.ok ? "ok" : "WRONG"};
}

/// All checks of one op, worst first; or, of all ops, each one's worst and whatever is wrong.
void print_checks(std::vector<Check> checks, bool of_all_ops) {
  std::stable_sort(checks.begin(), checks.end(), worse);
  std::vector<std::vector<std::string>> rows;
  std::set<std::string> seen;
  for (const Check& c : checks) {
    const bool first = seen.insert(c.op).second;
    if (!of_all_ops || first || !c.found.ok) rows.push_back(cells(c));
  }
  fmt::print("{}", text_table({{"op"},
                               {"case"},
                               {"order", true},
                               {"error", true},
                               {"bound", true},
                               {"error÷bound", true},
                               {"verdict"}},
                              rows));
}

Json as_json(const Check& c) {
  return {{"op", c.op},
          {"case", c.name},
          {"order", c.found.order},
          {"by_differences", c.found.numeric},
          {"by_backward", c.found.backward},
          {"error", c.found.error},
          {"bound", c.found.bound},
          {"ok", c.found.ok}};
}

void run(const Options& options) {
  const std::vector<OpCase> cases = chosen_cases(options.op);
  const std::vector<Check> checks = check_cases(cases, options.order, options.device.device());
  const auto wrong =
      std::count_if(checks.begin(), checks.end(), [](const Check& c) { return !c.found.ok; });
  std::vector<std::string> unchecked;
  for (const OpCase& c : cases) {
    if (c.order == 0) unchecked.push_back(c.title());
  }
  if (options.json) {
    Json report{{"ok", wrong == 0}, {"checks", Json::array()}, {"not_checked", unchecked}};
    for (const Check& c : checks) report["checks"].push_back(as_json(c));
    fmt::print("{}\n", report.dump(2));
  } else {
    if (!checks.empty()) print_checks(checks, options.op.empty());
    for (const std::string& title : unchecked) {
      fmt::print("{}: not checked, for differences cannot see through a rounding\n", title);
    }
    if (!checks.empty()) {
      fmt::print("\n{} checks of {} cases: {}\n", checks.size(), cases.size() - unchecked.size(),
                 wrong == 0 ? "all within their bounds" : std::to_string(wrong) + " WRONG");
    }
  }
  if (wrong != 0) throw CLI::RuntimeError(1);
}

}  // namespace

void add_gradcheck(CLI::App& program) {
  CLI::App* command = program.add_subcommand(
      "gradcheck", "Compare every op's derivatives with differences, within derived bounds");
  const auto options = std::make_shared<Options>();
  command
      ->add_option("OP", options->op,
                   "Show all checks of this op; without it the worst check of each op")
      ->check(named("an op"));
  command
      ->add_option("--order", options->order,
                   "Check derivatives up to this order (default: 2, of fused ops 3)")
      ->check(whole_number(1, 5));
  options->device.add_to(*command);
  command->add_flag("--json", options->json, "Print every check as JSON");
  command->footer(
      "Exit code 1 when a derivative is wrong.\n\n"
      "Example:\n  chainline gradcheck layer_norm --order 4");
  command->callback([options] { run(*options); });
}

}  // namespace chainline::experiments
