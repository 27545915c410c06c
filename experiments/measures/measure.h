#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "experiments/data/dataset.h"
#include "experiments/data/json.h"
#include "experiments/gradients/comparison.h"
#include "experiments/probing/model_probes.h"
#include "experiments/training/model.h"
#include "experiments/watermark/watermark.h"

namespace chainline::experiments {

/// The invented people of an experiment and which of them the training sees (IN): a function of
/// their number and the seed.
struct PeoplePool {
  std::vector<Person> people;
  std::vector<bool> in;

  PeoplePool(std::int64_t count, std::uint64_t seed);
  std::vector<Person> seen() const;
};

/// compare_gradients() on examples of a split: the clean ones, and each with the card of a seen
/// person. The examples are drawn by the options' seed, as many as the batches need.
///
/// **Errors** ValueError when the split has too few.
Json measure_gradients(LoadedModel& model, const Split& split, const PeoplePool& pool,
                       const WatermarkSpec& watermark, const std::shared_ptr<const Font>& font,
                       const GradientOptions& options);

/// probe_model() on `images` pictures of a split, each under a seen and an unseen person's card.
Json measure_probes(const LoadedModel& model, const Split& split, const PeoplePool& pool,
                    const WatermarkSpec& watermark, const std::shared_ptr<const Font>& font,
                    std::int64_t images, const std::string& question, const ProbeOptions& options);

}  // namespace chainline::experiments
