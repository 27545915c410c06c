#include "experiments/plan/job.h"

#include <fcntl.h>
#include <fmt/core.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdlib>
#include <fstream>

#include "experiments/plan/folder_lock.h"
#include "tensor/error.h"
#include "tensor/sha256.h"

namespace chainline::experiments {
namespace {

/// The file that says how far a job is. It is for people who watch, so it is neither synced nor
/// whole at every moment, and a disk that has no room for it stops no job.
class ProgressFile {
 public:
  explicit ProgressFile(const std::filesystem::path& folder)
      : file_(::open((folder / "progress").c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0666)) {}
  ~ProgressFile() {
    if (file_ >= 0) ::close(file_);
  }
  ProgressFile(const ProgressFile&) = delete;
  ProgressFile& operator=(const ProgressFile&) = delete;

  void write(double share) const {
    // Always as long, so that each text takes the whole place of the one before.
    const std::string text = fmt::format("{:.6f}\n", std::clamp(share, 0.0, 1.0));
    if (::pwrite(file_, text.data(), text.size(), 0) < 0) return;
  }

 private:
  int file_;
};

/// A job as its folder describes it.
struct DescribedJob {
  Json identity, names_of_needs;
  std::string where;
  JobContext context;
  std::function<Json(const JobContext&)> function;
};

/// The config with places for names: strings that are keys of `places` become what these say.
Json placed(Json config, const Json& places) {
  if (config.is_string()) return places.value(config.get<std::string>(), config);
  if (config.is_structured())
    for (Json& part : config) part = placed(std::move(part), places);
  return config;
}

DescribedJob described_job(const std::filesystem::path& folder, const JobKinds& kinds) {
  const std::filesystem::path path = folder / "job.json";
  const std::string where = path.string();
  const Json described = read_json(path);
  check_keys(described, {"format", "version", "name", "key", "job", "places", "needs"}, where);
  DescribedJob job;
  job.where = where;
  job.identity = member(described, "job", where);
  job.names_of_needs = member(described, "needs", where);
  JobContext& context = job.context;
  context.name = string_member(described, "name", where);
  context.key = sha256_hex(job.identity.dump());
  check<FileError>(context.key == string_member(described, "key", where), where,
                   ": key: expected that of the job, ", context.key, ", got another");
  const std::string kind = string_member(job.identity, "kind", where);
  const auto function = kinds.find(kind);
  check<ValueError>(function != kinds.end(), where,
                    ": kind: expected one that this program knows, got ", excerpt(kind));
  job.function = function->second;
  const Json places = described.value("places", Json::object());
  check<FileError>(places.is_object(), where, ": places: expected an object, got ",
                   places.type_name());
  context.config = placed(member(job.identity, "config", where), places);
  context.folder = folder;
  return job;
}

/// Reads the results that a job needs.
void read_needs(const Store& store, DescribedJob& job) {
  const std::string& where = job.where;
  const Json& keys = member(job.identity, "needs", where);
  const Json& names = job.names_of_needs;
  check<FileError>(keys.is_array() && names.is_array() && keys.size() == names.size(), where,
                   ": needs: expected a key and a name for each");
  for (std::size_t i = 0; i < keys.size(); ++i) {
    check<FileError>(keys[i].is_string() && names[i].is_string(), where,
                     ": needs: expected strings, got ", excerpt(names[i]));
    StoredResult needed = store.read(keys[i].get<std::string>());
    job.context.needs.push_back(
        {names[i].get<std::string>(), std::move(needed.result), needed.folder});
  }
}

/// Takes away what says how long something took.
void forget_seconds(Json& value) {
  if (value.is_object()) value.erase("seconds");
  if (value.is_structured())
    for (Json& part : value) forget_seconds(part);
}

}  // namespace

void do_job(const Store& store, const std::filesystem::path& folder, const JobKinds& kinds,
            const std::function<void(double)>& progress) {
  DescribedJob job = described_job(folder, kinds);
  if (store.is_finished(job.context.key)) return;
  read_needs(store, job);
  job.context.progress = progress;
  using Clock = std::chrono::steady_clock;
  const Clock::time_point start = Clock::now();
  const Json result = job.function(job.context);
  store.write(job.identity, result, std::chrono::duration<double>(Clock::now() - start).count());
}

JobReplay replay_job(const Store& store, const std::filesystem::path& folder,
                     const std::filesystem::path& scratch, const JobKinds& kinds,
                     const std::function<void(double)>& progress) {
  DescribedJob job = described_job(folder, kinds);
  Json before = store.read(job.context.key).result;
  read_needs(store, job);
  job.context.progress = progress;
  job.context.folder = scratch;
  // As it would be read: numbers that are none are null there.
  Json after = parse_json(job.function(job.context).dump(), job.context.name);
  forget_seconds(before);
  forget_seconds(after);
  const std::string code = string_member(job.identity, "code", folder.string());
  return {job.context.name, code == code_version() || code == training_code_version(),
          Json::diff(before, after)};
}

std::vector<std::string> to_arguments(const JobCall& call) {
  std::vector<std::string> words = {call.folder.string()};
  if (call.lock >= 0) {
    words.push_back("--lock");
    words.push_back(std::to_string(call.lock));
  }
  for (const std::filesystem::path& path : call.adopted) {
    words.push_back("--adopt");
    words.push_back(path.string());
  }
  return words;
}

void answer_call(const JobCall& call, const JobKinds& kinds) {
  std::filesystem::path folder = call.folder.lexically_normal();
  if (!folder.has_filename()) folder = folder.parent_path();  // "runs/KEY16/"
  std::optional<FolderLock> lock;
  if (call.lock >= 0) {
    lock.emplace(FolderLock::inherited(folder, call.lock));
  } else {
    if (std::optional<FolderLock> taken = FolderLock::take(folder)) lock.emplace(std::move(*taken));
    check<FileError>(lock.has_value(), folder.string(), ": another process works here");
  }
  const Store store(folder.has_parent_path() ? folder.parent_path() : ".", call.adopted);
  const ProgressFile file(folder);
  do_job(store, folder, kinds, [&](double share) { file.write(share); });
}

double progress_in(const std::filesystem::path& folder) {
  std::ifstream file(folder / "progress");
  double share = 0;
  return file >> share && share >= 0 && share <= 1 ? share : 0;
}

}  // namespace chainline::experiments
