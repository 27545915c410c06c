#include "experiments/bench/cards.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "experiments/bench/computes.h"
#include "experiments/bench/curves.h"
#include "experiments/program/text_table.h"

namespace chainline::experiments {
namespace {

const Timing* find(const std::vector<Timing>& timings, const std::string& call,
                   const std::string& contender, int threads) {
  for (const Timing& t : timings) {
    if (t.call == call && t.contender == contender && t.threads == threads) return &t;
  }
  return nullptr;
}

std::string counter(const Timing& t, const std::string& name, const std::string& format) {
  const auto found = t.counters.find(name);
  return found == t.counters.end() ? "" : fmt::format(fmt::runtime(format), found->second);
}

std::string speed_of(const Timing& t) {
  const std::string flops = counter(t, "GFLOP/s", "{:.1f} GFLOP/s");
  return flops.empty() ? counter(t, "GB/s", "{:.1f} GB/s") : flops;
}

std::string share_of(const Timing& t) {
  const std::string peak = counter(t, "of_peak", "{:.2f} of peak");
  return peak.empty() ? counter(t, "of_copy", "{:.2f} of copy") : peak;
}

/// How many times as fast as one thread.
std::string gain_of(const Timing& t, const std::vector<Timing>& all) {
  if (t.threads == 1) return "";
  const Timing* alone = find(all, t.call, t.contender, 1);
  if (alone == nullptr || alone->seconds.empty()) return "";
  return fmt::format("{:.2f} x", median(alone->seconds) / median(t.seconds));
}

/// "1.25 ± 2 %": the contender's time as a share of ours, and the spread of the repetitions.
std::string vs_text(const Timing& t) {
  const auto spread = t.spreads.find("vs");
  return counter(t, "vs", "{:.3f}") +
         (spread == t.spreads.end() ? "" : fmt::format(" ± {:.0f} %", 100 * spread->second));
}

/// "geometric mean of 23, 1 thread: 0.81 of peak, vs openblas 0.95": a line for each number of
/// threads, when there is more than one call to take the mean of.
std::string means(const std::vector<Timing>& timings, const std::vector<std::string>& contenders) {
  std::set<int> threads;
  for (const Timing& t : timings) threads.insert(t.threads);
  std::string text;
  for (const int n : threads) {
    std::size_t calls = 0;
    // The mean of a counter over those calls of n threads that have it; nothing for fewer than two.
    const auto mean = [&](const std::string& contender, const std::string& name,
                          const std::string& format) -> std::string {
      double sum = 0;
      std::size_t count = 0;
      for (const Timing& t : timings) {
        const auto found = t.counters.find(name);
        if (t.threads != n || t.contender != contender || found == t.counters.end()) continue;
        sum += std::log(found->second);
        ++count;
      }
      calls = std::max(calls, count);
      if (count < 2) return "";
      return fmt::format(fmt::runtime(format), std::exp(sum / static_cast<double>(count)));
    };
    std::string line =
        mean("", "of_peak", ", {:.2f} of peak") + mean("", "of_copy", ", {:.2f} of copy");
    for (const std::string& name : contenders) line += mean(name, "vs", ", vs " + name + " {:.3f}");
    if (line.empty()) continue;
    text += fmt::format("geometric mean of {}, {}: {}\n", calls, threads_text(n), line.substr(2));
  }
  return text;
}

std::vector<std::string> contenders_of(const std::vector<Timing>& timings) {
  std::vector<std::string> names;
  for (const Timing& t : timings) {
    const bool seen = std::find(names.begin(), names.end(), t.contender) != names.end();
    if (!t.contender.empty() && !seen) names.push_back(t.contender);
  }
  return names;
}

/// The counters that have no column: samples per second, memory.
std::string other_counters(const Timing& t) {
  static const std::set<std::string> columns = {"GFLOP/s", "of_peak", "GB/s", "of_copy", "vs"};
  std::string text;
  for (const auto& [name, value] : t.counters) {
    if (columns.count(name) == 0)
      text += fmt::format("{}{} {:.10g}", text.empty() ? "" : ", ", name, value);
  }
  return text;
}

std::string indented(const std::string& text) {
  std::string out;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = text.find('\n', at) + 1;
    out += "  " + text.substr(at, end - at);
    at = end;
  }
  return out;
}

std::string card(const std::string& op, const std::vector<Timing>& timings) {
  const bool on_cpu = timings.front().threads > 0;  // another device has no threads to compare
  std::vector<TextColumn> columns = {{"call"}, {"shape"}};
  if (on_cpu) columns.push_back({"threads", true});
  const std::size_t time_column = columns.size();
  for (const char* const name : {"time", "spread", "speed", "share"}) {
    columns.push_back({name, true});
  }
  if (on_cpu) columns.push_back({"gain", true});
  const std::vector<std::string> contenders = contenders_of(timings);
  for (const std::string& name : contenders) columns.push_back({"vs " + name, true});
  std::vector<std::vector<std::string>> rows;
  std::string notes, last_call;
  for (const Timing& t : timings) {
    if (!t.contender.empty()) {
      if (!t.refused.empty())
        notes += fmt::format("{}, {}, {}: {}\n", t.call, t.contender, threads_text(t.threads),
                             t.refused);
      continue;
    }
    const bool again = t.call == last_call;
    last_call = t.call;
    const std::string what = t.call.size() > op.size() ? t.call.substr(op.size() + 1) : op;
    std::vector<std::string> row = {again ? "" : what, again ? "" : t.shape};
    if (on_cpu) row.push_back(std::to_string(t.threads));
    if (t.seconds.empty()) {
      row.resize(columns.size());
      row[time_column] = "refused";
      notes += fmt::format("{}, {}: {}\n", t.call, threads_text(t.threads), t.refused);
    } else {
      row.insert(row.end(),
                 {time_text(median(t.seconds)), fmt::format("{:.0f} %", 100 * spread(t.seconds)),
                  speed_of(t), share_of(t)});
      if (on_cpu) row.push_back(gain_of(t, timings));
      for (const std::string& name : contenders) {
        const Timing* theirs = find(timings, t.call, name, t.threads);
        row.push_back(theirs == nullptr ? "" : vs_text(*theirs));
      }
      const std::string others = other_counters(t);
      if (!others.empty())
        notes += fmt::format("{}, {}: {}\n", t.call, threads_text(t.threads), others);
    }
    rows.push_back(row);
  }
  const std::string line = computes(op);
  return op + "\n" + (line.empty() ? "" : "  " + line + "\n") + "\n" +
         indented(text_table(columns, rows) + means(timings, contenders)) +
         (notes.empty() ? "" : "\n" + indented(notes));
}

}  // namespace

