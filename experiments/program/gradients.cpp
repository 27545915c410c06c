#include <fmt/core.h>

#include <memory>

#include "experiments/measures/measure.h"
#include "experiments/program/arguments.h"
#include "experiments/program/commands.h"
#include "experiments/program/measure_options.h"

namespace chainline::experiments {
namespace {

std::string number(const Json& value) {
  return value.is_number() ? fmt::format("{:.4f}", value.get<double>()) : "-";
}

void print(const Json& points) {
  fmt::print("{:<18} {:>5}  {:>8} {:>19}  {:>10}  {:>11}\n", "part", "batch", "cosine",
             "95 % interval", "norm ratio", "other batch");
  for (const Json& p : points) {
    const Json& cosine = p.at("cosine");
    fmt::print("{:<18} {:>5}  {:>8} {:>8} to {:>7}  {:>10}  {:>11}\n",
               p.at("group").get<std::string>(), p.at("batch_size").get<std::int64_t>(),
               number(cosine.at("mean")), number(cosine.at("low")), number(cosine.at("high")),
               number(p.at("norm_ratio").at("mean")), number(p.at("other_batch").at("mean")));
  }
}

}  // namespace

void add_gradients(CLI::App& program) {
  CLI::App* c = program.add_subcommand(
      "gradients", "Compare the gradients of clean and watermarked batches at a model's weights");
  auto o = std::make_shared<MeasureOptions>();
  GradientOptions& gradients = o->gradients;
  o->add_to(*c);
  c->add_option("--batch-sizes", gradients.batch_sizes, "Sizes of the batches [1,4,16,64]")
      ->delimiter(',')
      ->check(whole_number(1));
  c->add_option("--batches", gradients.batches, "Disjoint batches of each size")
      ->check(whole_number(2))
      ->capture_default_str();
  c->add_option("--bootstrap", gradients.bootstrap, "Replicates for the intervals")
      ->check(whole_number(2))
      ->capture_default_str();
  c->footer("Example:\n  chainline gradients --checkpoint out/base --data shapes");
  c->callback([o] {
    o->check_json();
    LoadedModel model = o->model();
    const Dataset data = load_dataset(o->data);
    GradientOptions options = o->gradients;
    options.seed = o->seed;
    const Json points =
        measure_gradients(model, data.test, PeoplePool(o->people, o->seed),
                          o->watermark(model.config().vision.patch_size), o->font(), options);
    print(points);
    o->save(points);
  });
}

}  // namespace chainline::experiments
