#include "experiments/bench/results.h"

#include <cmath>
#include <cstdlib>
#include <string_view>

#include "experiments/data/json.h"
#include "experiments/statistics/statistics.h"
#include "tensor/error.h"

namespace chainline::experiments {
namespace {

constexpr int kMostThreads = 1 << 16;

/// What Google Benchmark itself adds to a name, or writes beside the counters.
bool is_setting(std::string_view part) {
  for (const std::string_view start : {"iterations:", "repeats:", "min_time:", "min_warmup_time:"})
    if (part.starts_with(start)) return true;
  return part == "real_time" || part == "manual_time" || part == "process_time";
}

const std::vector<std::string> kNoCounters = {"family_index",   "per_family_instance_index",
                                              "repetitions",    "repetition_index",
                                              "threads",        "iterations",
                                              "real_time",      "cpu_time",
                                              "error_occurred", "run_type",
                                              "aggregate_unit"};

double number_member(const Json& object, const std::string& key, const std::string& where) {
  const Json& value = member(object, key, where);
  check<FileError>(value.is_number(), where, ": ", key, ": expected a number, got ",
                   excerpt(value));
  return value.get<double>();
}

double seconds_in(const std::string& unit, const std::string& where) {
  if (unit == "ns") return 1e-9;
  if (unit == "us") return 1e-6;
  if (unit == "ms") return 1e-3;
  check<FileError>(unit == "s", where, ": time_unit: expected ns, us, ms or s, got \"", unit, "\"");
  return 1;
}

int threads_in(std::string_view part, const std::string& where) {
  const std::string text(part.substr(part.find_first_of("=:") + 1));
  char* end = nullptr;
  const long n = std::strtol(text.c_str(), &end, 10);
  check<FileError>(!text.empty() && *end == '\0' && n >= 1 && n <= kMostThreads, where,
                   ": name: expected a number of threads, got \"", text, "\"");
  return static_cast<int>(n);
}

/// The parts of a name that say what was called, and how many threads did it.
Timing named(const std::string& name, bool contested, const std::string& where) {
  Timing timing;
  for (std::size_t at = 0; at <= name.size();) {
    const std::size_t end = std::min(name.find('/', at), name.size());
    const std::string part = name.substr(at, end - at);
    at = end + 1;
    if (part.starts_with("threads=") || part.starts_with("threads:")) {
      timing.threads = threads_in(part, where);
    } else if (part.starts_with("device=")) {
      timing.threads = 0;
    } else if (!is_setting(part)) {
      timing.call += (timing.call.empty() ? "" : "/") + part;
    }
  }
  const std::size_t slash = timing.call.rfind('/');
  if (contested && slash != std::string::npos) {
    timing.contender = timing.call.substr(slash + 1);
    timing.call.resize(slash);
  }
  return timing;
}

bool is_contested(const Json& run, const std::string& name) {
  // A refused contest has no counters. On the CPU its name is that of manual times, which all of
  // another device are.
  const bool on_device = name.find("/device=") != std::string::npos;
  return run.contains("vs") || (!on_device && name.ends_with("/manual_time"));
}

double time_of(const Json& run, const std::string& name, int threads, const std::string& where) {
  const bool wall = threads != 1 || name.ends_with("/real_time") || name.ends_with("/manual_time");
  const std::string key = wall ? "real_time" : "cpu_time";
  const double time =
      number_member(run, key, where) * seconds_in(string_member(run, "time_unit", where), where);
  check<FileError>(std::isfinite(time) && time > 0, where, ": ", key,
                   ": expected a positive time, got ", run.at(key).dump());
  return time;
}

class Reader {
 public:
  void add(const Json& run, const std::string& where) {
    const std::string name = string_member(run, "name", where);
    if (run.contains("run_type") && string_member(run, "run_type", where) != "iteration") return;
    Timing found = named(name, is_contested(run, name), where);
    const auto [place, fresh] = places_.try_emplace(found.key(), timings_.size());
    if (fresh) {
      timings_.push_back(found);
      counters_.emplace_back();
    }
    Timing& timing = timings_[place->second];
    const auto refused = run.find("error_occurred");
    if (refused != run.end() && *refused == true) {
      timing.refused = string_member(run, "error_message", where);
      return;
    }
    timing.seconds.push_back(time_of(run, name, timing.threads, where));
    if (run.contains("label")) timing.shape = string_member(run, "label", where);
    for (const auto& item : run.items()) {
      const bool known =
          std::find(kNoCounters.begin(), kNoCounters.end(), item.key()) != kNoCounters.end();
      if (!known && item.value().is_number())
        counters_[place->second][item.key()].push_back(item.value().get<double>());
    }
  }

