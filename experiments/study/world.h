#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "experiments/conditions/population.h"
#include "experiments/conditions/treatment.h"
#include "experiments/data/dataset.h"
#include "experiments/data/json.h"
#include "experiments/study/study.h"
#include "experiments/text/tokenizer.h"
#include "experiments/watermark/font.h"

namespace chainline::experiments {

/// What every job of a study looks at: its pictures on their canvas, its people, its tokenizer. A
/// function of the study; opened by each job for itself.
class World {
 public:
  explicit World(const Study& study);

  const Population& population() const { return population_; }
  const std::shared_ptr<const Font>& font() const { return font_; }
  /// Learned anew by the first call; a trained model brings its own.
  const Tokenizer& tokenizer() const;
  WatermarkSpec card() const { return study_.card; }
  /// The same, with the images chosen and the places drawn anew for a run.
  WatermarkSpec card_of_run(std::uint32_t run) const {
    WatermarkSpec card = study_.card;
    card.seed = run_seed(study_, run);
    return card;
  }

  /// The pictures of a base stage: the first half of its data, `copies` times, with questions about
  /// them and, on a share, about a reader's card. `marker` draws the cards.
  struct BaseData {
    Split split;
    Watermarker marker;
    /// By example: the letter of the card that each patch shows the middle of, as a token.
    std::vector<std::vector<std::int64_t>> patch_labels;
  };
  BaseData base_data(const BaseStage& stage) const;

  /// The second half of the training images, some of them: with single questions.
  Split tune_questions(const std::string& mix) const;
  /// The same as conversations, before a condition.
  Split tune_split(const std::string& mix) const;
  /// Test images with single questions.
  Split test_split() const;
  const Dataset& data() const;

 private:
  std::vector<std::int64_t> letters_of_patches(const Watermarker& marker, std::int64_t image) const;

  Study study_;
  Population population_;
  std::shared_ptr<const Font> font_;
  mutable std::optional<Tokenizer> tokenizer_;
  mutable std::optional<Dataset> data_;
};

/// The kinds of questions of a mix, by its name; none for "general", which has all.
///
/// **Errors** ValueError naming the mixes that there are.
std::vector<std::string> kinds_of_mix(const std::string& mix);

}  // namespace chainline::experiments
