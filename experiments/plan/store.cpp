#include "experiments/plan/store.h"

#include <algorithm>
#include <fstream>
#include <span>
#include <utility>

#include "experiments/data/paths.h"
#include "tensor/atomic_file.h"
#include "tensor/error.h"
#include "tensor/sha256.h"

namespace chainline::experiments {
namespace {

constexpr const char* kFormat = "chainline result";
constexpr const char* kJobFormat = "chainline job";
constexpr std::int64_t kVersion = 1;
constexpr std::size_t kDigits = 16;
constexpr const char* kResult = "result.json";

bool is_file(const std::filesystem::path& path) {
  std::error_code none;
  return std::filesystem::is_regular_file(path, none);
}

std::string short_name(const std::string& key) { return key.substr(0, kDigits); }

void write_text(const std::filesystem::path& path, const std::string& text) {
  write_file_atomically(path, std::as_bytes(std::span(text)));
}

Json stored_json(const Json& identity, const Json& result, double seconds) {
  return {{"format", kFormat},
          {"version", kVersion},
          {"job", identity},
          {"seconds", seconds},
          {"result", result}};
}

/// A stored result as it is read back, and the key of what it says it is of.
std::pair<std::string, StoredResult> parsed(const Json& stored, const std::string& where) {
  check_keys(stored, {"format", "version", "job", "seconds", "result"}, where);
  check<FileError>(string_member(stored, "format", where) == kFormat, where,
                   ": format: expected \"", kFormat, "\", got ", excerpt(stored["format"]));
  check<FileError>(integer_member(stored, "version", where) == kVersion, where,
                   ": version: expected ", kVersion, ", got ", excerpt(stored["version"]));
  const Json& seconds = member(stored, "seconds", where);
  check<FileError>(seconds.is_number(), where, ": seconds: expected a number, got ",
                   excerpt(seconds));
  return {sha256_hex(member(stored, "job", where).dump()),
          {member(stored, "result", where), seconds.get<double>(), {}}};
}

}  // namespace

Store::Store(std::filesystem::path folder, std::vector<std::filesystem::path> adopted)
    : folder_(std::move(folder)), adopted_(std::move(adopted)) {
  for (const std::filesystem::path& path : adopted_) {
    if (!is_file(path)) {
      check_is_folder(path, "a folder or a file of results");
      continue;
    }
    std::ifstream lines(path);
    std::string line;
    for (std::size_t number = 1; std::getline(lines, line); ++number) {
      const std::string where = path.string() + ": line " + std::to_string(number);
      kept_.insert(parsed(parse_json(line, where), where));
    }
  }
}

std::filesystem::path Store::folder_of(const std::string& key) const {
  return folder_ / short_name(key);
}

bool Store::is_finished(const std::string& key) const { return is_file(folder_of(key) / kResult); }

bool Store::is_adopted(const std::string& key, bool with_folder) const {
  return std::any_of(adopted_.begin(), adopted_.end(), [&](const std::filesystem::path& path) {
    return is_file(path / short_name(key) / kResult) || (!with_folder && kept_.count(key) > 0);
  });
}

StoredResult Store::read(const std::string& key) const {
  std::vector<std::filesystem::path> folders = {folder_of(key)};
  for (const std::filesystem::path& path : adopted_) folders.push_back(path / short_name(key));
  const auto found =
      std::find_if(folders.begin(), folders.end(),
                   [](const std::filesystem::path& f) { return is_file(f / kResult); });
  if (found == folders.end()) {
    const auto kept = kept_.find(key);
    check<FileError>(kept != kept_.end(), (folders[0] / kResult).string(),
                     ": expected the result of a finished job, got nothing");
    return kept->second;
  }
  const std::string where = (*found / kResult).string();
  auto [of, stored] = parsed(read_json(*found / kResult), where);
  check<FileError>(of == key, where, ": job: expected the one whose key is ", key,
                   ", got another, with ", of);
  stored.folder = *found;
  return stored;
}

StoredResult Store::read(const Plan& plan, const std::string& job) const {
  return read(plan.key(plan.place_of(job)));
}

void Store::make_folder(const std::string& key) const {
  std::error_code error;
  std::filesystem::create_directories(folder_of(key), error);
  check<FileError>(!error, folder_of(key).string(), ": ", error.message());
}

void Store::describe(const Plan& plan, std::size_t job) const {
  const std::filesystem::path folder = folder_of(plan.key(job));
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    const std::string name = entry.path().filename().string();
    if (name.rfind("result.json.tmp-", 0) == 0 || name.rfind("job.json.tmp-", 0) == 0) {
      std::filesystem::remove(entry.path());
    }
  }
  Json description = {{"format", kJobFormat},       {"version", kVersion},
                      {"name", plan.job(job).name}, {"key", plan.key(job)},
                      {"job", plan.identity(job)},  {"needs", plan.job(job).needs}};
  if (!plan.job(job).places.empty()) description["places"] = plan.job(job).places;
  write_text(folder / "job.json", description.dump(1) + "\n");
}

void Store::write(const Json& identity, const Json& result, double seconds) const {
  write_text(folder_of(sha256_hex(identity.dump())) / kResult,
             stored_json(identity, result, seconds).dump(1) + "\n");
}

void write_results(const Plan& plan, const Store& store, const std::filesystem::path& file) {
  std::string lines;
  for (std::size_t i = 0; i < plan.size(); ++i) {
    if (!store.is_finished(plan.key(i)) && !store.is_adopted(plan.key(i), false)) continue;
    const StoredResult stored = store.read(plan.key(i));
    lines += stored_json(plan.identity(i), stored.result, stored.seconds).dump() + "\n";
  }
  write_text(file, lines);
}

std::vector<JobState> job_states(const Plan& plan, const Store& store) {
  std::vector<JobState> states(plan.size(), JobState::ready);
  const auto done = [&](std::size_t i) {
    return states[i] == JobState::finished || states[i] == JobState::adopted;
  };
  // Those that need a job come before it: whether its files will be read depends on them.
  for (auto at = plan.order().rbegin(); at != plan.order().rend(); ++at) {
    const std::vector<std::size_t>& others = plan.needed_by(*at);
    const bool files =
        plan.job(*at).files_needed && !std::all_of(others.begin(), others.end(), done);
    if (store.is_finished(plan.key(*at))) {
      states[*at] = JobState::finished;
    } else if (store.is_adopted(plan.key(*at), files)) {
      states[*at] = JobState::adopted;
    }
  }
  for (const std::size_t i : plan.order()) {
    const std::vector<std::size_t>& needs = plan.needs(i);
    if (!done(i) && !std::all_of(needs.begin(), needs.end(), done)) states[i] = JobState::waiting;
  }
  return states;
}

}  // namespace chainline::experiments