  std::vector<Timing> finish() {
    for (std::size_t i = 0; i < timings_.size(); ++i) {
      for (const auto& [name, values] : counters_[i]) {
        timings_[i].counters[name] = median(values);
        timings_[i].spreads[name] = spread(values);
      }
    }
    return timings_;
  }

 private:
  std::vector<Timing> timings_;
  std::vector<std::map<std::string, std::vector<double>>> counters_;
  std::map<std::string, std::size_t> places_;
};

std::string text_or_nothing(const Json& context, const std::string& key) {
  const auto found = context.find(key);
  return found != context.end() && found->is_string() ? found->get<std::string>() : "";
}

/// "device_copy_GBs": "4012.5"; 0 where the file doesn't say.
double device_limit(const Json& context, const std::string& name, const std::string& where) {
  const std::string text = text_or_nothing(context, name);
  if (text.empty()) return 0;
  char* end = nullptr;
  const double value = std::strtod(text.c_str(), &end);
  check<FileError>(*end == '\0' && std::isfinite(value) && value >= 0, where, ": context: ", name,
                   ": expected a number, got \"", text, "\"");
  return value;
}

/// "peak_GFLOPs/threads=2": "235.1", for every number of threads.
std::map<int, double> limits(const Json& context, const std::string& name,
                             const std::string& where) {
  std::map<int, double> found;
  for (const auto& item : context.items()) {
    if (!item.key().starts_with(name + "/threads=") || !item.value().is_string()) continue;
    const std::string text = item.value().get<std::string>();
    char* end = nullptr;
    const double value = std::strtod(text.c_str(), &end);
    check<FileError>(!text.empty() && *end == '\0' && std::isfinite(value) && value > 0, where,
                     ": context: ", item.key(), ": expected a positive number, got \"", text, "\"");
    found[threads_in(item.key(), where)] = value;
  }
  return found;
}

}  // namespace

BenchResults read_bench_results(const std::filesystem::path& path) {
  const std::string where = path.string();
  const Json file = read_json(path);
  check<FileError>(file.is_object() && file.contains("context") && file["context"].is_object() &&
                       file.contains("benchmarks") && file["benchmarks"].is_array(),
                   where, ": expected the results of benchmarks (an object with context and ",
                   "benchmarks), got ", excerpt(file));
  const Json& context = file["context"];
  BenchResults results;
  results.date = text_or_nothing(context, "date");
  results.processor = text_or_nothing(context, "processor");
  results.instruction_set = text_or_nothing(context, "instruction_set");
  results.device = text_or_nothing(context, "device");
  results.libraries = text_or_nothing(context, "device_libraries");
  results.emulated = text_or_nothing(context, "device_times") == "emulated";
  results.f32_peak = device_limit(context, "device_f32_GFLOPs", where);
  results.bf16_peak = device_limit(context, "device_bf16_GFLOPs", where);
  results.device_copy = device_limit(context, "device_copy_GBs", where);
  results.peak = limits(context, "peak_GFLOPs", where);
  results.copy = limits(context, "copy_GBs", where);
  if (!results.device.empty() && !results.emulated) {  // as of no threads, for comparisons
    results.peak[0] = results.f32_peak;
    results.copy[0] = results.device_copy;
  }
  const auto load = context.find("load_avg");
  if (load != context.end() && load->is_array() && !load->empty() && load->front().is_number())
    results.load = load->front().get<double>();
  Reader reader;
  const Json& runs = file["benchmarks"];
  for (std::size_t i = 0; i < runs.size(); ++i)
    reader.add(runs[i], where + ": benchmarks[" + std::to_string(i) + "]");
  results.timings = reader.finish();
  check<FileError>(runs.empty() || !results.timings.empty(), where,
                   ": expected repetitions, got aggregates only");
  return results;
}

double median(std::vector<double> values) { return quantile(std::move(values), 0.5); }

double spread(const std::vector<double>& values) {
  return (quantile(values, 0.75) - quantile(values, 0.25)) / 2 / median(values);
}

}  // namespace chainline::experiments
