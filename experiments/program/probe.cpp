#include <fmt/core.h>

#include <memory>

#include "experiments/measures/measure.h"
#include "experiments/program/arguments.h"
#include "experiments/program/commands.h"
#include "experiments/program/measure_options.h"

namespace chainline::experiments {
namespace {

void print(const Json& probes) {
  fmt::print("{:<18} {:>26}  {:>7}  {:>26}  {:>6}  {:>6} {:>9}\n", "layer", "replica", "control",
             "people held out", "AUC", "p", "corrected");
  const auto share = [](const Json& accuracy, const Json& interval) {
    return fmt::format("{:.1f} % ({:.1f} to {:.1f})", 100 * accuracy.get<double>(),
                       100 * interval[0].get<double>(), 100 * interval[1].get<double>());
  };
  for (const Json& layer : probes.at("layers")) {
    const Json &replica = layer.at("replica"), &held = layer.at("leave_users_out");
    fmt::print("{:<18} {:>26}  {:>5.1f} %  {:>26}  {:>6.3f}  {:>6.3f} {:>9.3f}\n",
               layer.at("layer").get<std::string>(),
               share(replica.at("accuracy"), replica.at("interval")),
               100 * replica.at("control").at("mean").get<double>(),
               share(held.at("accuracy"), held.at("accuracy_interval")),
               held.at("auc").get<double>(), held.at("auc_control").at("p_value").get<double>(),
               held.at("family_p_value").get<double>());
  }
  const Json& prompt = probes.at("prompt");
  fmt::print("asked \"{}\": {}, AUC {:.3f}\n", prompt.at("question").get<std::string>(),
             share(prompt.at("accuracy"), prompt.at("accuracy_interval")),
             prompt.at("auc").get<double>());
  fmt::print("{} fits, {} unconverged\n", probes.at("fits").at("fits").get<std::int64_t>(),
             probes.at("fits").at("unconverged").get<std::int64_t>());
}

}  // namespace

void add_probe(CLI::App& program) {
  CLI::App* c = program.add_subcommand(
      "probe", "Probe every layer for whether the model has seen a watermark's person");
  auto o = std::make_shared<MeasureOptions>();
  auto question = std::make_shared<std::string>(kUsernameQuestion);
  o->add_to(*c);
  c->add_option("--question", *question, "What is asked about every image")
      ->check(named("a question"))
      ->capture_default_str();
  c->add_option("--images", o->images, "Test images, each under two people's cards")
      ->check(whole_number(1))
      ->capture_default_str();
  c->add_option("--folds", o->probes.folds, "Groups of people, each held out once")
      ->check(whole_number(2))
      ->capture_default_str();
  c->add_option("--relabellings", o->probes.relabellings, "Of the people, for the controls")
      ->check(whole_number(1))
      ->capture_default_str();
  c->add_option("--bootstrap", o->probes.bootstrap, "Replicates for the intervals")
      ->check(whole_number(2))
      ->capture_default_str();
  c->add_option("--c", o->probes.c, "Weight of the loss against the penalty")
      ->check(any_number())
      ->capture_default_str();
  c->footer("Example:\n  chainline probe --checkpoint out/w100 --data shapes");
  c->callback([o, question] {
    o->check_json();
    const LoadedModel model = o->model();
    const Dataset data = load_dataset(o->data);
    ProbeOptions options = o->probes;
    options.seed = o->seed;
    const Json probes = measure_probes(model, data.test, PeoplePool(o->people, o->seed),
                                       o->watermark(model.config().vision.patch_size), o->font(),
                                       o->images, *question, options);
    print(probes);
    o->save(probes);
  });
}

}  // namespace chainline::experiments
