#include <fmt/core.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <memory>

#include "experiments/bench/cards.h"
#include "experiments/bench/comparison.h"
#include "experiments/bench/computes.h"
#include "experiments/bench/runner.h"
#include "experiments/data/json.h"
#include "experiments/data/paths.h"
#include "experiments/program/arguments.h"
#include "experiments/program/commands.h"
#include "experiments/program/text_table.h"
#include "tensor/backend.h"
#include "tensor/error.h"
#include "tensor/parallel.h"

namespace chainline::experiments {
namespace {

namespace fs = std::filesystem;

struct Options {
  std::string op, compare, out, from;
  std::string device = "cpu";
  int repetitions = 9;
  double min_seconds = 0.05;
  bool list = false;
};

/// A folder for the results while they are made, removed in the end.
class TemporaryFolder {
 public:
  TemporaryFolder() {
    std::string name = (fs::temp_directory_path() / "chainline-bench-XXXXXX").string();
    check<FileError>(::mkdtemp(name.data()) != nullptr, name, ": expected to make a folder there");
    path_ = name;
  }
  ~TemporaryFolder() {
    std::error_code ignored;
    fs::remove_all(path_, ignored);
  }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  fs::path operator/(const std::string& name) const { return path_ / name; }

 private:
  fs::path path_;
};

/// The ops that have benchmarks, and how many benchmarks.
std::vector<std::pair<std::string, int>> ops_of(const std::vector<std::string>& names) {
  std::vector<std::pair<std::string, int>> ops;
  for (const std::string& name : names) {
    const std::string op = name.substr(0, name.find('/'));
    const auto same = [&](const auto& known) { return known.first == op; };
    const auto found = std::find_if(ops.begin(), ops.end(), same);
    if (found == ops.end()) {
      ops.emplace_back(op, 1);
    } else {
      ++found->second;
    }
  }
  return ops;
}

/// Refuses an op that has no benchmark: it must be a name, or the start of some up to a slash.
void check_op(const std::string& op, const std::vector<std::string>& names) {
  const bool known = std::any_of(names.begin(), names.end(), [&](const std::string& name) {
    return name == op || name.starts_with(op + "/");
  });
  if (op.empty() || known) return;
  std::vector<std::string> ops;
  for (const auto& [name, count] : ops_of(names)) ops.push_back(name);
  const std::string meant = nearest_spelling(op, ops);
  throw ValueError("bench: OP: expected an op with benchmarks, got \"" + op + "\"" +
                   (meant.empty() ? "; " : "; did you mean \"" + meant + "\"? ") +
                   "`chainline bench --list` lists them");
}

/// A line for each op, or for each benchmark of one.
void print_list(const std::string& of, Device device) {
  const std::vector<std::string> names = BenchRunner(device).names();
  check_op(of, names);
  if (!of.empty()) {
    for (const std::string& name : names) {
      if (name == of || name.starts_with(of + "/")) fmt::print("{}\n", name);
    }
    return;
  }
  std::vector<std::vector<std::string>> rows;
  for (const auto& [op, count] : ops_of(names)) {
    rows.push_back({op, std::to_string(count), computes(op)});
  }
  fmt::print("{}", text_table({{"op"}, {"benchmarks", true}, {"computes"}}, rows));
}

BenchResults measure(const Options& options) {
  if (!options.out.empty()) {
    // Said before the minutes that the benchmarks take.
    const fs::path folder = fs::absolute(options.out).parent_path();
    check_is_folder(folder, "a folder for --out");
  }
  const BenchRunner runner(parse_device(options.device));
  check_op(options.op, runner.names());
  const TemporaryFolder folder;
  const fs::path file = folder / "results.json";
  runner.run({options.op, threads(), options.repetitions, options.min_seconds}, file);
  const BenchResults results = read_bench_results(file);
  if (!options.out.empty()) write_atomically(options.out, read_file(file, kMaxJsonBytes));
  return results;
}

BenchResults of_op(BenchResults results, const std::string& op, const std::string& where) {
  if (op.empty()) return results;
  std::erase_if(results.timings,
                [&](const Timing& t) { return t.call != op && !t.call.starts_with(op + "/"); });
  check<FileError>(!results.timings.empty(), where, ": expected benchmarks of ", op,
                   ", found none");
  return results;
}

void bench(const Options& options) {
  const Device device = parse_device(options.device);
  if (device.type == DeviceType::cuda && options.from.empty()) cuda::backend(device.index);
  if (options.list) return print_list(options.op, device);
  // Read first: a file that is none is said before anything is measured.
  BenchResults before;
  if (!options.compare.empty())
    before = of_op(read_bench_results(options.compare), options.op, options.compare);
  const BenchResults results =
      options.from.empty() ? measure(options)
                           : of_op(read_bench_results(options.from), options.op, options.from);
  fmt::print("{}\n{}", machine_card(results), kernel_cards(results));
  if (!options.compare.empty()) {
    const BenchComparison comparison = compare_results(before, results, options.compare);
    fmt::print("\n{}", comparison_text(comparison, before, results, options.compare));
  }
  const auto refused = std::count_if(results.timings.begin(), results.timings.end(),
                                     [](const Timing& t) { return !t.refused.empty(); });
  check<Error>(refused == 0, "bench: expected right answers, got ", refused,
               " that are not, for which no time counts");
}

}  // namespace

void add_bench(CLI::App& program) {
  CLI::App* command = program.add_subcommand(
      "bench", "Time the kernels, and hold the times against those of an earlier run");
  const auto options = std::make_shared<Options>();
  command
      ->add_option("OP", options->op,
                   "Run the benchmarks of this op alone; also the start of a benchmark's name, as "
                   "matmul/nt")
      ->check(named("an op"));
  command->add_option("--compare", options->compare, "Compare with the results in this file")
      ->check(named("a file"));
  CLI::Option* out =
      command->add_option("--out", options->out, "Write the results here, as Google Benchmark does")
          ->check(named("a file"));
  CLI::Option* from =
      command->add_option("--from", options->from, "Show the results in this file; run nothing")
          ->check(named("a file"))
          ->excludes(out);
  command
      ->add_option("--repetitions", options->repetitions,
                   "Take each time so often (default 9; with fewer, less is significant)")
      ->check(whole_number(1, 1000))
      ->excludes(from);
  command
      ->add_option("--min-time", options->min_seconds,
                   "Seconds that a repetition takes at least (default 0.05)")
      ->check(number_within(0, 60))
      ->excludes(from);
  command
      ->add_option("--device", options->device,
                   "cpu or cuda; the other device has benchmarks of its own, at larger shapes")
      ->check(named("a device"))
      ->capture_default_str()
      ->excludes(from);
  command->add_flag("--list", options->list, "List the ops that have benchmarks, or those of OP");
  command->footer(
      "One thread is measured, and --threads of them (default: all). Exit code 3 when an answer "
      "was "
      "wrong.\n\n"
      "Examples:\n  chainline bench layer_norm --out before.json\n"
      "  chainline bench layer_norm --compare before.json");
  command->callback([options] { bench(*options); });
}

}  // namespace chainline::experiments
