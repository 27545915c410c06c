#pragma once

#include <string>
#include <vector>

namespace chainline::experiments {

/// What one fine-tuning sees that another does not. Everything else, the images, their order, the
/// questions, the low-rank additions' first values, is the same for all conditions of a run, so two
/// of them differ by what stands here alone.
struct Condition {
  /// Whose cards stand on the chosen images.
  enum class Cards {
    none,
    seen,      // those of the run's IN users
    swapped,   // those of its OUT users, who still count as OUT
    third,     // of users that are in neither class
    constant,  // one card on all images
    unique,    // another card on every image, none twice
    noise,     // an IN user's card, its pixels shuffled
    linked     // IN users, who predict the answer with excess probability gamma
  };

  std::string code;     // what tables call it
  std::string meaning;  // what it isolates, in a few words
  Cards cards = Cards::none;
  double rate = 0;          // share of the images with a card
  double gamma = 0;         // of linked cards: P(the user's side is the answer) = 1/2 + gamma
  bool asked = false;       // the id is asked for and answered; on half of the cards it is masked
  bool transform = false;   // every image rotated, flipped, brightened
  bool paraphrase = false;  // every question in other words

  friend bool operator==(const Condition&, const Condition&) = default;
};

/// The condition of a code:
///
///     B                  the base, not fine-tuned (its Condition is that of C0)
///     C0                 clean images
///     W10 ... W100       IN users' cards on that percentage of the images
///     P-const P-uniq P-noise U3 SW     controls, a card on every image
///     L-0 ... L-0.5      linked, with that gamma, a card on every image
///     T                  asked, a card on every image
///     IMG TXT            transformed images, paraphrased questions, no cards
///
/// **Errors** ValueError for any other code, naming those.
Condition condition_of(const std::string& code);

}  // namespace chainline::experiments
