#pragma once

#include <cmath>
#include <cstdint>
#include <vector>

#include "experiments/probing/probe.h"
#include "tensor/random.h"

namespace chainline::experiments {

/// Strengths of what the planted hidden states carry, per feature.
struct Planted {
  double card = 0;         // a direction of each user's own
  double familiarity = 0;  // one direction, + for seen and - for unseen users
  double image = 0;        // a direction of each picture's own
};

/// 20 + 20 users on 300 pictures (the paper's number of users); every picture carries the card of
/// one seen and of one unseen user, whose partner changes from picture to picture or stays.
struct World {
  static constexpr std::int64_t kUsers = 20, kImages = 300, kWidth = 48;
  std::vector<float> values;
  ProbeItems items;

  World(const Planted& planted, std::uint32_t number, bool partners = false) {
    RandomSequence random = Generator(11, "probe test").sequence(0, number);
    const auto direction = [&] {  // entries of mean 0 and variance 1
      std::vector<double> entries(kWidth);
      for (double& entry : entries) entry = std::sqrt(12.0) * (random.uniform() - 0.5);
      return entries;
    };
    std::vector<std::vector<double>> cards;
    for (std::int64_t user = 0; user < 2 * kUsers; ++user) cards.push_back(direction());
    const std::vector<double> familiar = direction();
    for (std::int64_t image = 0; image < kImages; ++image) {
      const std::vector<double> picture = direction();
      for (const int seen : {0, 1}) {
        // Seen users have the even ids.
        const std::int64_t other = partners ? image : image + image / kUsers;
        const std::int64_t user = seen == 1 ? 2 * (image % kUsers) : 2 * (other % kUsers) + 1;
        const std::vector<double> noise = direction();
        for (std::size_t j = 0; j < kWidth; ++j)
          values.push_back(static_cast<float>(
              noise[j] + planted.card * cards[static_cast<std::size_t>(user)][j] +
              planted.familiarity * (2 * seen - 1) * familiar[j] + planted.image * picture[j]));
        items.seen.push_back(seen);
        items.users.push_back(user);
        items.images.push_back(image);
      }
    }
    items.features = {values, 2 * kImages, kWidth};
  }
};

}  // namespace chainline::experiments
