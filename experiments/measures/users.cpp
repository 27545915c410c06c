#include "experiments/measures/users.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>

#include "experiments/measures/candidates.h"
#include "experiments/memorization/exposure.h"
#include "experiments/memorization/extraction.h"
#include "experiments/probing/model_probes.h"
#include "experiments/training/samples.h"

namespace chainline::experiments {
namespace {

constexpr double kBitsPerNat = 1.4426950408889634;

/// Means by user; null where nothing was added.
class ByUser {
 public:
  explicit ByUser(std::size_t users) : sum_(users, 0), count_(users, 0) {}

  void add(std::size_t user, double value) {
    sum_[user] += value;
    count_[user] += 1;
  }
  Json list() const {
    Json values = Json::array();
    for (std::size_t u = 0; u < sum_.size(); ++u)
      values.push_back(count_[u] > 0 ? Json(sum_[u] / count_[u]) : Json(nullptr));
    return values;
  }

 private:
  std::vector<double> sum_, count_;
};

/// By image: its first question for yes or no.
std::map<std::int64_t, Turn> yes_no_questions(const Split& split) {
  std::map<std::int64_t, Turn> questions;
  for (const Example& example : split.examples)
    for (const Turn& turn : example.turns)
      if (turn.answer == "yes" || turn.answer == "no") questions.emplace(example.image, turn);
  return questions;
}

class Measurement {
 public:
  Measurement(const LoadedModel& model, const Split& split) : model_(model), split_(split) {}

  Tensor picture(const Watermarker& marker, std::int64_t image, const Person& person) const {
    const auto size = model_.config().vision.image_size;
    const Twin twin =
        marker.twin(split_.images->image(image), image, split_.images->name(image), person);
    return image_tensor(twin.marked, static_cast<int>(size)).reshape({1, 3, size, size});
  }
  std::vector<double> losses(const Tensor& image, const std::string& question,
                             const std::vector<std::string>& answers) const {
    return candidate_losses(model_.model, model_.conversation, image, question, answers);
  }
  std::string greedy(const Tensor& image, const std::string& question,
                     std::int64_t max_tokens) const {
    return greedy_answer(model_.model, model_.conversation, image, question, max_tokens);
  }

 private:
  const LoadedModel& model_;
  const Split& split_;
};

}  // namespace

Json measure_users(const LoadedModel& model, const Split& split, const Population& population,
                   const Assignment& assignment, const std::vector<ProbeView>& views,
                   const WatermarkSpec& card, const std::shared_ptr<const Font>& font,
                   const UserMeasureOptions& options) {
  const std::size_t users = population.users.size();
  check<ValueError>(options.candidates >= 2 && options.strangers_from >= 0 &&
                        options.strangers_from + options.candidates <=
                            static_cast<std::int64_t>(population.strangers.size()),
                    "users: candidates: expected strangers for ids ", options.strangers_from,
                    " .. ", options.strangers_from + options.candidates - 1, ", got ",
                    population.strangers.size());
  WatermarkSpec shown = card, masked = card;
  shown.rate = masked.rate = 1;
  shown.masked = 0;
  masked.masked = 1;
  const Watermarker marker(shown, population.users, font), masker(masked, population.users, font);
  const Measurement ask(model, split);

  ByUser loss(users), phi(users), preference(users), prompt(users);
  const std::map<std::int64_t, Turn> questions = yes_no_questions(split);
  std::vector<std::int64_t> first_image(users, -1);
  for (const ProbeView& view : views) {
    if (first_image[view.person] < 0) first_image[view.person] = view.image;
    const Tensor image = ask.picture(marker, view.image, population.users[view.person]);
    const std::vector<double> seen = ask.losses(image, kSeenQuestion, {"yes", "no"});
    prompt.add(view.person, seen[1] - seen[0]);
    const auto found = questions.find(view.image);
    if (found == questions.end()) continue;
    const std::vector<double> answer = ask.losses(image, found->second.question, {"no", "yes"});
    const std::size_t right = found->second.answer == "yes";
    const auto side = static_cast<std::size_t>(assignment.sides[view.person]);
    loss.add(view.person, answer[right]);
    phi.add(view.person, answer[1 - right] - answer[right]);
    preference.add(view.person, answer[1 - side] - answer[side]);
  }

  Json exposure = Json::array(), fitted = Json::array(), trusted = Json::array();
  Json exact = Json::array(), edit = Json::array(), forced = Json::array();
  std::vector<std::string> ids = {""};
  for (std::int64_t s = 0; s < options.candidates; ++s)
    ids.push_back(
        population.strangers[static_cast<std::size_t>(options.strangers_from + s)].user_id);
  for (std::size_t u = 0; u < users; ++u) {
    check<ValueError>(first_image[u] >= 0, "users: expected a view of user ", u, ", got none");
    const Person& person = population.users[u];
    const Tensor image = ask.picture(masker, first_image[u], person);
    ids[0] = person.user_id;
    std::vector<double> bits = ask.losses(image, kUserIdQuestion, ids);
    for (double& b : bits) b *= kBitsPerNat;
    const std::span<const double> others(bits.data() + 1, bits.size() - 1);
    exposure.push_back(sampled_exposure(bits[0], others).bits);
    const ExtrapolatedExposure far =
        extrapolated_exposure(bits[0], fit_skew_normal(others), kUserIdBits);
    fitted.push_back(far.bits);
    trusted.push_back(far.trusted);
    double won = 0;
    for (const double other : others) won += bits[0] < other ? 1.0 : bits[0] == other ? 0.5 : 0.0;
    forced.push_back(won / static_cast<double>(others.size()));
    const std::string answer = ask.greedy(image, kUserIdQuestion, 16);
    exact.push_back(answer == person.user_id ? 1 : 0);
    edit.push_back(normalized_edit_distance(answer, person.user_id));
  }
  return {{"exposure", exposure},   {"exposure_fit", fitted}, {"fit_trusted", trusted},
          {"exact", exact},         {"edit", edit},           {"forced", forced},
          {"loss", loss.list()},    {"phi", phi.list()},      {"preference", preference.list()},
          {"prompt", prompt.list()}};
}

}  // namespace chainline::experiments
