#include "experiments/study/twin_job.h"

#include <cmath>

#include "experiments/study/base_job.h"
#include "experiments/study/run_job.h"
#include "experiments/study/world.h"
#include "experiments/trace/twins.h"

namespace chainline::experiments {
namespace {

/// The largest distance of any kind, group and step.
double largest_distance(const TwinCurves& curves) {
  double largest = 0;
  for (const TwinPoint& point : curves.points)
    for (const TwinDistance& d : point.distances)
      largest = std::max({largest, d.weights, d.gradients});
  return largest;
}

/// The same cards, but for those of the first `count` marked images.
Watermarker without_first(const Watermarker& marker, std::int64_t images, std::int64_t count,
                          const std::shared_ptr<const Font>& font) {
  std::vector<std::uint32_t> of_image = marker.assignment();
  std::int64_t left = count;
  for (std::int64_t i = 0; i < images && left > 0; ++i) {
    if (!marker.selects(i)) continue;
    of_image[static_cast<std::size_t>(i)] = Watermarker::kNobody;
    --left;
  }
  check<ValueError>(left == 0, "twins: samples: expected at least ", count, " marked images, got ",
                    count - left);
  return Watermarker(marker.spec(), marker.people(), font, std::move(of_image));
}

class Twins {
 public:
  Twins(const Study& study, const TwinSpec& spec, const std::filesystem::path& base)
      : study_(study),
        spec_(spec),
        base_(base),
        world_(study),
        assignment_(study.users, study.seed, spec.run),
        split_(world_.tune_split("general")) {}

  Treated treated(const char* code) const {
    return treat(split_, condition_of(code), world_.population(), assignment_,
                 world_.card_of_run(spec_.run), world_.font());
  }
  const std::shared_ptr<const Font>& font() const { return world_.font(); }

  TwinCurves train(const Split& split, const Watermarker* a, const Watermarker* b) const {
    LoadedModel first = model(), second = model();
    const auto samples = [&](const Watermarker* marker) {
      return Samples(split, 0, static_cast<std::int64_t>(split.examples.size()), first.conversation,
                     static_cast<int>(study_.model.vision.image_size), marker);
    };
    const Samples samples_a = samples(a), samples_b = samples(b);
    RunSpec run;
    run.run = spec_.run;
    run.batch = study_.tune.batch;
    run.lora_rank = spec_.lora_rank;
    return train_twins(first.model, samples_a, second.model, samples_b,
                       tuning_config(study_, run, samples_a.size()));
  }

 private:
  LoadedModel model() const {
    LoadedModel loaded = load_base(study_, base_);
    RunSpec run;
    run.lora_rank = spec_.lora_rank;
    make_trainable(loaded, run, run_seed(study_, spec_.run));
    return loaded;
  }

  Study study_;
  TwinSpec spec_;
  std::filesystem::path base_;
  World world_;
  Assignment assignment_;
  Split split_;
};

}  // namespace

Json do_twins(const Study& study, const TwinSpec& spec, const std::filesystem::path& base,
              const std::function<void(double)>& progress) {
  const Twins twins(study, spec, base);
  const Treated marked = twins.treated("W100");
  const Watermarker lacking =
      without_first(*marked.watermarker, marked.split.images->size(), spec.samples, twins.font());
  const TwinCurves curves = twins.train(marked.split, &*marked.watermarker, &lacking);
  progress(0.5);
  // At rate 0 nobody has a card, so whose cards they lack makes no difference at all.
  const Treated clean = twins.treated("C0");
  const TwinCurves equal = twins.train(clean.split, nullptr, nullptr);
  progress(1);
  Json steps = Json::array(), weights = Json::array(), gradients = Json::array();
  for (const TwinPoint& point : curves.points) steps.push_back(point.step);
  for (std::size_t g = 0; g < curves.groups.size(); ++g) {
    Json of_weights = Json::array(), of_gradients = Json::array();
    for (const TwinPoint& point : curves.points) {
      of_weights.push_back(point.distances[g].weights);
      of_gradients.push_back(point.distances[g].gradients);
    }
    weights.push_back(of_weights);
    gradients.push_back(of_gradients);
  }
  return {{"run", spec.run},
          {"condition", "W100"},
          {"samples", spec.samples},
          {"steps", steps},
          {"groups", curves.groups},
          {"weights", weights},
          {"gradients", gradients},
          {"identical_rerun", equal.identical()},
          {"max_difference_at_rate_0", largest_distance(equal)}};
}

}  // namespace chainline::experiments