namespace {

/// What another device is, and that the times of an emulated one say nothing.
std::string device_card(const BenchResults& results) {
  std::string text = fmt::format(
      "device   {}, libraries: {}\n         f32 peak {:.1f} GFLOP/s, bf16 {:.1f}, copy "
      "{:.1f} GB/s\n",
      results.device, results.libraries.empty() ? "none" : results.libraries, results.f32_peak,
      results.bf16_peak, results.device_copy);
  if (results.emulated) {
    text +=
        "         its times say nothing: they are the emulator's; that the answers are right is "
        "all "
        "there is to read\n";
  }
  return text;
}

}  // namespace

std::string machine_card(const BenchResults& results) {
  if (!results.device.empty()) {
    return fmt::format("machine  {}, load {:.1f}\n",
                       results.processor.empty() ? "unknown processor" : results.processor,
                       results.load) +
           device_card(results);
  }
  std::string text = fmt::format(
      "machine  {}, {}, load {:.1f}\n",
      results.processor.empty() ? "unknown processor" : results.processor,
      results.instruction_set.empty() ? "unknown instructions" : results.instruction_set,
      results.load);
  for (const auto& [threads, peak] : results.peak) {
    const auto copy = results.copy.find(threads);
    text += fmt::format(
        "         {}: f32 peak {:.1f} GFLOP/s, copy {}\n", threads_text(threads), peak,
        copy == results.copy.end() ? "unknown" : fmt::format("{:.1f} GB/s", copy->second));
  }
  return text;
}

std::string kernel_cards(const BenchResults& results) {
  std::vector<std::string> ops;
  std::map<std::string, std::vector<Timing>> of_op;
  std::size_t repetitions = 0;
  bool contested = false;
  for (const Timing& t : results.timings) {
    if (of_op[t.op()].empty()) ops.push_back(t.op());
    of_op[t.op()].push_back(t);
    repetitions = std::max(repetitions, t.seconds.size());
    contested |= !t.contender.empty();
  }
  std::string text;
  for (const std::string& op : ops) {
    text += (text.empty() ? "" : "\n");
    text += is_curve(of_op[op].front()) ? curve_card(op, of_op[op]) : card(op, of_op[op]);
  }
  text +=
      results.device.empty()
          ? fmt::format(
                "\ntime    the median of {} repetitions; of one thread its processor time, of more "
                "the wall's\n"
                "spread  half the distance between the quartiles, as a share of the median\n"
                "share   of the f32 peak or of the copy bandwidth of as many threads\n"
                "gain    how many times as fast as one thread\n",
                repetitions)
          : fmt::format(
                "\ntime    the median of {} repetitions, by the device's clock, with cold caches\n"
                "spread  half the distance between the quartiles, as a share of the median\n"
                "share   of the device's peak, f32 for exact and bf16 for fast, or of its copy "
                "bandwidth\n",
                repetitions);
  if (contested)
    text +=
        "vs      the contender's time as a share of ours, in turn: above 1 we are faster; and its "
        "spread\n";
  return text;
}

std::string time_text(double seconds) {
  if (seconds < 1e-6) return fmt::format("{:.1f} ns", seconds * 1e9);
  if (seconds < 1e-3) return fmt::format("{:.2f} us", seconds * 1e6);
  if (seconds < 1) return fmt::format("{:.2f} ms", seconds * 1e3);
  return fmt::format("{:.3f} s", seconds);
}

std::string threads_text(int threads) {
  if (threads == 0) return "the device";
  return std::to_string(threads) + (threads == 1 ? " thread" : " threads");
}

}  // namespace chainline::experiments
