#include "experiments/program/measure_options.h"

#include <filesystem>
#include <span>

#include "experiments/data/paths.h"
#include "experiments/program/arguments.h"
#include "tensor/atomic_file.h"
#include "tensor/error.h"

namespace chainline::experiments {

void MeasureOptions::add_to(CLI::App& command) {
  command
      .add_option("--checkpoint", checkpoint, "Checkpoint, or the folder of the run that made it")
      ->required()
      ->check(named("a folder"));
  command.add_option("--data", data, "Data whose test split is used")->capture_default_str();
  command.add_option("--seed", seed, "Of the people, the images and all else")
      ->check(any_seed())
      ->capture_default_str();
  command.add_option("--people", people, "Invented people, half of them seen in training")
      ->check(whole_number(2, 1'000'000))
      ->capture_default_str();
  command.add_option("--font", font_file, "TrueType file of the cards, not the built-in font")
      ->check(named("a file"));
  device.add_to(command);
  command.add_option("--json", json, "Write every number to this file")->check(named("a file"));
}

LoadedModel MeasureOptions::model() const {
  const Device where = device.device();
  LoadedModel loaded = load_model(checkpoint);
  nn::move_to(loaded.model, where);
  return loaded;
}

WatermarkSpec MeasureOptions::watermark(std::int64_t patch) const {
  WatermarkSpec spec;
  spec.seed = seed;
  spec.patch = static_cast<int>(patch);
  return spec;
}

void MeasureOptions::check_json() const {
  if (json.empty()) return;
  const std::filesystem::path folder = std::filesystem::path(json).parent_path();
  if (!folder.empty()) check_is_folder(folder, "a folder for --json");
  check<FileError>(!std::filesystem::is_directory(json), json, ": expected a file, got a folder");
}

void MeasureOptions::save(const Json& result) const {
  if (json.empty()) return;
  const std::string text = result.dump(1) + "\n";
  write_atomically(json, std::as_bytes(std::span(text)));
}

std::string join(const std::vector<std::int64_t>& numbers) {
  std::string text;
  for (const std::int64_t n : numbers) text += (text.empty() ? "" : ",") + std::to_string(n);
  return text;
}

}  // namespace chainline::experiments
