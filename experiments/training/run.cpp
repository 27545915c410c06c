#include "experiments/training/run.h"

#include <chrono>
#include <memory>

#include "experiments/training/config.h"
#include "experiments/training/fields.h"
#include "experiments/training/kernel_choices.h"
#include "experiments/training/log.h"
#include "experiments/training/progress.h"
#include "nn/checkpoint.h"
#include "tensor/backend.h"
#include "tensor/block_cache.h"
#include "tensor/memory_ledger.h"
#include "tensor/sha256.h"

namespace chainline::experiments {
namespace {

constexpr const char* kFormat = "chainline training";
constexpr std::int64_t kVersion = 1;
constexpr const char* kPosition = "training.json";
constexpr const char* kKernels = "kernels.json";

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

/// training.json: where a training is.
struct Position {
  std::int64_t steps = 0;
  bool finished = false;
  double seconds = 0;
  Json identity;

  std::string text() const {
    const Json object = {{"format", kFormat},    {"version", kVersion}, {"steps_done", steps},
                         {"finished", finished}, {"seconds", seconds},  {"identity", identity}};
    return object.dump(2) + "\n";
  }
};

Position position_from(const nn::Checkpoint& checkpoint, const std::filesystem::path& folder) {
  const auto found = checkpoint.texts.find(kPosition);
  check<FileError>(found != checkpoint.texts.end(), "training: ", folder.string(),
                   ": the checkpoint there is not of a training, it holds no ", kPosition);
  const std::string where = (folder / kPosition).string();
  const Json object = parse_json(found->second, where);
  Position position;
  FieldReader f(object, where, true);
  f.fixed("format", kFormat);
  f.fixed("version", kVersion);
  f("steps_done", position.steps);
  f("finished", position.finished);
  f("seconds", position.seconds);
  check<FileError>(f.has("identity"), where, ": missing key \"identity\"");
  position.identity = object["identity"];
  f.finish();
  check<FileError>(position.identity.is_object(), where, ": identity: expected an object, got ",
                   position.identity.type_name());
  return position;
}

void check_same(const Json& saved, const Json& wanted, const std::string& where) {
  const auto value = [](const Json& object, const std::string& key) {
    return object.contains(key) ? excerpt(object[key]) : std::string("nothing");
  };
  Json keys = saved;
  keys.update(wanted);
  for (const auto& item : keys.items()) {
    const std::string& key = item.key();
    if (saved.contains(key) && wanted.contains(key) && saved[key] == wanted[key]) continue;
    throw FileError(where + ": " + key + identity_in_words(key) + ": this training has " +
                    value(wanted, key) + ", the checkpoint has " + value(saved, key) +
                    "; use another folder for another training");
  }
}

/// The optimizer's tensors in the order that it wants them.
std::vector<nn::NamedState> ordered(const std::vector<nn::NamedState>& wanted,
                                    const nn::Checkpoint& checkpoint, const std::string& where) {
  std::vector<nn::NamedState> state;
  for (const nn::NamedState& s : wanted) {
    const auto found = checkpoint.optimizer.find(s.name);
    check<FileError>(found != checkpoint.optimizer.end(), where, ": the tensor ", s.name,
                     " is missing");
    check<FileError>(found->second.shape() == s.tensor.shape(), where, ": ", s.name, ": expected ",
                     s.tensor.shape(), ", got ", found->second.shape());
    state.push_back({s.name, found->second});
  }
  return state;
}

/// Kernels decide bits in the fast class, so a training goes on with those that it had.
void take_kernels(const nn::Mllm& model, const std::string& text, const std::string& where) {
  if (text.empty()) return;
  cuda::backend(model.device().index).set_kernel_choices(kernel_choices_from(text, where));
}

void save(nn::Mllm& model, const Trainer& trainer, Math math, const Position& position,
          const RunPlan& plan) {
  nn::Checkpoint checkpoint;
  checkpoint.model = nn::tensors_of(nn::named_parameters(model));
  for (const nn::NamedState& s : trainer.optimizer_state()) {
    checkpoint.optimizer[s.name] = s.tensor;
  }
  checkpoint.texts = plan.texts;
  checkpoint.texts[kPosition] = position.text();
  if (math == Math::fast) {
    checkpoint.texts[kKernels] = kernel_choices_text(cuda::backend(model.device().index));
  }
  nn::write_checkpoint(plan.folder / "checkpoint", checkpoint);
}

/// The trace of a training that goes on where its trainer is; null without one.
std::unique_ptr<TraceWriter> open_trace(Trainer& trainer, const Json& identity, Device device,
                                        const RunPlan& plan) {
  const std::filesystem::path path = plan.folder / kTraceFile;
  if (!plan.trace) {
    check<FileError>(!std::filesystem::exists(path), path.string(),
                     ": a training that was begun with a trace goes on with it (chainline train "
                     "--trace), so that no step is missing from it; remove the file to go on "
                     "without");
    return nullptr;
  }
  TraceHeader header;
  header.title = plan.title;
  header.device = device == kCpu ? "cpu" : cuda::backend(device.index).name();
  header.identity = identity;
  header.origin = *plan.trace;
  std::vector<Tensor> weights;
  for (const nn::NamedParameter& p : trainer.parameters()) {
    header.parameters.push_back(p.name);
    weights.push_back(p.variable.value());
  }
  trainer.keep_gradients();
  return std::make_unique<TraceWriter>(path, header, trainer.steps_done(), bits_hashes(weights));
}

/// Puts model and trainer where the checkpoint left them, unless that is after `at_most` steps.
Position restore(nn::Mllm& model, Trainer& trainer, const Json& identity,
                 const std::filesystem::path& folder, std::int64_t at_most) {
  const nn::Checkpoint checkpoint = nn::read_checkpoint(folder);
  const Position saved = position_from(checkpoint, folder);
  const TrainingConfig& config = trainer.config();
  check_same(saved.identity, identity, (folder / kPosition).string());
  check<FileError>(saved.steps >= 0 && saved.steps <= config.steps, (folder / kPosition).string(),
                   ": steps_done: expected 0 .. ", config.steps, ", got ", saved.steps);
  if (saved.steps > at_most) return saved;
  const std::vector<nn::NamedState> state =
      ordered(trainer.optimizer_state(), checkpoint, (folder / "optimizer.safetensors").string());
  nn::load_parameters(nn::named_parameters(model), checkpoint.model,
                      (folder / "model.safetensors").string());
  trainer.restore(saved.steps, state);
  const auto kernels = checkpoint.texts.find(kKernels);
  if (config.math == Math::fast && kernels != checkpoint.texts.end()) {
    take_kernels(model, kernels->second, (folder / kKernels).string());
  }
  return saved;
}

void make_folder(const std::filesystem::path& folder) {
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  check<FileError>(!error, folder.string(), ": ", error.message());
}

}  // namespace

Json training_identity(nn::Mllm& model, const Samples& samples, const TrainingConfig& config,
                       const RunPlan& plan) {
  Json identity = to_json(config);
  if (config.math == Math::exact) {
    identity.erase("micro_batch");
  } else {
    identity["math_device"] = cuda::backend(model.device().index).name();
    if (!plan.kernels.empty()) identity["kernels_sha256"] = sha256_hex(plan.kernels);
  }
  identity.erase("recompute");
  identity.erase("graph");
  if (config.dp_clip > 0) {
    const PrivateUnits units(samples, config.dp_unit, config.batch, config.seed);
    const PrivacyLedger ledger = privacy_ledger(samples, config);
    identity["privacy"] = {{"q", ledger.q},
                           {"sigma", ledger.sigma},
                           {"steps", ledger.steps},
                           {"units", units.size()},
                           {"users", units.users()}};
    identity["units_sha256"] = units.sha256();
  } else {
    // Trainings without privacy are those that they were before there was any.
    for (const char* key : {"dp_clip", "dp_noise", "dp_unit"}) identity.erase(key);
  }
  identity["samples_sha256"] = samples.sha256();
  identity["first_weights_sha256"] = nn::hash_of(nn::named_parameters(model));
  Sha256 trainable;
  for (const nn::NamedParameter& p : nn::trainable_parameters(model)) {
    trainable.update(p.name + "\n");
  }
  identity["trainable_sha256"] = to_hex(trainable.digest());
  for (const auto& [name, text] : plan.texts) identity[name + "_sha256"] = sha256_hex(text);
  return identity;
}

std::string identity_in_words(const std::string& key) {
  if (key == "trainable_sha256") return " (which parameters are trained)";
  if (key == "first_weights_sha256") return " (the weights before the first step)";
  if (key == "units_sha256") return " (whose samples are whose)";
  if (key == "samples_sha256") return " (the data with their watermarks)";
  return "";
}

std::int64_t restore_training(nn::Mllm& model, Trainer& trainer, const Json& identity,
                              const std::filesystem::path& checkpoint, std::int64_t at_most) {
  if (!std::filesystem::exists(checkpoint)) return 0;
  const std::int64_t steps = restore(model, trainer, identity, checkpoint, at_most).steps;
  return steps <= at_most ? steps : 0;
}

TrainedRun train_run(nn::Mllm& model, const Samples& samples, const TrainingConfig& config,
                     const RunPlan& plan) {
  check<ValueError>(plan.checkpoint_every >= 1,
                    "training: checkpoint_every: expected at least 1, got ", plan.checkpoint_every);
  const InterruptNote interrupt;
  const std::filesystem::path folder = plan.folder / "checkpoint";
  make_folder(plan.folder);
  nn::remove_leftovers(folder);

  Trainer trainer(model, samples, config);
  Position position;
  position.identity = training_identity(model, samples, config, plan);
  TrainedRun result;
  if (config.math == Math::fast) take_kernels(model, plan.kernels, "training: kernels");
  if (std::filesystem::exists(folder)) {
    position = restore(model, trainer, position.identity, folder, config.steps);
    result.resumed_from = position.steps;
  }

  // That of a finished training is verified once more.
  std::unique_ptr<TraceWriter> trace;
  if (plan.trace || !trainer.done()) {
    trace = open_trace(trainer, position.identity, model.device(), plan);
  }
  if (!trainer.done()) {
    TrainingLog log(plan.folder / "log.jsonl",
                    {{"title", plan.title}, {"identity", position.identity}}, trainer.steps_done());
    Progress progress(plan.title, trainer.steps_done(), config.steps);
    while (!trainer.done()) {
      const Clock::time_point start = Clock::now();
      begin_memory_period("step " + std::to_string(trainer.steps_done() + 1));
      const std::uint64_t allocations = system_allocations(model.device());
      const bool first = trainer.steps_done() == result.resumed_from;
      const StepRecord record = trainer.step();
      (first ? result.first_step_allocations : result.later_allocations) +=
          system_allocations(model.device()) - allocations;
      const double seconds = seconds_since(start);
      const double speed = static_cast<double>(record.samples) / std::max(seconds, 1e-9);
      position.seconds += seconds;
      result.seconds_here += seconds;
      result.seconds_waited += record.waited;
      position.steps = record.step;
      position.finished = trainer.done();
      log.write({record, speed});
      if (trace) {
        const Clock::time_point hashed = Clock::now();
        trace->write(trace_line(trainer, record));
        result.seconds_traced += seconds_since(hashed);
      }
      progress.update(record.step, record.loss, speed);
      if (plan.progress)
        plan.progress(static_cast<double>(record.step) / static_cast<double>(config.steps));
      const bool stop = interrupt.requested() && !position.finished;
      if (stop || position.finished || record.step % plan.checkpoint_every == 0) {
        log.sync();  // before the checkpoint, which promises these lines
        if (trace) trace->sync();
        save(model, trainer, config.math, position, plan);
      }
      if (stop) {
        throw Interrupted("training: stopped after step " + std::to_string(record.step) + " of " +
                          std::to_string(config.steps) + "; the same command goes on from there");
      }
    }
  }
  result.steps = trainer.steps_done();
  result.seconds = position.seconds;
  result.weights_sha256 = nn::hash_of(nn::named_parameters(model));
  return result;
}

}  // namespace chainline::experiments
