#include "experiments/study/gradient_job.h"

#include <cmath>
#include <memory>

#include "experiments/data/splits.h"
#include "experiments/data/transform.h"
#include "experiments/gradients/comparison.h"
#include "experiments/gradients/moments.h"
#include "experiments/gradients/per_sample.h"
#include "experiments/study/base_job.h"
#include "experiments/study/run_job.h"
#include "experiments/study/world.h"
#include "experiments/training/run.h"
#include "nn/parameter.h"

namespace chainline::experiments {
namespace {

using Gradient = std::vector<Tensor>;  // f32, one per trainable parameter

/// sum += g, where a parameter that a sample does not reach counts as zeros.
void add_to(Gradient& sum, const Gradient& g) {
  if (sum.empty()) sum.resize(g.size());
  for (std::size_t p = 0; p < g.size(); ++p) {
    if (!g[p].defined()) continue;
    if (!sum[p].defined()) {
      sum[p] = g[p].clone();
      continue;
    }
    float* to = sum[p].mutable_data<float>();
    const float* from = g[p].data<float>();
    for (std::int64_t i = 0; i < g[p].numel(); ++i) to[i] += from[i];
  }
}

/// Cosines and ratios of one comparison, by group and size.
struct Agreements {
  std::vector<std::vector<std::vector<double>>> cosine, norm_ratio;

  Agreements(std::size_t groups, std::size_t sizes)
      : cosine(groups, std::vector<std::vector<double>>(sizes)), norm_ratio(cosine) {}
  void add(std::size_t size, const std::vector<Agreement>& by_group) {
    for (std::size_t g = 0; g < by_group.size(); ++g) {
      if (cosine[g][size].size() == kKeptBatches) continue;
      cosine[g][size].push_back(by_group[g].cosine);
      norm_ratio[g][size].push_back(by_group[g].norm_ratio);
    }
  }
  Json json() const { return {{"cosine", cosine}, {"norm_ratio", norm_ratio}}; }
};

/// One version of the samples.
struct Version {
  std::string name;
  Samples samples;
  std::unique_ptr<GradientMomentSums> moments;
  Agreements agreements;
  std::vector<Gradient> sums;  // by size: of the batch that is being gathered
};

/// The mean squared difference of two versions' bytes.
double pixel_energy(const Samples& a, const Samples& b) {
  double sum = 0, count = 0;
  for (std::int64_t s = 0; s < a.size(); ++s) {
    const SampleBatch x = a.batch({s}, 0), y = b.batch({s}, 0);
    for (std::size_t i = 0; i < x.pixels.size(); ++i) {
      const double d = static_cast<double>(x.pixels[i]) - static_cast<double>(y.pixels[i]);
      sum += d * d;
    }
    count += static_cast<double>(x.pixels.size());
  }
  return sum / count;
}

class GradientStudy {
 public:
  GradientStudy(const Study& study, const World& world, std::uint32_t run)
      : study_(study),
        world_(world),
        assignment_(study.users, study.seed, run),
        split_(
            sample_of(world.tune_split("general"), study.gradient_images, run_seed(study, run))) {}

  Json measure(LoadedModel& model, const std::string& at,
               const std::function<void(double)>& progress) const {
    const std::vector<nn::NamedParameter> parameters = nn::trainable_parameters(model.model);
    const GradientGroups groups(parameters);
    const Samples clean = samples_of(model, split_, nullptr);
    std::vector<std::int64_t> sizes;
    for (const std::int64_t size : study_.gradient_sizes)
      if (size <= clean.size()) sizes.push_back(size);
    std::vector<Version> versions = versions_of(model, parameters, groups, sizes.size());
    Agreements neighbours(groups.names.size(), sizes.size());
    std::vector<Gradient> sums(sizes.size()), before(sizes.size());
    Gradient first;
    for (std::int64_t s = 0; s < clean.size(); ++s) {
      const Gradient g = gradient_of(model, clean, s);
      if (s == 0) first = g;
      for (std::size_t z = 0; z < sizes.size(); ++z) add_to(sums[z], g);
      for (Version& version : versions) {
        const Gradient h = gradient_of(model, version.samples, s);
        version.moments->add(g, h);
        for (std::size_t z = 0; z < sizes.size(); ++z) {
          add_to(version.sums[z], h);
          if ((s + 1) % sizes[z] != 0) continue;
          version.agreements.add(z, compare_by_group(groups, sums[z], version.sums[z]));
          version.sums[z].clear();
        }
      }
      for (std::size_t z = 0; z < sizes.size(); ++z) {
        if ((s + 1) % sizes[z] != 0) continue;
        if (!before[z].empty()) neighbours.add(z, compare_by_group(groups, before[z], sums[z]));
        before[z] = std::move(sums[z]);
        sums[z].clear();
      }
      progress(static_cast<double>(s + 1) / static_cast<double>(clean.size()));
    }
    Json comparisons = {{"other batch", neighbours.json()}};
    Json moments = Json::object(), energy = Json::object();
    for (const Version& version : versions) {
      comparisons[version.name] = version.agreements.json();
      moments[version.name] = moments_json(version.moments->moments());
      energy[version.name] = pixel_energy(clean, version.samples);
    }
    Agreements rerun(groups.names.size(), sizes.size());
    rerun.add(0, compare_by_group(groups, first, gradient_of(model, clean, 0)));
    comparisons["rerun"] = rerun.json();
    return {{"at", at},
            {"groups", groups.names},
            {"sizes", sizes},
            {"samples", clean.size()},
            {"comparisons", comparisons},
            {"moments", moments},
            {"pixel_energy", energy}};
  }

