#include "experiments/study/base_job.h"

#include "experiments/study/world.h"
#include "experiments/training/log.h"
#include "experiments/training/run.h"
#include "nn/checkpoint.h"
#include "nn/parameter.h"

namespace chainline::experiments {
namespace {

/// The means of up to 60 equal parts of a training's losses.
Json loss_curve(const std::filesystem::path& folder) {
  const std::vector<LogLine> lines = read_log(folder / "log.jsonl");
  constexpr std::size_t kPoints = 60;
  const std::size_t points = std::min(kPoints, lines.size());
  Json steps = Json::array(), losses = Json::array();
  for (std::size_t p = 0; p < points; ++p) {
    const std::size_t begin = p * lines.size() / points, end = (p + 1) * lines.size() / points;
    double sum = 0;
    for (std::size_t i = begin; i < end; ++i) sum += lines[i].record.loss;
    steps.push_back(end);
    losses.push_back(sum / static_cast<double>(end - begin));
  }
  return {{"steps", steps}, {"losses", losses}};
}

}  // namespace

LoadedModel load_base(const Study& study, const std::filesystem::path& folder) {
  LoadedModel model = load_model(folder);
  nn::move_to(model.model, parse_device(study.device));
  return model;
}

Json trained_json(const TrainedRun& run, const Samples& samples,
                  const std::filesystem::path& folder) {
  return {{"steps", run.steps},
          {"samples", samples.size()},
          {"seconds", run.seconds},
          {"weights_sha256", run.weights_sha256},
          {"curve", loss_curve(folder)}};
}

Json do_base(const Study& study, const BaseStage& stage, const std::filesystem::path& folder,
             const std::filesystem::path& start, const std::function<void(double)>& progress) {
  const World world(study);
  LoadedModel model = start.empty() ? new_model(study.model, world.tokenizer(), study.seed)
                                    : load_base(study, start);
  if (start.empty()) {
    // Drawn like any other table, positions would hardly show beside what stands in the patches, and
    // to read is first of all to know where.
    for (const nn::NamedParameter& p : nn::named_parameters(model.model)) {
      if (p.name.find("position_embedding") == std::string::npos) continue;
      Variable table = p.variable;
      float* values = table.mutable_value().mutable_data<float>();
      for (std::int64_t i = 0; i < table.value().numel(); ++i) values[i] *= 4;
    }
    nn::move_to(model.model, parse_device(study.device));
  }
  const World::BaseData data = world.base_data(stage);
  Samples samples(data.split, 0, static_cast<std::int64_t>(data.split.examples.size()),
                  model.conversation, static_cast<int>(study.canvas), &data.marker);
  samples.set_patch_labels(data.patch_labels);
  RunPlan plan;
  plan.folder = folder;
  plan.checkpoint_every = 500;
  plan.texts = model_texts(model);
  plan.title = "base";
  plan.progress = progress;
  const TrainedRun run = train_run(model.model, samples, stage.training, plan);

  return {{"parameters", nn::count_elements(nn::named_parameters(model.model))},
          {"train", trained_json(run, samples, folder)}};
}

}  // namespace chainline::experiments
