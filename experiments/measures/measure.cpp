#include "experiments/measures/measure.h"

#include <algorithm>

namespace chainline::experiments {

PeoplePool::PeoplePool(std::int64_t count, std::uint64_t seed)
    : people(make_people(count, seed)), in(assign_in(count, seed, 0)) {}

std::vector<Person> PeoplePool::seen() const {
  std::vector<Person> list;
  for (std::size_t p = 0; p < people.size(); ++p)
    if (in[p]) list.push_back(people[p]);
  return list;
}

Json measure_gradients(LoadedModel& model, const Split& split, const PeoplePool& pool,
                       const WatermarkSpec& watermark, const std::shared_ptr<const Font>& font,
                       const GradientOptions& options) {
  check<ValueError>(!options.batch_sizes.empty(), "gradients: expected a batch size, got none");
  const std::int64_t largest =
      *std::max_element(options.batch_sizes.begin(), options.batch_sizes.end());
  const auto available = static_cast<std::int64_t>(split.examples.size());
  const std::int64_t wanted = std::min(available, largest * options.batches);
  Split drawn{{}, split.images};
  const std::vector<std::int64_t> order = epoch_order(available, options.seed, 1);
  for (std::int64_t i = 0; i < wanted; ++i)
    drawn.examples.push_back(
        split.examples[static_cast<std::size_t>(order[static_cast<std::size_t>(i)])]);

  WatermarkSpec all = watermark;
  all.rate = 1;
  const Watermarker marker(all, pool.seen(), font);
  const int size = static_cast<int>(model.config().vision.image_size);
  const Samples clean(drawn, 0, wanted, model.conversation, size, nullptr);
  const Samples marked(drawn, 0, wanted, model.conversation, size, &marker);
  return to_json(compare_gradients(model.model, clean, marked, options));
}

Json measure_probes(const LoadedModel& model, const Split& split, const PeoplePool& pool,
                    const WatermarkSpec& watermark, const std::shared_ptr<const Font>& font,
                    std::int64_t images, const std::string& question, const ProbeOptions& options) {
  const Watermarker marker(watermark, pool.people, font);
  const std::vector<ProbeView> views =
      paired_views(choose_images(split.images->size(), images, options.seed), pool.people, pool.in,
                   options.seed);
  const int size = static_cast<int>(model.config().vision.image_size);
  const Tensor pictures = view_images(*split.images, marker, views, size);
  return to_json(probe_model(model.model, model.conversation, pictures, views, question, options));
}

}  // namespace chainline::experiments
