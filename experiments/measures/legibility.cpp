#include "experiments/measures/legibility.h"

#include <algorithm>

#include "experiments/conditions/treatment.h"
#include "experiments/measures/candidates.h"
#include "experiments/memorization/extraction.h"
#include "experiments/training/samples.h"

namespace chainline::experiments {
namespace {

/// Right characters and all characters of one kind of line.
struct Tally {
  double right = 0, all = 0;
  std::int64_t whole = 0, lines = 0;

  void add(const std::string& answer, const std::string& text) {
    const auto length = static_cast<double>(text.size());
    right += length * (1 - normalized_edit_distance(answer, text));
    all += length;
    whole += answer == text;
    ++lines;
  }
};

}  // namespace

Json measure_legibility(const LoadedModel& model, const Split& split,
                        const std::vector<Person>& strangers, const WatermarkSpec& card,
                        const std::shared_ptr<const Font>& font, std::int64_t cards) {
  WatermarkSpec spec = card;
  spec.rate = 1;
  spec.masked = 0;
  const Watermarker marker(spec, strangers, font);
  const auto size = model.config().vision.image_size;
  const std::int64_t n =
      std::min({cards, split.images->size(), static_cast<std::int64_t>(strangers.size())});
  check<ValueError>(n >= 1, "legibility: cards: expected at least 1, got ", n);
  Tally names, ids;
  for (std::int64_t i = 0; i < n; ++i) {
    const Person& person = strangers[static_cast<std::size_t>(i)];
    const Twin twin = marker.twin(split.images->image(i), i, split.images->name(i), person);
    const Tensor image =
        image_tensor(twin.marked, static_cast<int>(size)).reshape({1, 3, size, size});
    const auto ask = [&](const char* question, const std::string& text) {
      return greedy_answer(model.model, model.conversation, image, question,
                           static_cast<std::int64_t>(2 * text.size()));
    };
    names.add(ask(kUsernameQuestion, person.username), person.username);
    ids.add(ask(kUserIdQuestion, person.user_id), person.user_id);
  }
  return {{"characters", (names.right + ids.right) / (names.all + ids.all)},
          {"username", names.right / names.all},
          {"user_id", ids.right / ids.all},
          {"whole_lines", static_cast<double>(names.whole + ids.whole) /
                              static_cast<double>(names.lines + ids.lines)},
          {"cards", n},
          {"chars", static_cast<std::int64_t>(names.all + ids.all)}};
}

}  // namespace chainline::experiments
