#include <fmt/core.h>

#include <memory>

#include "experiments/program/arguments.h"
#include "experiments/program/commands.h"
#include "experiments/program/device_option.h"
#include "experiments/training/model.h"

namespace chainline::experiments {
namespace {

struct AskCommand {
  std::string checkpoint, image, question;
  std::int64_t max_tokens = 16;
  double temperature = 0;
  std::uint64_t seed = 0;
  DeviceOption device;
};

}  // namespace

void add_ask(CLI::App& program) {
  CLI::App* app = program.add_subcommand("ask", "Ask a trained model about an image");
  auto c = std::make_shared<AskCommand>();
  app->add_option("--checkpoint", c->checkpoint, "Folder of a checkpoint or of a run")
      ->required()
      ->check(named("a folder"));
  app->add_option("--image", c->image, "PNG or JPEG")->required()->check(named("a file"));
  app->add_option("question", c->question, "What to ask")->required()->check(named("a question"));
  app->add_option("--max-tokens", c->max_tokens, "Longest answer")
      ->check(whole_number(1, 4096))
      ->capture_default_str();
  app->add_option("--temperature", c->temperature, "0 takes the likeliest token; above 0 samples")
      ->check(number_within(0, 100))
      ->capture_default_str();
  app->add_option("--seed", c->seed, "Of the sampling")->check(any_seed())->capture_default_str();
  c->device.add_to(*app);
  app->footer(
      "Examples:\n  chainline watermark --data shapes:train=100,test=10 --out marked --rate 0.5\n"
      "  chainline ask --checkpoint runs/half --image marked/images/000000.png \"what shape is "
      "this?\"\n\n"
      "runs/half is made by the example of chainline train.");
  app->callback([c] {
    const Device device = c->device.device();
    LoadedModel model = load_model(c->checkpoint);
    nn::move_to(model.model, device);
    const Image image = load_image(c->image);
    fmt::print("{}\n",
               answer_question(model, image, c->question, c->max_tokens, c->temperature, c->seed));
  });
}

}  // namespace chainline::experiments
