#include "experiments/training/kernel_choices.h"

#include <set>
#include <utility>

#include "experiments/data/json.h"
#include "tensor/error.h"

namespace chainline::experiments {
namespace {

constexpr const char* kFormat = "chainline kernels";
constexpr std::int64_t kVersion = 1;

}  // namespace

std::string kernel_choices_text(const Backend& backend) {
  Json choices = Json::array();
  for (const KernelChoice& c : backend.kernel_choices()) {
    choices.push_back({{"op", c.op}, {"shape", c.shape}, {"kernel", c.kernel}});
  }
  const Json file = {{"format", kFormat},
                     {"version", kVersion},
                     {"device", backend.name()},
                     {"libraries", backend.libraries()},
                     {"choices", choices}};
  return file.dump(2) + "\n";
}

std::vector<KernelChoice> kernel_choices_from(const std::string& text, const std::string& where) {
  const Json file = parse_json(text, where);
  check_keys(file, {"format", "version", "device", "libraries", "choices"}, where);
  const std::string format = string_member(file, "format", where);
  check<FileError>(format == kFormat, where, ": format: expected \"", kFormat, "\", got \"", format,
                   "\"");
  const std::int64_t version = integer_member(file, "version", where);
  check<FileError>(version == kVersion, where, ": version: expected ", kVersion, ", got ", version);
  const Json& list = member(file, "choices", where);
  check<FileError>(list.is_array(), where, ": choices: expected an array, got ", list.type_name());
  std::vector<KernelChoice> choices;
  std::set<std::pair<std::string, std::string>> seen;
  for (std::size_t i = 0; i < list.size(); ++i) {
    const std::string at = where + ": choices[" + std::to_string(i) + "]";
    check_keys(list[i], {"op", "shape", "kernel"}, at);
    const KernelChoice c = {string_member(list[i], "op", at), string_member(list[i], "shape", at),
                            string_member(list[i], "kernel", at)};
    check<FileError>(seen.emplace(c.op, c.shape).second, at, ": expected one kernel for ", c.op,
                     " of ", c.shape, ", got another");
    choices.push_back(c);
  }
  return choices;
}

}  // namespace chainline::experiments
