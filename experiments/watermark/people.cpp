#include "experiments/watermark/people.h"

#include <array>
#include <set>
#include <string_view>

#include "experiments/data/json.h"
#include "experiments/data/paths.h"
#include "tensor/error.h"
#include "tensor/random.h"

namespace chainline::experiments {
namespace {

constexpr std::int64_t kMaxPeople = 1'000'000;  // of 1.7 million possible usernames
constexpr std::string_view kConsonants = "bdfgklmnprstvz";
constexpr std::string_view kVowels = "aeiou";
constexpr std::array<std::string_view, 5> kImpossiblePairs = {"qx", "xq", "jx", "jq", "qj"};
constexpr std::array<std::string_view, 3> kGenders = {"female", "male", "other"};
constexpr std::array<std::string_view, 12> kPlaces = {"Bay",  "Bluff",   "Dale",  "Fjord",
                                                      "Gate", "Harbour", "Isle",  "Moor",
                                                      "Quay", "Ridge",   "Spire", "Vale"};
constexpr int kFirstYear = 2900, kYears = 100;
constexpr int kFirstAge = 130, kAges = 70;
constexpr int kLuhnOffset = 5;  // how far the check digit is from the right one

char pick(std::string_view letters, RandomSequence& random) {
  return letters[static_cast<std::size_t>(random.below(letters.size()))];
}

template <std::size_t N>
std::string pick(const std::array<std::string_view, N>& words, RandomSequence& random) {
  return std::string(words[static_cast<std::size_t>(random.below(N))]);
}

/// Consonant and vowel (`syllables` times), impossible pair, vowel, consonant.
std::string invent_name(std::uint64_t syllables, RandomSequence& random) {
  std::string name;
  for (std::uint64_t s = 0; s < syllables; ++s) {
    name += pick(kConsonants, random);
    name += pick(kVowels, random);
  }
  name += pick(kImpossiblePairs, random);
  name += pick(kVowels, random);
  name += pick(kConsonants, random);
  return name;
}

bool is_invented_name(std::string_view name) {
  if (name.size() != 6 && name.size() != 8) return false;
  const auto has = [](std::string_view letters, char c) {
    return letters.find(c) != std::string_view::npos;
  };
  for (; name.size() > 4; name.remove_prefix(2))
    if (!has(kConsonants, name[0]) || !has(kVowels, name[1])) return false;
  bool pair = false;
  for (const std::string_view p : kImpossiblePairs) pair |= name.substr(0, 2) == p;
  return pair && has(kVowels, name[2]) && has(kConsonants, name[3]);
}

template <std::size_t N>
bool is_one_of(const std::array<std::string_view, N>& words, std::string_view word) {
  for (const std::string_view w : words)
    if (w == word) return true;
  return false;
}

/// The sum whose remainder modulo 11 is 0 for an ISBN-10 or an NHS number.
int weighted_sum(const std::string& id) {
  int sum = 0;
  for (int i = 0; i < 10; ++i) sum += (10 - i) * (id[static_cast<std::size_t>(i)] - '0');
  return sum;
}

std::string invent_id(RandomSequence& random) {
  while (true) {
    std::string id = "1";
    for (int i = 0; i < 8; ++i) id += pick("0123456789", random);
    id += '0';
    id.back() = static_cast<char>('0' + (10 - luhn_sum(id) % 10 + kLuhnOffset) % 10);
    if (weighted_sum(id) % 11 != 0) return id;
  }
}

std::string two_digits(std::uint64_t number) {
  return {static_cast<char>('0' + number / 10), static_cast<char>('0' + number % 10)};
}

std::string invent_time(RandomSequence& random) {
  const std::string year = std::to_string(kFirstYear + random.below(kYears));
  const std::string month = two_digits(1 + random.below(12));
  const std::string day = two_digits(1 + random.below(28));  // days that every month has
  const std::string hour = two_digits(random.below(24));
  return year + '-' + month + '-' + day + ' ' + hour + ':' + two_digits(random.below(60));
}

bool is_invented_time(const std::string& time) {
  constexpr std::string_view kForm = "0000-00-00 00:00";
  if (time.size() != kForm.size()) return false;
  for (std::size_t i = 0; i < kForm.size(); ++i)
    if (kForm[i] == '0' ? time[i] < '0' || time[i] > '9' : time[i] != kForm[i]) return false;
  const auto number = [&](std::size_t at, std::size_t digits) {
    return std::stoi(time.substr(at, digits));
  };
  const auto within = [](int value, int low, int high) { return value >= low && value <= high; };
  return within(number(0, 4), kFirstYear, kFirstYear + kYears - 1) && within(number(5, 2), 1, 12) &&
         within(number(8, 2), 1, 31) && within(number(11, 2), 0, 23) &&
         within(number(14, 2), 0, 59);
}

std::string invent_place(RandomSequence& random) {
  std::string name = invent_name(1, random);
  name[0] = static_cast<char>(name[0] - 'a' + 'A');
  return name + ' ' + pick(kPlaces, random);
}

bool is_invented_place(std::string place) {
  const std::size_t space = place.find(' ');
  if (space == std::string::npos || place[0] < 'A' || place[0] > 'Z') return false;
  place[0] = static_cast<char>(place[0] - 'A' + 'a');
  return is_invented_name(std::string_view(place).substr(0, space)) &&
         is_one_of(kPlaces, std::string_view(place).substr(space + 1));
}

}  // namespace

int luhn_sum(const std::string& digits) {
  int sum = 0;
  bool doubled = false;
  for (std::size_t i = digits.size(); i-- > 0; doubled = !doubled) {
    const int digit = digits[i] - '0';
    sum += !doubled ? digit : digit > 4 ? 2 * digit - 9 : 2 * digit;
  }
  return sum;
}

std::vector<Person> make_people(std::int64_t count, std::uint64_t seed) {
  check<ValueError>(count >= 1 && count <= kMaxPeople, "make_people: count: expected 1 .. ",
                    kMaxPeople, ", got ", count);
  const Generator generator(seed, "people");
  std::set<std::string> names, ids;
  std::vector<Person> people;
  people.reserve(static_cast<std::size_t>(count));
  for (std::int64_t i = 0; i < count; ++i) {
    RandomSequence random = generator.sequence(0, static_cast<std::uint32_t>(i));
    Person person;
    person.index = i;
    do person.username = invent_name(1 + random.below(2), random);
    while (!names.insert(person.username).second);
    do person.user_id = invent_id(random);
    while (!ids.insert(person.user_id).second);
    person.gender = pick(kGenders, random);
    person.age = kFirstAge + static_cast<std::int64_t>(random.below(kAges));
    person.capture_time = invent_time(random);
    person.capture_location = invent_place(random);
    people.push_back(std::move(person));
  }
  return people;
}

void refuse_real_looking(const Person& person, const std::string& where) {
  const auto expect = [&](bool holds, const char* field, const char* expected, const auto& got) {
    check<FileError>(holds, where, ": ", field, ": expected ", expected, ", got ", got,
                     "; only people who cannot exist are accepted");
  };
  expect(is_invented_name(person.username), "username", "a name of invented syllables",
         person.username);
  const std::string& id = person.user_id;
  expect(id.size() == 10 && id.find_first_not_of("0123456789") == std::string::npos, "user_id",
         "10 digits", id);
  expect(id[0] == '1', "user_id", "a first digit of 1", id);
  expect(luhn_sum(id) % 10 == kLuhnOffset, "user_id", "Luhn's check digit plus 5", id);
  expect(weighted_sum(id) % 11 != 0, "user_id", "a wrong check digit modulo 11", id);
  expect(is_one_of(kGenders, person.gender), "gender", "female, male or other", person.gender);
  expect(person.age >= kFirstAge && person.age < kFirstAge + kAges, "age", "130 .. 199",
         person.age);
  expect(is_invented_time(person.capture_time), "capture_time",
         "a time in the years 2900 .. 2999 like 2999-05-17 14:03", person.capture_time);
  expect(is_invented_place(person.capture_location), "capture_location", "an invented place",
         person.capture_location);
}

std::vector<bool> assign_in(std::int64_t count, std::uint64_t seed, std::uint32_t run) {
  check<ValueError>(count > 0 && count % 2 == 0,
                    "assign_in: count: expected a positive even number, got ", count);
  std::vector<bool> in(static_cast<std::size_t>(count));
  std::vector<std::size_t> order(in.size());
  for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
  RandomSequence random = Generator(seed, "people: IN or OUT").sequence(run, 0);
  random.shuffle(order);
  for (std::size_t i = 0; i < order.size() / 2; ++i) in[order[i]] = true;
  return in;
}

void write_people(const std::filesystem::path& path, const std::vector<Person>& people) {
  std::string text;
  for (const Person& person : people) {
    nlohmann::ordered_json line;
    line["username"] = person.username;
    line["user_id"] = person.user_id;
    line["gender"] = person.gender;
    line["age"] = person.age;
    line["capture_time"] = person.capture_time;
    line["capture_location"] = person.capture_location;
    text += line.dump() + '\n';
  }
  write_atomically(path, std::as_bytes(std::span(text)));
}

std::vector<Person> load_people(const std::filesystem::path& path) {
  const std::vector<std::byte> bytes = read_file(path, kMaxJsonBytes);
  std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  std::set<std::string> names, ids;
  std::vector<Person> people;
  while (!text.empty()) {
    const std::size_t end = text.find('\n');
    const std::string where = path.string() + ": line " + std::to_string(people.size() + 1);
    const Json line = parse_json(text.substr(0, end), where);
    check_keys(line, {"username", "user_id", "gender", "age", "capture_time", "capture_location"},
               where);
    Person person;
    person.index = static_cast<std::int64_t>(people.size());
    person.username = string_member(line, "username", where);
    person.user_id = string_member(line, "user_id", where);
    person.gender = string_member(line, "gender", where);
    person.age = integer_member(line, "age", where);
    person.capture_time = string_member(line, "capture_time", where);
    person.capture_location = string_member(line, "capture_location", where);
    refuse_real_looking(person, where);
    check<FileError>(names.insert(person.username).second, where,
                     ": username: expected a new one, ", "got ", person.username, " again");
    check<FileError>(ids.insert(person.user_id).second, where,
                     ": user_id: expected a new one, got ", person.user_id, " again");
    people.push_back(std::move(person));
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  }
  check<FileError>(!people.empty(), path.string(), ": expected at least one person, got none");
  return people;
}

}  // namespace chainline::experiments
