#include "experiments/training/manifest.h"

#include <sys/utsname.h>

#include <ctime>
#include <fstream>
#include <span>
#include <sstream>
#include <thread>

#include "experiments/build_description.h"
#include "experiments/training/config.h"
#include "tensor/atomic_file.h"
#include "tensor/backend.h"
#include "tensor/isa.h"
#include "tensor/parallel.h"
#include "tensor/sha256.h"

namespace chainline::experiments {
namespace {

constexpr int kSchema = 1;

/// The value of a key in /proc/cpuinfo, "" where there is no such file or key.
std::string cpu_info(const std::string& key) {
  std::ifstream file("/proc/cpuinfo");
  for (std::string line; std::getline(file, line);) {
    const std::size_t colon = line.find(':');
    if (colon == std::string::npos || line.compare(0, key.size(), key) != 0) continue;
    if (line.find_first_not_of(" \t", key.size()) != colon) continue;
    return colon + 2 <= line.size() ? line.substr(colon + 2) : "";
  }
  return "";
}

Json instruction_sets() {
  Json names = Json::array();
  for (const Isa available : available_isas()) names.push_back(name(available));
  return names;
}

}  // namespace

void Manifest::set_data(const std::string& spec, const Dataset& data) {
  data_spec = spec;
  data_name = data.name;
  data_licence = data.licence;
  data_source = data.source;
  data_sha256 = data.sha256;
}

std::string shell_word(const std::string& word) {
  constexpr const char* kPlain =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_=+,.:/@%";
  if (!word.empty() && word.find_first_not_of(kPlain) == std::string::npos) return word;
  std::string quoted = "'";
  for (const char c : word) {
    if (c == '\'') quoted += "'\\'";  // the quote ends, comes escaped, and begins again
    quoted += c;
  }
  return quoted + "'";
}

std::vector<std::string> command_words() {
  std::ifstream file("/proc/self/cmdline", std::ios::binary);
  std::vector<std::string> words;
  for (std::string word; std::getline(file, word, '\0');) words.push_back(word);
  return words;
}

std::string command_line() {
  std::string line;
  for (const std::string& word : command_words()) {
    if (!line.empty()) line += ' ';
    line += shell_word(word);
  }
  return line;
}

std::string time_now() {
  const std::time_t now = std::time(nullptr);
  std::tm utc{};
  gmtime_r(&now, &utc);
  char text[32];
  std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &utc);
  return text;
}

Json build_description() {
  return {{"version", CHAINLINE_VERSION},       {"compiler", CHAINLINE_COMPILER},
          {"flags", CHAINLINE_COMPILE_FLAGS},   {"build_type", CHAINLINE_BUILD_TYPE},
          {"git_commit", CHAINLINE_GIT_COMMIT}, {"git_dirty", CHAINLINE_GIT_DIRTY}};
}

/// The second device's name. One that can't be used stops only those who ask for it.
std::string second_device() {
  try {
    return cuda::device_count() > 0 ? cuda::backend(0).name() : "none";
  } catch (const DeviceError& e) {
    return e.what();
  }
}

Json machine_description() {
  utsname system{};
  uname(&system);
  return {{"cpu", cpu_info("model name")},
          {"instruction_sets", instruction_sets()},
          {"instruction_set", name(isa())},
          {"cuda", second_device()},
          {"processors", std::thread::hardware_concurrency()},
          {"threads", threads()},
          {"system", std::string(system.sysname) + " " + system.release + " " + system.machine}};
}

Json to_json(const Manifest& m) {
  Json outputs = Json::object();
  for (const auto& [name, path] : m.outputs) outputs[name] = sha256_file_hex(path);
  return {{"format", "chainline manifest"},
          {"version", kSchema},
          {"command", m.command},
          {"build", build_description()},
          {"machine", machine_description()},
          {"device", m.device},
          {"determinism", m.determinism},
          {"seeds", m.seeds},
          {"config", m.config},
          {"config_sha256", hash_of(m.config)},
          {"data",
           {{"spec", m.data_spec},
            {"name", m.data_name},
            {"licence", m.data_licence},
            {"source", m.data_source},
            {"sha256", m.data_sha256}}},
          {"started", m.started},
          {"ended", time_now()},
          {"outputs", outputs},
          {"hashes", m.hashes},
          {"metrics", m.metrics}};
}

void write_manifest(const std::filesystem::path& folder, const Manifest& manifest) {
  const std::string text = to_json(manifest).dump(2) + "\n";
  write_file_atomically(folder / "manifest.json", std::as_bytes(std::span(text)));
}

}  // namespace chainline::experiments
