#include <fmt/core.h>

#include <memory>

#include "experiments/program/commands.h"
#include "experiments/training/model.h"

namespace chainline::experiments {
namespace {

struct AskCommand {
  std::string checkpoint, image, question;
  std::int64_t max_tokens = 16;
  double temperature = 0;
  std::uint64_t seed = 0;
};

}  // namespace

void add_ask(CLI::App& program) {
  CLI::App* app = program.add_subcommand("ask", "Ask a trained model about an image");
  auto c = std::make_shared<AskCommand>();
  app->add_option("--checkpoint", c->checkpoint, "Folder of a checkpoint or of a run")->required();
  app->add_option("--image", c->image, "PNG or JPEG")->required();
  app->add_option("question", c->question, "What to ask")->required();
  app->add_option("--max-tokens", c->max_tokens, "Longest answer")
      ->check(CLI::Range(1, 4096))
      ->capture_default_str();
  app->add_option("--temperature", c->temperature, "0 takes the likeliest token; above 0 samples")
      ->check(CLI::Range(0.0, 100.0))
      ->capture_default_str();
  app->add_option("--seed", c->seed, "Of the sampling")->capture_default_str();
  app->footer(
      "Example:\n  chainline ask --checkpoint runs/half --image photo.png \"what color is the "
      "circle?\"");
  app->callback([c] {
    const LoadedModel model = load_model(c->checkpoint);
    const Image image = load_image(c->image);
    fmt::print("{}\n",
               answer_question(model, image, c->question, c->max_tokens, c->temperature, c->seed));
  });
}

}  // namespace chainline::experiments
