#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "experiments/data/dataset.h"
#include "experiments/data/json.h"

namespace chainline::experiments {

/// What a run writes down about itself, so that it can be repeated and its files checked.
struct Manifest {
  std::string command;                         ///< as typed
  std::map<std::string, std::uint64_t> seeds;  ///< by the name of the stream they feed
  Json config = Json::object();                ///< every setting, defaults included
  std::string data_spec;                       ///< load_dataset's
  std::string data_name, data_licence, data_source, data_sha256;
  std::map<std::string, std::filesystem::path> outputs;  ///< by the name to show; each is hashed
  std::map<std::string, std::string> hashes;             ///< of what is no file: weights, samples
  Json metrics = Json::object();
  std::string started;                ///< time_now() at the start
  std::string device = "cpu";         ///< where tensors were; in the exact class it changes no bit
  std::string determinism = "exact";  ///< the class of docs/numerics.md: exact or repeatable

  void set_data(const std::string& spec, const Dataset& data);
};

/// The manifest as JSON: the fields above and, found here, the program's version, compiler, flags
/// and git commit, the processor, its instruction sets and the number of threads, the config's
/// hash, the outputs' hashes and the time of the end.
///
/// **Errors** FileError for an output that cannot be read.
Json to_json(const Manifest& manifest);

/// Writes folder/manifest.json, whole or not at all.
void write_manifest(const std::filesystem::path& folder, const Manifest& manifest);

/// The word as a shell would take it: in single quotes where it needs them.
std::string shell_word(const std::string& word);

/// The words of this process's command line, the program first; none where the system does not tell.
std::vector<std::string> command_words();
/// This process's command line as a shell would take it, "" where the system does not tell.
std::string command_line();

/// The time in UTC: "2026-01-31T12:00:00Z".
std::string time_now();

/// Compiler, flags, git commit and the like, as the build knew them.
Json build_description();
/// Processor, threads, system.
Json machine_description();

}  // namespace chainline::experiments
