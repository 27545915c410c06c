#include "experiments/claims/claims.h"

#include <fmt/core.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <memory>

#include "experiments/analysis/analysis.h"
#include "experiments/analysis/estimate.h"
#include "experiments/claims/joint.h"
#include "experiments/claims/trial.h"
#include "experiments/program/arguments.h"
#include "experiments/program/commands.h"
#include "tensor/error.h"

namespace chainline::experiments {
namespace {

namespace fs = std::filesystem;

struct Given {
  std::vector<std::string> folders;
  bool json = false, again = false;
};

/// A study and what is judged of it.
struct Judged {
  std::string folder, command, sentence;  ///< the sentence says what is done of it
  Json identity, gates, claims;
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

std::string verdict_of(const Json& claim) { return claim.value("verdict", "withheld"); }

/// The verdict, the statement and why.
void print_claim(const Json& claim, std::size_t columns) {
  const bool withheld = claim.contains("withheld");
  fmt::print("  {:<4} {}\n", claim.at("id").get<std::string>(), verdict_of(claim));
  fmt::print("{}", wrapped(claim.at("statement"), 7, columns));
  fmt::print("{}", wrapped((withheld ? "why: " : "because: ") +
                               claim.at(withheld ? "withheld" : "reason").get<std::string>(),
                           9, columns));
}

void print_claims(const Json& claims, std::size_t columns) {
  fmt::print("\nClaims\n");
  for (const Json& claim : claims) print_claim(claim, columns);
}

/// "AUC of W100 less C0 -1.1 points (interval -4.9 to +2.7)": what the claim measures first.
std::string effect_of(const Json& claim) {
  if (claim.contains("withheld") || !claim.at("effect").at("mean").is_number()) return "";
  const Json& effect = claim.at("effect");
  const bool points = effect.at("scale") == 100;
  const auto value = [&](const char* key) {
    const double v = number_at(effect, key);
    return points ? fmt::format("{:+.1f}", 100 * v) : fmt::format("{:.3g}", v);
  };
  std::string text = fmt::format(": {} {}{}", effect.at("what").get<std::string>(), value("mean"),
                                 points ? " points" : "");
  if (effect.at("low").is_number())
    text += fmt::format(" (interval {} to {})", value("low"), value("high"));
  return text;
}

void print_several(const std::vector<Judged>& studies, const Json& joint, std::size_t columns) {
  fmt::print("Studies\n");
  for (std::size_t i = 0; i < studies.size(); ++i) {
    fmt::print("  {:<4} {}\n", i + 1, studies[i].folder);
    fmt::print("{}", wrapped(studies[i].sentence, 7, columns));
    fmt::print("{}", wrapped("made by: " + studies[i].command, 7, columns));
  }
  fmt::print("\nGates: could each study have found what it looks for?\n");
  for (std::size_t g = 0; g < studies.front().gates.size(); ++g) {
    fmt::print("  {:<10}", studies.front().gates[g].at("id").get<std::string>());
    for (std::size_t i = 0; i < studies.size(); ++i)
      fmt::print(" {}: {:<8}", i + 1, studies[i].gates[g].at("status").get<std::string>());
    fmt::print("\n");
  }
  fmt::print("\nClaims, as what holds in all of them\n");
  for (std::size_t c = 0; c < joint.size(); ++c) {
    print_claim(joint[c], columns);
    for (std::size_t i = 0; i < studies.size(); ++i) {
      const Json& claim = studies[i].claims[c];
      fmt::print("{}", wrapped(fmt::format("{}: {}{}", i + 1, verdict_of(claim), effect_of(claim)),
                               9, columns));
    }
  }
  fmt::print("\nThe reasons in full, of each study: chainline claims DIR\n");
}

/// A tally of verdicts, for who reads the last line only.
void print_tally(const Json& claims) {
  std::vector<std::pair<std::string, int>> tally = {
      {kSupported, 0}, {kNotSupported, 0}, {kNotDecidable, 0}, {"withheld", 0}};
  for (const Json& claim : claims)
    for (auto& [word, n] : tally) n += verdict_of(claim) == word;
  std::string line;
  for (const auto& [word, n] : tally)
    if (n > 0) line += fmt::format("{}{} {}", line.empty() ? "" : ", ", n, word);
  fmt::print("\n{}\n", line);
}

Json analysis_of(const Given& given, const std::string& folder, const Json& results,
                 const fs::path& path) {
  const Json& stored = member(results, "analysis", path.string());
  check<FileError>(stored.is_object(), path.string(), ": analysis: expected an object, got ",
                   stored.type_name());
  if (!given.again) return stored;
  const fs::path runs = fs::path(folder) / "runs.json";
  const Json& options = member(stored, "options", path.string() + ": analysis");
  AnalysisOptions o(static_cast<std::uint64_t>(
      integer_member(options, "seed", path.string() + ": analysis: options")));
  return analyse(study_results(read_json(runs, kMaxJsonDataBytes), runs.string()), o);
}

/// What a study is: its settings, and what its data hold, wherever they lie.
Json identity_of(const Json& results, const fs::path& path) {
  Json study = member(results, "study", path.string());
  const Json* sha256 = find_path(results, {"data", "sha256"});
  if (sha256 == nullptr) return study;
  if (const Json* found = find_path(study, {"data"})) {
    const Json place = *found;
    if (const Json* stages = find_path(study, {"base"}); stages != nullptr && stages->is_array())
      for (Json& stage : study["base"])
        if (stage.is_object() && stage.value("data", Json()) == place) stage["data"] = nullptr;
    study["data"] = nullptr;
  }
  return {study, *sha256};
}

Judged judge(const Given& given, const std::string& folder) {
  const fs::path path = fs::path(folder) / "results.json";
  const Json results = read_json(path, kMaxJsonDataBytes);
  Judged judged;
  judged.folder = folder;
  const Json analysis = analysis_of(given, folder, results, path);
  judged.command = string_member(results, "command", path.string());
  judged.identity = identity_of(results, path);
  try {
    judged.gates = judge_gates(analysis);
    judged.claims = judge_claims(analysis, judged.gates, judged.command);
    if (const Json* sentence = find_path(analysis, {"coverage", "sentence"}))
      judged.sentence = sentence->get<std::string>();
  } catch (const Json::exception& e) {
    throw FileError(path.string() +
                    ": analysis: not as `chainline reproduce` writes it: " + e.what());
  } catch (const Error& e) {
    throw FileError(path.string() + ": analysis: " + e.what());
  }
  return judged;
}

/// A study and an earlier state of it, or a copy, would count as two that agree.
void check_different(const std::vector<Judged>& studies) {
  for (std::size_t i = 0; i < studies.size(); ++i)
    for (std::size_t j = 0; j < i; ++j)
      check<ValueError>(studies[i].identity != studies[j].identity,
                        "claims: expected different studies, got the same one in ",
                        studies[j].folder, " and ", studies[i].folder);
}

void print_one(const Judged& study, bool json) {
  if (json) {
    fmt::print("{}\n", Json{{"gates", study.gates}, {"claims", study.claims}}.dump(1));
    return;
  }
  const std::size_t columns = columns_of_output();
  if (!study.sentence.empty()) fmt::print("{}\n", wrapped("Study: " + study.sentence, 0, columns));
  print_gates(study.gates, columns);
  print_claims(study.claims, columns);
  fmt::print("\nMade by: {}\n", study.command);
  print_tally(study.claims);
}

void print_together(const std::vector<Judged>& studies, bool json) {
  std::vector<Json> claims;
  for (const Judged& study : studies) claims.push_back(study.claims);
  const Json joint = judge_jointly(claims);
  if (json) {
    Json list = Json::array();
    for (const Judged& study : studies)
      list.push_back({{"folder", study.folder},
                      {"command", study.command},
                      {"gates", study.gates},
                      {"claims", study.claims}});
    fmt::print("{}\n", Json{{"studies", list}, {"claims", joint}}.dump(
                           1, ' ', false, Json::error_handler_t::replace));  // of a folder's name
    return;
  }
  print_several(studies, joint, columns_of_output());
  print_tally(joint);
}

void claims(const Given& given) {
  std::vector<Judged> studies;
  for (const std::string& folder : given.folders) studies.push_back(judge(given, folder));
  check_different(studies);
  if (studies.size() == 1)
    print_one(studies.front(), given.json);
  else
    print_together(studies, given.json);
  std::fflush(stdout);
  for (const Judged& study : studies)
    for (const Json& gate : study.gates)
      if (gate.at("status") == "failed") throw CLI::RuntimeError(1);
}

}  // namespace

void add_claims(CLI::App& program) {
  CLI::App* c = program.add_subcommand(
      "claims", "Judge the paper's claims by the numbers of a study, its gates first");
  auto given = std::make_shared<Given>();
  c->add_option("dir", given->folders,
                "Folder of a study, with results.json in it; several: what holds in all of them")
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
      "\n"
      "Of several studies, as those of two data sets, a claim says that it holds in all of them:\n"
      "supported if each supports it, not supported if one says no even after a correction for\n"
      "their number (Holm).\n"
      "\n"
      "Exit code: 0 if no gate fails, 1 if one does in any study, 2 for the same study twice, 3 "
      "for\n"
      "a broken or missing file.\n"
      "\n"
      "Examples:\n  chainline claims out/cpu\n  chainline claims out/shapes out/easy-vqa\n"
      "  chainline claims out/cpu --json > claims.json");
  c->callback([given] { claims(*given); });
}

}  // namespace chainline::experiments
