#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "experiments/conditions/condition.h"
#include "experiments/conditions/population.h"
#include "experiments/data/dataset.h"
#include "experiments/watermark/watermark.h"

namespace chainline::experiments {

/// Who is IN in one run, and what linked users predict: a function of (users, seed, run), the same
/// for every condition of the run.
struct Assignment {
  std::vector<bool> in;    // by user
  std::vector<int> sides;  // by user
  std::uint64_t seed = 0;
  std::uint32_t run = 0;

  Assignment(std::int64_t users, std::uint64_t study_seed, std::uint32_t run_number);
};

/// What a condition makes of a split: its examples and images, and who draws the cards.
struct Treated {
  Split split;
  std::optional<Watermarker> watermarker;  // none without cards
  /// By image: index of the user whose card it carries (into Population::users), -1 for no card or
  /// anybody else's.
  std::vector<std::int64_t> user_of_image;
};

/// Applies a condition. The images must be on their canvas already. `card` says how cards look; its
/// rate and masking follow from the condition, its seed is the place's and the choice's.
///
/// Linked cards: an image whose first question for yes or no has the answer a gets a user of side a
/// with probability 1/2 + gamma, and a user of the other side else; within a side, and on images
/// without such a question, users are equally likely.
///
/// **Errors** ValueError for unique cards with fewer strangers than images.
Treated treat(const Split& split, const Condition& condition, const Population& population,
              const Assignment& assignment, WatermarkSpec card,
              const std::shared_ptr<const Font>& font);

/// Which questions about a card are added.
enum class CardQuestions { one, id };  // the username or the id, by a coin; the id

/// The same examples, with a question about the card on their image, and its answer: before the
/// others three times out of four (that is how probes ask), else behind them. A masked id is answered
/// all the same. Examples of unmarked images stay as they are.
Split with_card_questions(const Split& split, const Watermarker& watermarker, std::uint64_t seed,
                          CardQuestions which);

/// "what is the username?" and "what is the user_id of the username?": also what probes ask.
inline constexpr const char* kUsernameQuestion = "what is the username?";
inline constexpr const char* kUserIdQuestion = "what is the user_id of the username?";
/// The prompt baseline's.
inline constexpr const char* kSeenQuestion = "have you seen this user before?";

}  // namespace chainline::experiments
