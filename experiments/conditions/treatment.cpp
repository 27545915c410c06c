#include "experiments/conditions/treatment.h"

#include <set>
#include <utility>

#include "experiments/data/paraphrase.h"
#include "experiments/data/transform.h"
#include "tensor/error.h"
#include "tensor/random.h"

namespace chainline::experiments {
namespace {

using Cards = Condition::Cards;

/// The people that a condition draws, and for each their index among the users, or -1.
struct Cast {
  std::vector<Person> people;
  std::vector<std::int64_t> user;

  void add(const Person& person, std::int64_t index) {
    people.push_back(person);
    user.push_back(index);
  }
};

Cast cast_of(const Condition& condition, const Population& population, const Assignment& assignment,
             std::int64_t images) {
  Cast cast;
  switch (condition.cards) {
    case Cards::none:
      break;
    case Cards::seen:
    case Cards::swapped:
    case Cards::noise:
    case Cards::linked:
      for (std::size_t u = 0; u < population.users.size(); ++u)
        if (assignment.in[u] == (condition.cards != Cards::swapped))
          cast.add(population.users[u], static_cast<std::int64_t>(u));
      break;
    case Cards::third:
      for (const Person& person : population.third) cast.add(person, -1);
      break;
    case Cards::constant:
      cast.add(population.strangers.front(), -1);
      break;
    case Cards::unique:
      check<ValueError>(static_cast<std::int64_t>(population.strangers.size()) >= images,
                        "condition: ", condition.code, ": expected a stranger for each of ", images,
                        " images, got ", population.strangers.size());
      for (std::int64_t i = 0; i < images; ++i)
        cast.add(population.strangers[static_cast<std::size_t>(i)], -1);
      break;
  }
  return cast;
}

/// By image: the answer of its first question for yes or no, 1 or 0, or -1 without one.
std::vector<int> first_answers(const Split& split) {
  std::vector<int> answers(static_cast<std::size_t>(split.images->size()), -1);
  for (const Example& example : split.examples) {
    int& answer = answers[static_cast<std::size_t>(example.image)];
    for (const Turn& turn : example.turns)
      if (answer < 0 && (turn.answer == "yes" || turn.answer == "no"))
        answer = turn.answer == "yes";
  }
  return answers;
}

/// By image: the number of its person in the cast. Every image draws as much, whatever the condition.
std::vector<std::uint32_t> dealt(const Split& split, const Condition& condition, const Cast& cast,
                                 const Assignment& assignment) {
  std::vector<std::uint32_t> by_side[2];
  for (std::uint32_t p = 0; p < cast.user.size(); ++p)
    if (cast.user[p] >= 0)
      by_side[assignment.sides[static_cast<std::size_t>(cast.user[p])]].push_back(p);
  const std::vector<int> answers = first_answers(split);
  const Generator generator(assignment.seed, "cards of images");
  std::vector<std::uint32_t> of_image;
  for (std::int64_t i = 0; i < split.images->size(); ++i) {
    RandomSequence random = generator.sequence(assignment.run, static_cast<std::uint32_t>(i));
    const double who = random.uniform(), agrees = random.uniform();
    const auto pick = [&](std::size_t count) {
      return static_cast<std::uint32_t>(who * static_cast<double>(count));
    };
    const int answer = answers[static_cast<std::size_t>(i)];
    if (condition.cards == Cards::unique) {
      of_image.push_back(static_cast<std::uint32_t>(i));
    } else if (condition.cards == Cards::linked && answer >= 0) {
      const bool agreeing = agrees < 0.5 + condition.gamma;
      const std::vector<std::uint32_t>& side = by_side[agreeing ? answer : 1 - answer];
      of_image.push_back(side[pick(side.size())]);
    } else {
      of_image.push_back(pick(cast.people.size()));
    }
  }
  return of_image;
}

}  // namespace

Assignment::Assignment(std::int64_t users, std::uint64_t study_seed, std::uint32_t run_number)
    : in(assign_in(users, study_seed, run_number)),
      sides(sides_of(in, study_seed, run_number)),
      seed(study_seed),
      run(run_number) {}

Treated treat(const Split& split, const Condition& condition, const Population& population,
              const Assignment& assignment, WatermarkSpec card,
              const std::shared_ptr<const Font>& font) {
  const auto images = static_cast<std::size_t>(split.images->size());
  Treated treated{split, std::nullopt, std::vector<std::int64_t>(images, -1)};
  if (condition.transform)
    treated.split = with_transformed_images(treated.split, assignment.seed, false);
  if (condition.paraphrase)
    treated.split = with_paraphrased_questions(treated.split, assignment.seed);
  const Cast cast = cast_of(condition, population, assignment, split.images->size());
  if (cast.people.empty()) return treated;
  card.rate = condition.rate;
  card.noise = condition.cards == Cards::noise;
  card.masked = condition.asked ? 0.5 : 0;
  const std::vector<std::uint32_t> of_image = dealt(split, condition, cast, assignment);
  treated.watermarker.emplace(card, cast.people, font, of_image);
  for (std::size_t i = 0; i < images; ++i)
    if (treated.watermarker->selects(static_cast<std::int64_t>(i)))
      treated.user_of_image[i] = cast.user[of_image[i]];
  if (condition.asked)
    treated.split = with_card_questions(treated.split, *treated.watermarker, assignment.seed,
                                        CardQuestions::id);
  return treated;
}

Split with_card_questions(const Split& split, const Watermarker& watermarker, std::uint64_t seed,
                          CardQuestions which) {
  Split result = split;
  const Generator generator(seed, "card questions");
  std::uint32_t number = 0;
  for (Example& example : result.examples) {
    RandomSequence random = generator.sequence(0, number++);
    const bool name = random.below(2) == 0 && which == CardQuestions::one;
    const bool first = random.below(4) < 3;
    if (!watermarker.selects(example.image)) continue;
    const Person& person = watermarker.person_of(example.image);
    const Turn turn =
        name ? Turn{kUsernameQuestion, person.username} : Turn{kUserIdQuestion, person.user_id};
    example.turns.insert(first ? example.turns.begin() : example.turns.end(), turn);
  }
  return result;
}

}  // namespace chainline::experiments
