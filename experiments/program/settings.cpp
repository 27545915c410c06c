#include "experiments/program/settings.h"

#include "experiments/training/config.h"
#include "experiments/training/fields.h"
#include "experiments/watermark/truetype.h"

namespace chainline::experiments {
namespace {

template <class Fields>
void list_fields(Fields& f, WatermarkSettings& w) {
  f("rate", w.spec.rate);
  f("alpha", w.spec.alpha);
  f("fields", w.spec.fields);
  f("scale", w.spec.scale);
  f("seed", w.spec.seed);
  f("people", w.people);
  f("font", w.font);
}

}  // namespace

std::unique_ptr<Watermarker> WatermarkSettings::make() const {
  if (spec.rate == 0) return nullptr;
  return std::make_unique<Watermarker>(spec, make_people(people, spec.seed), font_of(font));
}

Json to_json(const TrainSettings& s) {
  FieldWriter watermark;
  WatermarkSettings copy = s.watermark;
  list_fields(watermark, copy);
  Json object = {{"model", to_json(s.model)},
                 {"tokenizer", {{"vocabulary", s.vocabulary}}},
                 {"training", to_json(s.training)},
                 {"watermark", watermark.object()}};
  if (s.low_rank) object["lora"] = to_json(*s.low_rank);
  return object;
}

TrainSettings settings_from_file(const std::filesystem::path& path, TrainSettings s) {
  const Json file = read_json(path);
  const std::string where = path.string();
  FieldReader top(file, where, false);
  if (top.has("model")) {
    s.model = mllm_config_from(file["model"], where + ": model", Keys::some, s.model);
  }
  if (top.has("tokenizer")) {
    FieldReader tokenizer(file["tokenizer"], where + ": tokenizer", false);
    tokenizer("vocabulary", s.vocabulary);
    tokenizer.finish();
  }
  if (top.has("training")) {
    s.training =
        training_config_from(file["training"], where + ": training", Keys::some, s.training);
  }
  if (top.has("watermark")) {
    FieldReader watermark(file["watermark"], where + ": watermark", false);
    list_fields(watermark, s.watermark);
    watermark.finish();
  }
  if (top.has("lora")) {
    s.low_rank = low_rank_from(file["lora"], where + ": lora", Keys::some);
  }
  top.finish();
  return s;
}

}  // namespace chainline::experiments
