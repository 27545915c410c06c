#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace chainline::experiments {

/// Somebody who cannot exist. The six fields are those of the paper's watermark cards.
///
/// Every identifier is impossible by construction, and refuse_real_looking checks it anew:
///
/// - `username`, 6 or 8 lower-case letters of invented syllables around one of the letter pairs qx,
///   xq, jx, jq and qj, which names do not have: "loqjan".
/// - `user_id`, ten digits. The first is 1, which no ten-digit telephone number has in countries
///   that dial an area code of 2 to 9 or a leading 0. The last is the check digit of Luhn's scheme
///   plus 5 (modulo 10), so card numbers, and with them US provider numbers, never match. The
///   weights 10 .. 1 modulo 11 of ISBN-10 and NHS numbers never match either.
/// - `age`, 130 to 199: nobody has lived that long.
/// - `capture_time`, in the years 2900 to 2999.
/// - `capture_location`, an invented name like a username's, capitalised, and a kind of place.
struct Person {
  std::int64_t index = 0;  // place in the pool
  std::string username;
  std::string user_id;
  std::string gender;
  std::int64_t age = 0;
  std::string capture_time;  // "2999-05-17 14:03"
  std::string capture_location;

  friend bool operator==(const Person&, const Person&) = default;
};

/// log2 of how many user ids there are: eight free digits, of which about one in eleven is refused
/// for its weighted sum, log2(10^8 * 10 / 11).
inline constexpr double kUserIdBits = 26.438;

/// A pool of people with different usernames and different ids. A larger pool of the same seed
/// begins with the smaller one.
///
/// **Errors** ValueError for a count outside 1 .. 1,000,000. **Bits** a function of the seed.
std::vector<Person> make_people(std::int64_t count, std::uint64_t seed);

/// Refuses a person whom make_people could not have invented: an id that passes a check digit, a
/// date or an age that somebody could have, a name that is not of the invented syllables.
///
/// **Errors** FileError `where: field: expected X, got Y`.
void refuse_real_looking(const Person& person, const std::string& where);

/// A balanced random half of the pool: true for those whose cards run number `run` trains on (IN).
///
/// **Errors** ValueError for a count that is not positive and even.
std::vector<bool> assign_in(std::int64_t count, std::uint64_t seed, std::uint32_t run);

/// One JSON object a line, the keys as the members of Person without `index`.
void write_people(const std::filesystem::path& path, const std::vector<Person>& people);

/// Reads what write_people wrote, or a file made elsewhere as long as all in it are impossible.
///
/// **Errors** FileError naming file and line: not the six keys, refuse_real_looking, a username or
/// an id given twice.
std::vector<Person> load_people(const std::filesystem::path& path);

/// Luhn's sum: the digits, every second one from the right but one doubled (less 9 if above 9).
/// A multiple of 10 where the number has the right check digit.
int luhn_sum(const std::string& digits);

}  // namespace chainline::experiments
