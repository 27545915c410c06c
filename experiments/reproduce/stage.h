#pragma once

#include <filesystem>
#include <functional>
#include <string>

#include "experiments/data/json.h"

namespace chainline::experiments {

/// Results of stages that need not be computed twice: folder/NAME.json holds {"key", "result"}.
class StageStore {
 public:
  explicit StageStore(std::filesystem::path folder) : folder_(std::move(folder)) {}

  /// The result in the file if its key is this one, else make(), written before it is returned.
  /// The key must name everything that the result is a function of.
  ///
  /// **Errors** FileError for a file that is not a stage's, or cannot be written.
  Json get(const std::string& name, const Json& key, const std::function<Json()>& make);

  /// How many results get() made so far, rather than found.
  int made() const { return made_; }

 private:
  std::filesystem::path folder_;
  int made_ = 0;
};

/// Writes JSON with an indent of 1, the file whole or as before.
void write_json(const std::filesystem::path& path, const Json& value);

}  // namespace chainline::experiments
