#include <fmt/core.h>

#include <algorithm>
#include <filesystem>
#include <memory>

#include "experiments/data/image_folder.h"
#include "experiments/data/paths.h"
#include "experiments/program/arguments.h"
#include "experiments/program/commands.h"
#include "experiments/program/settings.h"
#include "experiments/watermark/ledger.h"
#include "tensor/error.h"
#include "tensor/parallel.h"

namespace chainline::experiments {
namespace {

namespace fs = std::filesystem;

struct WatermarkCommand {
  std::string data, images, split = "train", out;
  WatermarkSettings settings;

  std::shared_ptr<const ImageSource> source() const;
  void run() const;
};

/// Every PNG and JPEG in a folder and those in it, by name.
std::shared_ptr<const ImageSource> images_in(const fs::path& folder) {
  check_is_folder(folder, "a folder of images");
  std::vector<std::string> names;
  for (const fs::directory_entry& entry : fs::recursive_directory_iterator(folder)) {
    const std::string extension = entry.path().extension().string();
    if (extension == ".png" || extension == ".jpg" || extension == ".jpeg") {
      names.push_back(fs::relative(entry.path(), folder).string());
    }
  }
  check<FileError>(!names.empty(), folder.string(),
                   ": expected .png, .jpg or .jpeg files, found none");
  std::sort(names.begin(), names.end());
  auto images = std::make_shared<ImageFolder>(folder);
  for (const std::string& name : names) images->add(name, folder.string());
  return images;
}

std::shared_ptr<const ImageSource> WatermarkCommand::source() const {
  check<ValueError>(data.empty() != images.empty(),
                    "watermark: expected either --data or --images");
  if (!images.empty()) return images_in(images);
  const Dataset dataset = load_dataset(data);
  return (split == "test" ? dataset.test : dataset.train).images;
}

void WatermarkCommand::run() const {
  const std::shared_ptr<const ImageSource> images_to_mark = source();
  const std::unique_ptr<Watermarker> watermarker = settings.make();
  check<ValueError>(watermarker != nullptr, "watermark: rate: expected above 0, got 0");
  const fs::path folder = fs::path(out) / "images";
  std::error_code error;
  fs::create_directories(folder, error);
  check<FileError>(!error, folder.string(), ": ", error.message());

  const std::int64_t count = images_to_mark->size();
  std::vector<std::optional<LedgerLine>> lines(static_cast<std::size_t>(count));
  parallel_for(count, 8, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) {
      Watermarked marked = watermarker->apply(images_to_mark->image(i), i, images_to_mark->name(i));
      save_png(marked.image, folder / fmt::format("{:06}.png", i));
      lines[static_cast<std::size_t>(i)] = std::move(marked.line);
    }
  });
  Ledger ledger = open_ledger(*watermarker);
  for (std::optional<LedgerLine>& line : lines) {
    if (line) ledger.lines.push_back(std::move(*line));
  }
  write_ledger(fs::path(out) / "ledger.jsonl", ledger);
  write_people(fs::path(out) / "people.jsonl", watermarker->people());
  fmt::print("images    {} in {}\nmarked    {}\nledger    {}\npeople    {}\n", count,
             folder.string(), ledger.lines.size(), (fs::path(out) / "ledger.jsonl").string(),
             (fs::path(out) / "people.jsonl").string());
}

}  // namespace

void add_watermark(CLI::App& program) {
  CLI::App* app = program.add_subcommand(
      "watermark", "Draw invented people's cards on images and write who is where");
  auto c = std::make_shared<WatermarkCommand>();
  c->settings.spec.seed = 1;
  c->settings.spec.rate = 1;
  app->add_option("--data", c->data, "Mark the images of a data set (see chainline train --help)");
  app->add_option("--images", c->images, "Mark the PNG and JPEG files in this folder")
      ->check(named("a folder"));
  app->add_option("--split", c->split, "Of the data set")
      ->check(one_of({"train", "test"}))
      ->capture_default_str();
  app->add_option("--out", c->out, "Folder for images/, ledger.jsonl and people.jsonl")
      ->required()
      ->check(named("a folder"));
  app->add_option("--rate", c->settings.spec.rate, "Share of the images that get a card")
      ->check(number_within(0, 1))
      ->capture_default_str();
  app->add_option("--people", c->settings.people, "Invented people to choose from")
      ->check(whole_number(1, 1'000'000))
      ->capture_default_str();
  app->add_option("--fields", c->settings.spec.fields, "Fields of a card")
      ->check(one_of({"2", "6"}))
      ->capture_default_str();
  app->add_option("--alpha", c->settings.spec.alpha, "Opacity")
      ->check(number_within(0, 1))
      ->capture_default_str();
  app->add_option("--font", c->settings.font, "TrueType file instead of the built-in font")
      ->check(named("a file"));
  app->add_option("--seed", c->settings.spec.seed, "Of people, choice and places")
      ->check(any_seed())
      ->capture_default_str();
  app->footer(
      "Example:\n  chainline watermark --data shapes:train=100,test=10 --out marked --rate 0.5");
  app->callback([c] { c->run(); });
}

}  // namespace chainline::experiments
