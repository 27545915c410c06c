#include <fmt/core.h>

#include <filesystem>
#include <memory>
#include <sstream>

#include "experiments/program/arguments.h"
#include "experiments/program/commands.h"
#include "experiments/text/tokenizer.h"
#include "experiments/training/config.h"
#include "experiments/training/manifest.h"
#include "experiments/training/model.h"
#include "nn/checkpoint.h"
#include "tensor/error.h"
#include "tensor/npy.h"
#include "tensor/safetensors.h"
#include "tensor/sha256.h"

namespace chainline::experiments {
namespace {

namespace fs = std::filesystem;

template <class T>
std::string text(const T& value) {
  std::ostringstream stream;
  stream << value;
  return stream.str();
}

void print_tensors(const std::map<std::string, Tensor>& tensors) {
  std::size_t widest = 0;
  for (const auto& [name, tensor] : tensors) widest = std::max(widest, name.size());
  std::int64_t numbers = 0;
  for (const auto& [name, tensor] : tensors) {
    fmt::print("{:<{}}  {:<5} {}\n", name, widest, text(tensor.dtype()), text(tensor.shape()));
    numbers += tensor.numel();
  }
  fmt::print("tensors   {}\nnumbers   {}\n", tensors.size(), numbers);
}

void inspect_machine() {
  for (const Json& part : {machine_description(), build_description()}) {
    for (const auto& item : part.items()) {
      fmt::print("{:<18} {}\n", item.key(),
                 item.value().is_string() ? item.value().get<std::string>() : item.value().dump());
    }
  }
}

void inspect_checkpoint(const fs::path& folder) {
  const fs::path path = checkpoint_of(folder);
  const nn::Checkpoint checkpoint = nn::read_checkpoint(path);
  print_tensors(checkpoint.model);
  fmt::print("optimizer {} tensors\n", checkpoint.optimizer.size());
  for (const auto& [name, content] : checkpoint.texts) {
    fmt::print("{:<9} {} bytes, sha256 {}\n", name, content.size(), sha256_hex(content));
  }
  const auto position = checkpoint.texts.find("training.json");
  if (position != checkpoint.texts.end()) {
    const std::string where = (path / "training.json").string();
    const Json training = parse_json(position->second, where);
    fmt::print("steps     {}\n", integer_member(training, "steps_done", where));
  }
  fmt::print("weights   sha256 {}\n", sha256_file_hex(path / "model.safetensors"));
}

void inspect_tokenizer(const fs::path& path) {
  const Tokenizer tokenizer = Tokenizer::load(path);
  std::vector<std::string> special;
  for (std::int64_t id = 0; id < tokenizer.size(); ++id) {
    if (tokenizer.is_special(id))
      special.push_back(fmt::format("{} = {}", tokenizer.token(id), id));
  }
  fmt::print("tokens    {}\nspecial   {}\nsha256    {}\n", tokenizer.size(), list_words(special),
             sha256_file_hex(path));
}

void inspect(const std::string& what) {
  if (what == "machine") return inspect_machine();
  const fs::path path = what;
  check<FileError>(fs::exists(path), what, ": expected a file or folder, found none");
  if (fs::is_directory(path)) return inspect_checkpoint(path);
  if (path.extension() == ".safetensors") {
    print_tensors(read_safetensors(path).tensors);
  } else if (path.extension() == ".npy") {
    print_tensors({{path.filename().string(), read_npy(path)}});
  } else if (path.extension() == ".json") {
    return inspect_tokenizer(path);
  } else {
    throw ValueError("inspect: " + what +
                     ": expected machine, a .safetensors or .npy file, a tokenizer.json, or the "
                     "folder of a checkpoint");
  }
  fmt::print("sha256    {}\n", sha256_file_hex(path));
}

}  // namespace

void add_inspect(CLI::App& program) {
  CLI::App* app = program.add_subcommand("inspect", "Show what a file or the machine holds");
  auto what = std::make_shared<std::string>();
  app->add_option("what", *what,
                  "machine, FILE.safetensors, FILE.npy, a tokenizer.json, or the folder of a "
                  "checkpoint or run")
      ->required()
      ->check(named("a file or folder"));
  app->footer("Examples:\n  chainline inspect machine\n  chainline inspect runs/half/checkpoint");
  app->callback([what] { inspect(*what); });
}

}  // namespace chainline::experiments
