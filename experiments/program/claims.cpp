#include "experiments/claims/claims.h"

#include <fmt/core.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <memory>

#include "experiments/analysis/analysis.h"
#include "experiments/program/arguments.h"
#include "experiments/program/commands.h"
#include "tensor/error.h"

namespace chainline::experiments {
namespace {

namespace fs = std::filesystem;

struct Given {
  std::string folder;
  bool json = false, again = false;
};

/// Of the terminal; 100 for files and pipes.
std::size_t columns_of_output() {
  winsize size{};
  const bool terminal = ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0;
  return std::clamp<std::size_t>(terminal ? size.ws_col : 100, 40, 120);
}

/// The words in lines of at most `columns`, each after `indent` blanks. A word that is longer has a
/// line of its own.
std::string wrapped(const std::string& text, std::size_t indent, std::size_t columns) {
  std::string lines, line;
  const auto end_line = [&] {
    lines += std::string(indent, ' ') + line + "\n";
    line.clear();
  };
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t space = std::min(text.find(' ', at), text.size());
    const std::string word = text.substr(at, space - at);
    at = space + 1;
    if (!line.empty() && indent + line.size() + 1 + word.size() > columns) end_line();
    line += (line.empty() ? "" : " ") + word;
  }
  if (!line.empty()) end_line();
  return lines;
}

void print_gates(const Json& gates, std::size_t columns) {
  fmt::print("Gates: could the study have found what it looks for?\n");
  for (const Json& gate : gates) {
    fmt::print("  {:<8} {:<9} {}\n", gate.at("status").get<std::string>(),
               gate.at("id").get<std::string>(), gate.at("statement").get<std::string>());
    fmt::print("{}", wrapped(gate.at("evidence").get<std::string>() +
                                 "; needed: " + gate.at("threshold").get<std::string>(),
                             21, columns));
  }
}

void print_claims(const Json& claims, std::size_t columns) {
  fmt::print("\nClaims\n");
  for (const Json& claim : claims) {
    const std::string id = claim.at("id");
    const bool withheld = claim.contains("withheld");
    fmt::print("  {:<4} {}\n", id, withheld ? "withheld" : claim.at("verdict").get<std::string>());
    fmt::print("{}", wrapped(claim.at("statement"), 7, columns));
    fmt::print("{}", wrapped((withheld ? "why: " : "because: ") +
                                 claim.at(withheld ? "withheld" : "reason").get<std::string>(),
                             9, columns));
    if (!withheld)
      fmt::print("{}", wrapped("needed: " + claim.at("threshold").get<std::string>(), 9, columns));
  }
}

/// A tally of verdicts, for who reads the last line only.
void print_tally(const Json& claims) {
  std::vector<std::pair<std::string, int>> tally = {
      {kSupported, 0}, {kNotSupported, 0}, {kNotDecidable, 0}, {"withheld", 0}};
  for (const Json& claim : claims)
    for (auto& [word, n] : tally) n += claim.value("verdict", std::string("withheld")) == word;
  std::string line;
  for (const auto& [word, n] : tally)
    if (n > 0) line += fmt::format("{}{} {}", line.empty() ? "" : ", ", n, word);
  fmt::print("\n{}\n", line);
}

Json analysis_of(const Given& given, const Json& results, const fs::path& path) {
  const Json& stored = member(results, "analysis", path.string());
  check<FileError>(stored.is_object(), path.string(), ": analysis: expected an object, got ",
                   stored.type_name());
  if (!given.again) return stored;
  const fs::path runs = fs::path(given.folder) / "runs.json";
  const Json& options = member(stored, "options", path.string() + ": analysis");
  AnalysisOptions o(static_cast<std::uint64_t>(
      integer_member(options, "seed", path.string() + ": analysis: options")));
  return analyse(study_results(read_json(runs, kMaxJsonDataBytes), runs.string()), o);
}

void claims(const Given& given) {
  const fs::path path = fs::path(given.folder) / "results.json";
  const Json results = read_json(path, kMaxJsonDataBytes);
  const Json analysis = analysis_of(given, results, path);
  const std::string command = string_member(results, "command", path.string());
  Json gates, judged;
  try {
    gates = judge_gates(analysis);
    judged = judge_claims(analysis, gates, command);
  } catch (const Json::exception& e) {
    throw FileError(path.string() +
                    ": analysis: not as `chainline reproduce` writes it: " + e.what());
  }
  if (given.json) {
    fmt::print("{}\n", Json{{"gates", gates}, {"claims", judged}}.dump(1));
  } else {
    const std::size_t columns = columns_of_output();
    const Json coverage = analysis.value("coverage", Json::object());
    if (coverage.contains("sentence"))
      fmt::print("{}\n", wrapped("Study: " + coverage["sentence"].get<std::string>(), 0, columns));
    print_gates(gates, columns);
    print_claims(judged, columns);
    fmt::print("\nMade by: {}\n", command);
    print_tally(judged);
  }
  std::fflush(stdout);
  for (const Json& gate : gates)
    if (gate.at("status") == "failed") throw CLI::RuntimeError(1);
}

}  // namespace

void add_claims(CLI::App& program) {
  CLI::App* c = program.add_subcommand(
      "claims", "Judge the paper's claims by the numbers of a study, its gates first");
  auto given = std::make_shared<Given>();
  c->add_option("dir", given->folder, "Folder of a study, with results.json in it")
      ->required()
      ->check(named("a folder"));
  c->add_flag("--json", given->json, "Print gates and claims as JSON, each with all its tests");
  c->add_flag("--again", given->again,
              "Analyse runs.json of the folder anew, not only judge the stored analysis");
  c->footer(
      "Gates say whether the study could have found what it looks for: the positive controls are\n"
      "detected, shuffled labels are at 50 %, equal runs are equal. A claim that rests on a gate\n"
      "that fails, or whose runs are missing, is withheld and only why is said. Any other is\n"
      "\n"
      "  supported                    every test that it is made of says yes\n"
      "  not supported                one of them says no\n"
      "  not decidable at this scale  the runs so far leave one open, or a condition for judging\n"
      "                               fails: cards that the base can't read, a probe that does "
      "not\n"
      "                               see the positive control\n"
      "\n"
      "by thresholds that were fixed beforehand (experiments/claims/thresholds.h).\n"
      "Exit code: 0 if no gate fails, 1 if one does, 3 for a broken or missing file.\n"
      "\n"
      "Examples:\n  chainline claims out/cpu\n  chainline claims out/cpu --json > claims.json");
  c->callback([given] { claims(*given); });
}

}  // namespace chainline::experiments