 private:
  Samples samples_of(const LoadedModel& model, const Split& split,
                     const Watermarker* marker) const {
    return Samples(split, 0, static_cast<std::int64_t>(split.examples.size()), model.conversation,
                   static_cast<int>(study_.model.vision.image_size), marker);
  }

  /// Of the summed loss of a sample's answers: what it adds to a batch's gradient under per_token
  /// normalisation, but for the batch's one factor, which no cosine sees.
  static Gradient gradient_of(LoadedModel& model, const Samples& samples, std::int64_t sample) {
    SampleGradientOptions options;
    options.normalization = Normalization::sum;
    return std::move(SampleGradients(model.model, samples, {sample}, options).part(0).front());
  }

  std::vector<Version> versions_of(const LoadedModel& model,
                                   const std::vector<nn::NamedParameter>& parameters,
                                   const GradientGroups& groups, std::size_t sizes) const {
    std::vector<Version> versions;
    const auto add = [&](const std::string& name, Samples samples) {
      versions.push_back({name, std::move(samples),
                          std::make_unique<GradientMomentSums>(parameters),
                          Agreements(groups.names.size(), sizes), std::vector<Gradient>(sizes)});
    };
    for (const char* code : {"W50", "W100", "P-noise", "P-const", "IMG", "TXT"}) {
      const Treated treated = treat(split_, condition_of(code), world_.population(), assignment_,
                                    world_.card_of_run(assignment_.run), world_.font());
      add(code,
          samples_of(model, treated.split, treated.watermarker ? &*treated.watermarker : nullptr));
    }
    add("IMG-published",
        samples_of(model, with_transformed_images(split_, assignment_.seed, true), nullptr));
    return versions;
  }

  /// By group.
  static Json moments_json(const std::vector<GradientMoments>& moments) {
    Json groups = Json::object();
    for (const GradientMoments& m : moments)
      groups[m.group] = {{"G2", m.gradient},     {"S", m.trace},  {"D2", m.change},
                         {"Sd", m.change_trace}, {"GD", m.along}, {"X", m.cross_trace},
                         {"n", m.samples}};
    return groups;
  }

  const Study& study_;
  const World& world_;
  Assignment assignment_;
  Split split_;
};

}  // namespace

Json do_gradients(const Study& study, std::uint32_t run, const std::filesystem::path& folder,
                  const std::filesystem::path& base, const std::function<void(double)>& progress) {
  const World world(study);
  const GradientStudy gradients(study, world, run);
  LoadedModel model = load_base(study, base);
  Json studies = Json::array();
  studies.push_back(gradients.measure(model, "base", [&](double share) { progress(0.4 * share); }));
  {
    RunSpec spec;
    spec.run = run;
    spec.tuning = "full";
    spec.batch = study.full_tune.batch;
    const Split split = world.tune_split("general");
    const Samples samples(split, 0, static_cast<std::int64_t>(split.examples.size()),
                          model.conversation, static_cast<int>(study.model.vision.image_size),
                          nullptr);
    RunPlan plan;
    plan.folder = folder;
    plan.checkpoint_every = 1'000'000;
    plan.texts = model_texts(model);
    plan.title = "clean fine-tuning";
    plan.progress = [&](double share) { progress(0.4 + 0.2 * share); };
    train_run(model.model, samples, tuning_config(study, spec, samples.size()), plan);
    std::filesystem::remove_all(folder / "checkpoint");
  }
  studies.push_back(
      gradients.measure(model, "C0", [&](double share) { progress(0.6 + 0.4 * share); }));
  return {{"run", run}, {"studies", studies}};
}

}  // namespace chainline::experiments
