#include "experiments/watermark/people.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <set>

#include "tensor/error.h"
#include "tests/support.h"

namespace chainline::experiments {
namespace {

using test::message_of;

std::filesystem::path scratch(const std::string& name) {
  return std::filesystem::path(testing::TempDir()) / ("people_test_" + name);
}

Person some_person() {
  Person person;
  person.username = "loqjan";
  person.user_id = "1234567892";  // the Luhn sum of 123456789x is 43 + x
  person.gender = "other";
  person.age = 150;
  person.capture_time = "2999-05-17 14:03";
  person.capture_location = "Moxqil Bay";
  return person;
}

// 79927398713 is the example of Luhn's patent's descriptions: 67 and the check digit 3 make 70.
TEST(People, LuhnSumAddsDigitsAndDoubles) {
  EXPECT_EQ(luhn_sum("79927398713"), 70);
  EXPECT_EQ(luhn_sum("1234567890"), 43);
  EXPECT_EQ(luhn_sum("0"), 0);
}

// The guarantee, stated a second time in other words and held against many people.
TEST(People, AHundredThousandOfThemAreAllImpossible) {
  const std::vector<Person> people = make_people(100'000, 20250301);
  ASSERT_EQ(people.size(), 100'000u);
  std::set<std::string> names, ids;
  for (const Person& person : people) {
    ASSERT_NO_THROW(refuse_real_looking(person, "pool"));
    ASSERT_LE(person.username.size(), 10u);
    bool impossible_pair = false;
    for (const char* pair : {"qx", "xq", "jx", "jq", "qj"})
      impossible_pair |= person.username.find(pair) != std::string::npos;
    ASSERT_TRUE(impossible_pair) << person.username;
    ASSERT_EQ(person.user_id.size(), 10u);
    ASSERT_EQ(person.user_id[0], '1');
    ASSERT_NE(luhn_sum(person.user_id) % 10, 0) << person.user_id;
    ASSERT_NE(luhn_sum("80840" + person.user_id) % 10, 0) << person.user_id;  // US provider number
    int isbn = 0;
    for (int i = 0; i < 10; ++i) isbn += (10 - i) * (person.user_id[i] - '0');
    ASSERT_NE(isbn % 11, 0) << person.user_id;
    ASSERT_GT(person.age, 122);  // the oldest age on record
    ASSERT_EQ(person.capture_time.substr(0, 2), "29") << person.capture_time;
    names.insert(person.username);
    ids.insert(person.user_id);
  }
  EXPECT_EQ(names.size(), people.size());
  EXPECT_EQ(ids.size(), people.size());
}

TEST(People, ALargerPoolBeginsWithTheSmaller) {
  const std::vector<Person> small = make_people(50, 7), large = make_people(2000, 7);
  EXPECT_TRUE(std::equal(small.begin(), small.end(), large.begin()));
  EXPECT_NE(make_people(50, 8), small);
}

// Recorded experiments name people by seed and index, so the pool of a seed must never change.
TEST(People, KeepTheirIdentityForEver) {
  const Person first = make_people(1, 1)[0];
  EXPECT_EQ(first.username, "nexquv");
  EXPECT_EQ(first.user_id, "1218463084");
}

TEST(People, CountIsLimited) {
  EXPECT_EQ(message_of<ValueError>([] { make_people(0, 1); }),
            "make_people: count: expected 1 .. 1000000, got 0");
}

TEST(RefuseRealLooking, AcceptsTheImpossible) {
  EXPECT_NO_THROW(refuse_real_looking(some_person(), "here"));
}

TEST(RefuseRealLooking, NamesTheFieldThatSomebodyCouldHave) {
  const auto refusal = [](auto change) {
    Person person = some_person();
    change(person);
    std::string message =
        message_of<FileError>([&] { refuse_real_looking(person, "p.jsonl: line 3"); });
    const std::string advice = "; only people who cannot exist are accepted";
    EXPECT_TRUE(message.ends_with(advice)) << message;
    return message.substr(0, message.size() - std::min(message.size(), advice.size()));
  };
  EXPECT_EQ(refusal([](Person& p) { p.username = "John Doe"; }),
            "p.jsonl: line 3: username: expected a name of invented syllables, got John Doe");
  EXPECT_EQ(refusal([](Person& p) { p.username = "maria"; }),
            "p.jsonl: line 3: username: expected a name of invented syllables, got maria");
  EXPECT_EQ(refusal([](Person& p) { p.user_id = "1234567897"; }),
            "p.jsonl: line 3: user_id: expected Luhn's check digit plus 5, got 1234567897");
  EXPECT_EQ(refusal([](Person& p) { p.user_id = "2025550147"; }),
            "p.jsonl: line 3: user_id: expected a first digit of 1, got 2025550147");
  EXPECT_EQ(refusal([](Person& p) { p.user_id = "12345"; }),
            "p.jsonl: line 3: user_id: expected 10 digits, got 12345");
  EXPECT_EQ(refusal([](Person& p) { p.gender = "?"; }),
            "p.jsonl: line 3: gender: expected female, male or other, got ?");
  EXPECT_EQ(refusal([](Person& p) { p.age = 45; }),
            "p.jsonl: line 3: age: expected 130 .. 199, got 45");
  for (const char* time :
       {"2024-05-17 14:03", "2999-13-17 14:03", "2999-05-17", "2999-05-17T14:03"})
    EXPECT_EQ(refusal([&](Person& p) { p.capture_time = time; }),
              std::string("p.jsonl: line 3: capture_time: expected a time in the years 2900 .. ") +
                  "2999 like 2999-05-17 14:03, got " + time);
  for (const char* place : {"Paris, France", "Moxqil", "moxqil Bay", "Moxqil Street", ""})
    EXPECT_EQ(
        refusal([&](Person& p) { p.capture_location = place; }),
        std::string("p.jsonl: line 3: capture_location: expected an invented place, got ") + place);
}

TEST(AssignIn, IsABalancedHalfThatChangesWithTheRun) {
  const std::vector<bool> first = assign_in(128, 5, 0), second = assign_in(128, 5, 1);
  EXPECT_EQ(std::count(first.begin(), first.end(), true), 64);
  EXPECT_EQ(std::count(second.begin(), second.end(), true), 64);
  EXPECT_NE(first, second);
  EXPECT_EQ(first, assign_in(128, 5, 0));
  EXPECT_NE(first, assign_in(128, 6, 0));
}

// Over 1000 runs each person is IN a binomial number of times: sd sqrt(1000) / 2 = 16, five of
// them.
TEST(AssignIn, PutsEverybodyInAsOftenAsOut) {
  std::vector<int> in(10);
  for (std::uint32_t run = 0; run < 1000; ++run) {
    const std::vector<bool> half = assign_in(10, 5, run);
    for (std::size_t i = 0; i < in.size(); ++i) in[i] += half[i];
  }
  for (const int count : in) EXPECT_NEAR(count, 500, 80);
}

TEST(AssignIn, RefusesWhatHasNoHalf) {
  EXPECT_EQ(message_of<ValueError>([] { assign_in(7, 1, 0); }),
            "assign_in: count: expected a positive even number, got 7");
}

TEST(PeopleFile, ReadsWhatItWrote) {
  const std::vector<Person> people = make_people(20, 3);
  const auto path = scratch("round.jsonl");
  write_people(path, people);
  EXPECT_EQ(load_people(path), people);
}

TEST(PeopleFile, RefusesPeopleWhoMayExist) {
  const auto path = scratch("real.jsonl");
  const auto write = [&](const std::string& text) { std::ofstream(path) << text; };
  write(R"({"username": "John Doe", "user_id": "1234567890", "gender": "male", "age": 30, )"
        R"("capture_time": "2023-10-15 14:30", "capture_location": "Paris"})"
        "\n");
  EXPECT_EQ(message_of<FileError>([&] { load_people(path); }),
            path.string() +
                ": line 1: username: expected a name of invented syllables, got John Doe; only "
                "people who cannot exist are accepted");
  std::vector<Person> twice = make_people(2, 3);
  twice[1].username = twice[0].username;
  write_people(path, twice);
  EXPECT_EQ(message_of<FileError>([&] { load_people(path); }),
            path.string() + ": line 2: username: expected a new one, got " + twice[0].username +
                " again");
  write("");
  EXPECT_EQ(message_of<FileError>([&] { load_people(path); }),
            path.string() + ": expected at least one person, got none");
}

}  // namespace
}  // namespace chainline::experiments
