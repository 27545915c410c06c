#include <fmt/core.h>

#include <algorithm>
#include <memory>
#include <string>

#include "experiments/data/json.h"
#include "experiments/program/commands.h"
#include "experiments/program/op_table.h"
#include "experiments/program/text_table.h"

namespace chainline::experiments {
namespace {

std::string or_dash(const std::vector<std::string>& words) {
  return words.empty() ? "-" : list_words(words);
}

std::string order_of(const OpRow& op) {
  if (!op.differentiable) return "-";
  return op.order == 0 ? "by hand" : std::to_string(op.order);
}

void print_promises(const std::vector<OpRow>& table) {
  std::vector<std::vector<std::string>> rows;
  for (const OpRow& op : table) {
    const std::string fast = op.fast.empty() ? "-" : op.fast;
    rows.push_back({op.name, op.bits, fast, op.proof, "-", "-", "-", "-"});
    if (!op.accuracy) continue;
    rows.back()[4] = fmt::format("{:.3g}", op.accuracy->ulps);
    rows.back()[5] = fmt::format("{:.3g}", op.accuracy->bound);
    rows.back()[6] = fmt::format("{:.2g}", op.accuracy->share);
    rows.back()[7] = op.bound_from;
  }
  fmt::print("{}", text_table({{"op"},
                               {"bits"},
                               {"fast"},
                               {"shown by"},
                               {"worst ulp", true},
                               {"bound", true},
                               {"error÷bound", true},
                               {"bound from"}},
                              rows));
}

void print_places(const std::vector<OpRow>& table) {
  std::vector<std::vector<std::string>> rows;
  for (const OpRow& op : table) {
    rows.push_back({op.name, op.header, or_dash(op.kernels), or_dash(op.devices), order_of(op),
                    op.composed ? "yes" : "no"});
  }
  fmt::print(
      "{}",
      text_table({{"op"}, {"header"}, {"kernels"}, {"devices"}, {"order", true}, {"composed"}},
                 rows));
}

constexpr const char* kLegend =
    "bits         the class of docs/numerics.md\n"
    "fast         with bf16 activations on CUDA (--math=fast): copied; rounded once, from what "
    "the\n"
    "             exact class has in f32; repeatable on one device; - not in all its kernels\n"
    "shown by     the test of the op's bits on every instruction set or number of threads; the\n"
    "             hashes of Golden.HoldsForAnyNumberOfThreads hold those of every differentiable "
    "op\n"
    "worst ulp    the largest distance, over the elements of the op's cases, of a result in f32\n"
    "             from the same in f64, in units of the last place of f32; - has no cases\n"
    "bound        the derived bound of that element's distance\n"
    "error÷bound  the nearest that any element comes to its own bound\n"
    "bound from   copied        nothing rounds\n"
    "             rounded once  half an ulp\n"
    "             stated        the worst ulps over every f32, in tensor/math.h\n"
    "             gamma         gamma_n times the sum of the magnitudes, n roundings on the way\n"
    "             running       running error analysis of the formula (autograd/rounding.h)\n"
    "kernels      - is a view or a copy that Tensor itself makes\n"
    "order        the highest derivative that gradcheck checks; - has no derivative\n"
    "composed     whether it has a twin made of primitive ops\n";

Json as_json(const OpRow& op) {
  Json json{{"name", op.name},       {"header", op.header},
            {"kernels", op.kernels}, {"devices", op.devices},
            {"bits", op.bits},       {"fast", op.fast},
            {"shown_by", op.proof},  {"differentiable", op.differentiable},
            {"order", op.order},     {"composed", op.composed}};
  if (op.accuracy) {
    json["worst_ulps"] = op.accuracy->ulps;
    json["bound_ulps"] = op.accuracy->bound;
    json["share_of_bound"] = op.accuracy->share;
    json["bound_from"] = op.bound_from;
  }
  return json;
}

}  // namespace

void add_ops(CLI::App& program) {
  CLI::App* command = program.add_subcommand(
      "ops", "List every op: its arithmetic, accuracy, kernels, devices and checked derivatives");
  const auto json = std::make_shared<bool>(false);
  command->add_flag("--json", *json, "Print JSON");
  command->footer(std::string(kLegend) +
                  "\nExit code 1 when a result is beyond its bound.\n\n"
                  "Example:\n  chainline ops --json");
  command->callback([json] {
    const std::vector<OpRow> table = op_table();
    if (*json) {
      Json all = Json::array();
      for (const OpRow& op : table) all.push_back(as_json(op));
      fmt::print("{}\n", all.dump(2));
    } else {
      print_promises(table);
      fmt::print("\n");
      print_places(table);
      fmt::print("\n{}", kLegend);
    }
    if (!std::all_of(table.begin(), table.end(),
                     [](const OpRow& op) { return !op.accuracy || op.accuracy->ok(); })) {
      throw CLI::RuntimeError(1);
    }
  });
}

}  // namespace chainline::experiments
