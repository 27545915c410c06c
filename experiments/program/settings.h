#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "experiments/data/json.h"
#include "experiments/training/model.h"
#include "experiments/training/trainer.h"
#include "experiments/watermark/watermark.h"

namespace chainline::experiments {

/// Whose cards are drawn, and how.
struct WatermarkSettings {
  WatermarkSpec spec;
  std::int64_t people = 10;
  std::string font;  ///< a TrueType file; "" for the built-in font

  /// The watermarker of these settings; null at rate 0.
  std::unique_ptr<Watermarker> make() const;
};

/// Everything that a training depends on, apart from the data. One seed feeds every stream: the
/// streams have names, so they are independent.
struct TrainSettings {
  nn::MllmConfig model;
  std::int64_t vocabulary = 512;
  TrainingConfig training;
  WatermarkSettings watermark;
  std::optional<nn::LowRankOptions> low_rank;
};

/// {"model": config.json's keys, "tokenizer": {"vocabulary"}, "training": {...}, "watermark":
/// {"rate", "alpha", "fields", "scale", "people", "font", "seed"}, "lora": {...}}.
Json to_json(const TrainSettings& settings);

/// Reads a file of that form; what it does not name stays as in `start`.
///
/// **Errors** FileError naming file and key.
TrainSettings settings_from_file(const std::filesystem::path& path, TrainSettings start);

}  // namespace chainline::experiments
