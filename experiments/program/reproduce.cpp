#include "experiments/reproduce/reproduce.h"

#include <fmt/core.h>

#include <memory>
#include <optional>

#include "experiments/program/arguments.h"
#include "experiments/program/commands.h"
#include "experiments/program/device_option.h"
#include "experiments/program/measure_options.h"
#include "experiments/training/manifest.h"

namespace chainline::experiments {
namespace {

/// What was given on the command line; the rest follows from the scale.
struct Given {
  std::string scale = "cpu", data = "shapes", out, font;
  std::vector<std::int64_t> rates;
  std::optional<std::uint64_t> seed;
  std::optional<std::int64_t> people, base_steps, tune_steps, batch, micro_batch, turns, lora,
      checkpoint_every, probe_images, relabellings;
  std::optional<double> base_rate, tune_rate;
  bool user_id = false;
  DeviceOption device;

  ReproduceOptions options() const {
    ReproduceOptions o = defaults_at(scale);
    o.data = data_at_scale(data, scale);
    o.out = out;
    o.device = device.device();
    o.device_name = describe(o.device);
    o.font = font;
    if (!rates.empty()) o.rates = rates;
    const auto set = [](auto& option, const auto& value) {
      if (value) option = *value;
    };
    set(o.seed, seed);
    set(o.people, people);
    set(o.base.steps, base_steps);
    set(o.tune.steps, tune_steps);
    set(o.base.batch, batch);
    set(o.tune.batch, batch);
    set(o.base.micro_batch, micro_batch);
    set(o.tune.micro_batch, micro_batch);
    set(o.base.learning_rate, base_rate);
    set(o.tune.learning_rate, tune_rate);
    set(o.turns, turns);
    set(o.lora_rank, lora);
    set(o.checkpoint_every, checkpoint_every);
    set(o.probe_images, probe_images);
    set(o.probes.relabellings, relabellings);
    if (user_id) o.probe_questions.push_back(kUserIdQuestion);
    return o;
  }
};

}  // namespace

void add_reproduce(CLI::App& program) {
  CLI::App* c = program.add_subcommand(
      "reproduce", "Run the paper's experiment, small, from data to a report for the browser");
  auto given = std::make_shared<Given>();
  c->add_option("--data", given->data, "shapes, easy-vqa:DIR or llava:FILE.json,images=DIR")
      ->capture_default_str();
  c->add_option("--out", given->out,
                "Folder for models, numbers and report.html; goes on with what "
                "is there")
      ->required()
      ->check(named("a folder"));
  c->add_option("--scale", given->scale,
                "A quarter of an hour on two cores, or a minute in which nothing is learned")
      ->check(one_of({"cpu", "smoke"}))
      ->capture_default_str();
  c->add_option("--rates", given->rates, "Percents of the images with a watermark [0,50,100]")
      ->delimiter(',')
      ->check(whole_number(0, 100));
  c->add_option("--seed", given->seed, "Of everything that is drawn [1]")->check(any_seed());
  c->add_option("--people", given->people, "Invented people, half of them seen in training")
      ->check(whole_number(2, 1'000'000));
  c->add_option("--font", given->font, "TrueType file of the cards, not the built-in font")
      ->check(named("a file"));
  c->add_option("--base-steps", given->base_steps, "Steps of the base, trained from scratch")
      ->check(whole_number(1));
  c->add_option("--tune-steps", given->tune_steps, "Steps of each fine-tuning")
      ->check(whole_number(1));
  c->add_option("--batch", given->batch, "Conversations in a step")
      ->check(whole_number(1, kLargestBatch));
  c->add_option("--micro-batch", given->micro_batch,
                "Conversations computed at a time; the results do not depend on it")
      ->check(whole_number(1, kLargestBatch));
  c->add_option("--base-rate", given->base_rate, "Peak learning rate of the base")
      ->check(any_number());
  c->add_option("--tune-rate", given->tune_rate, "Peak learning rate of the fine-tuning")
      ->check(any_number());
  c->add_option("--turns", given->turns,
                "Questions of an image asked in one training conversation, at most")
      ->check(whole_number(1));
  c->add_option("--lora", given->lora,
                "Fine-tune by low-rank additions of this rank, the vision encoder frozen")
      ->check(whole_number(1));
  c->add_option("--checkpoint-every", given->checkpoint_every, "Steps between checkpoints")
      ->check(whole_number(1));
  c->add_option("--images", given->probe_images, "Test images to probe with")
      ->check(whole_number(1));
  c->add_option("--relabellings", given->relabellings, "Of the people, for the probes' controls")
      ->check(whole_number(1));
  c->add_flag("--user-id", given->user_id, "Probe after the question for the user_id, too");
  given->device.add_to(*c);
  c->footer(
      "Example:\n  chainline reproduce --data shapes --out out/shapes\n"
      "  chainline reproduce --data easy-vqa:data/easy-vqa --rates 0,100 --out out/easy-vqa");
  c->callback([given] {
    const ReproduceOptions options = given->options();
    std::string command = "chainline reproduce --data " + shell_word(given->data);
    if (given->scale != "cpu") command += " --scale " + given->scale;
    const auto add = [&](const char* name, const auto& value) {
      if (value) command += fmt::format(" {} {}", name, *value);
    };
    if (!given->rates.empty()) command += fmt::format(" --rates {}", join(given->rates));
    add("--seed", given->seed);
    add("--people", given->people);
    if (!given->font.empty()) command += " --font " + shell_word(given->font);
    add("--base-steps", given->base_steps);
    add("--tune-steps", given->tune_steps);
    add("--batch", given->batch);
    add("--micro-batch", given->micro_batch);
    add("--base-rate", given->base_rate);
    add("--tune-rate", given->tune_rate);
    add("--turns", given->turns);
    add("--lora", given->lora);
    add("--checkpoint-every", given->checkpoint_every);
    add("--images", given->probe_images);
    add("--relabellings", given->relabellings);
    if (given->user_id) command += " --user-id";
    if (given->device.name != "cpu") command += " --device " + shell_word(given->device.name);
    command += " --out " + shell_word(given->out);
    const Reproduction done = reproduce(options, command);
    fmt::print("{}\n", done.report.string());
  });
}

}  // namespace chainline::experiments
