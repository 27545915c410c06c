#include "experiments/conditions/population.h"

#include "tensor/error.h"
#include "tensor/random.h"

namespace chainline::experiments {

Population::Population(std::int64_t user_count, std::int64_t stranger_count,
                       std::int64_t reader_count, std::uint64_t seed) {
  check<ValueError>(user_count >= 2 && user_count % 2 == 0,
                    "population: users: expected an even number from 2, got ", user_count);
  check<ValueError>(stranger_count >= 1 && reader_count >= 1,
                    "population: expected strangers and readers, got ", stranger_count, " and ",
                    reader_count);
  const std::int64_t third_count = user_count / 2;
  const std::vector<Person> all =
      make_people(user_count + third_count + stranger_count + reader_count, seed);
  auto from = all.begin();
  const auto take = [&](std::int64_t count) {
    const auto to = from + static_cast<std::ptrdiff_t>(count);
    std::vector<Person> group(from, to);
    from = to;
    return group;
  };
  readers = take(reader_count);  // first, so that a base serves studies of any number of users
  strangers = take(stranger_count);
  users = take(user_count);
  third = take(third_count);
}

std::vector<int> sides_of(const std::vector<bool>& in, std::uint64_t seed, std::uint32_t run) {
  std::vector<int> sides(in.size(), 0);
  const Generator generator(seed, "sides");
  for (const bool group : {false, true}) {
    std::vector<std::size_t> members;
    for (std::size_t u = 0; u < in.size(); ++u)
      if (in[u] == group) members.push_back(u);
    RandomSequence random = generator.sequence(run, group ? 1 : 0);
    random.shuffle(members);
    for (std::size_t i = 0; i < members.size(); ++i) sides[members[i]] = static_cast<int>(i % 2);
  }
  return sides;
}

}  // namespace chainline::experiments
