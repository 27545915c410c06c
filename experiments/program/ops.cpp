#include <fmt/core.h>

#include <memory>

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

void print_table(const std::vector<OpRow>& table) {
  std::vector<std::vector<std::string>> rows;
  for (const OpRow& op : table) {
    rows.push_back({op.name, op.header, or_dash(op.kernels), or_dash(op.devices), op.bits,
                    order_of(op), op.composed ? "yes" : "no"});
  }
  fmt::print(
      "{}",
      text_table(
          {{"op"}, {"header"}, {"kernels"}, {"devices"}, {"bits"}, {"order", true}, {"composed"}},
          rows));
  fmt::print(
      "\nkernels   - is a view or a copy that Tensor itself makes\n"
      "bits      the class of docs/numerics.md\n"
      "order     the highest derivative that gradcheck checks; - has no derivative\n"
      "composed  whether it has a twin made of primitive ops\n");
}

Json as_json(const OpRow& op) {
  return {{"name", op.name},       {"header", op.header},    {"kernels", op.kernels},
          {"devices", op.devices}, {"bits", op.bits},        {"differentiable", op.differentiable},
          {"order", op.order},     {"composed", op.composed}};
}

}  // namespace

void add_ops(CLI::App& program) {
  CLI::App* command = program.add_subcommand(
      "ops", "List every op: its kernels, devices, arithmetic and checked derivatives");
  const auto json = std::make_shared<bool>(false);
  command->add_flag("--json", *json, "Print JSON");
  command->footer("Example:\n  chainline ops --json");
  command->callback([json] {
    const std::vector<OpRow> table = op_table();
    if (!*json) return print_table(table);
    Json all = Json::array();
    for (const OpRow& op : table) all.push_back(as_json(op));
    fmt::print("{}\n", all.dump(2));
  });
}

}  // namespace chainline::experiments
