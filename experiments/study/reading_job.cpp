#include "experiments/study/reading_job.h"

#include <utility>

#include "experiments/measures/legibility.h"
#include "experiments/measures/utility.h"
#include "experiments/study/base_job.h"
#include "experiments/study/world.h"

namespace chainline::experiments {

Json do_reading(const Study& study, const std::filesystem::path& base) {
  const World world(study);
  const LoadedModel model = load_base(study, base);
  const Split test = world.test_split();
  Json result;
  for (const auto& [name, scale] :
       {std::pair{"legibility", 1.0}, {"legibility_small", 0.5}, {"legibility_large", 1.5}}) {
    WatermarkSpec card = world.card();
    card.scale *= scale;
    result[name] = measure_legibility(model, test, world.population().strangers, card, world.font(),
                                      study.legibility_cards);
  }
  UtilityOptions utility;
  utility.choice_questions = study.choice_questions;
  utility.seed = study.seed;
  result["utility"] = measure_utility(model, world.data().train, test, utility);
  return result;
}

}  // namespace chainline::experiments
