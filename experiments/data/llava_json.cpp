#include "experiments/data/image_folder.h"
#include "experiments/data/json.h"
#include "experiments/data/loaders.h"
#include "experiments/data/paths.h"
#include "tensor/error.h"

namespace chainline::experiments {
namespace {

constexpr std::string_view kPlaceholder = "<image>";
constexpr std::int64_t kHoldOut = 10;  // every tenth image, when there is no test file

/// The first question without its placeholder, which stands at its start or at its end.
std::string without_placeholder(std::string question, const std::string& where) {
  const bool at_start = question.starts_with(kPlaceholder);
  check<FileError>(at_start || question.ends_with(kPlaceholder), where,
                   ": expected <image> at the start or end of the first question, got ",
                   excerpt(question));
  question.erase(at_start ? 0 : question.size() - kPlaceholder.size(), kPlaceholder.size());
  const std::size_t first = question.find_first_not_of('\n');
  if (first == std::string::npos) return "";
  return question.substr(first, question.find_last_not_of('\n') - first + 1);
}

std::vector<Turn> read_turns(const Json& conversation, const std::string& where) {
  check<FileError>(conversation.is_array() && !conversation.empty() && conversation.size() % 2 == 0,
                   where, ": conversations: expected pairs of human and gpt, got ",
                   conversation.is_array() ? std::to_string(conversation.size()) + " messages"
                                           : conversation.type_name());
  std::vector<Turn> turns;
  for (std::size_t i = 0; i < conversation.size(); ++i) {
    const std::string at = where + ": message " + std::to_string(i);
    check_keys(conversation[i], {"from", "value"}, at);
    const std::string from = string_member(conversation[i], "from", at);
    const std::string expected = i % 2 == 0 ? "human" : "gpt";
    check<FileError>(from == expected, at, ": from: expected ", expected, ", got ", excerpt(from));
    std::string value = string_member(conversation[i], "value", at);
    if (i == 0) value = without_placeholder(std::move(value), at);
    check<FileError>(value.find(kPlaceholder) == std::string::npos, at,
                     ": <image> may stand only once, in the first question");
    check<FileError>(!value.empty(), at, ": value: expected text, got nothing");
    if (i % 2 == 0)
      turns.push_back({std::move(value), ""});
    else
      turns.back().answer = std::move(value);
  }
  return turns;
}

std::string read_id(const Json& row, const std::string& where) {
  const Json& id = member(row, "id", where);
  check<FileError>(id.is_string() || id.is_number_integer(), where,
                   ": id: expected a string or an integer, got ", id.type_name());
  return id.is_string() ? id.get<std::string>() : id.dump();
}

Split read_rows(const std::filesystem::path& file, const std::filesystem::path& images) {
  const Json rows = read_json(file, kMaxJsonDataBytes);
  check<FileError>(rows.is_array() && !rows.empty(), file.string(),
                   ": expected a list of conversations, got ",
                   rows.empty() ? "nothing" : rows.type_name());
  const auto folder = std::make_shared<ImageFolder>(images);
  Split split;
  split.images = folder;
  for (std::size_t number = 0; number < rows.size(); ++number) {
    const Json& row = rows[number];
    const std::string where = file.string() + ": row " + std::to_string(number);
    check_keys(row, {"id", "image", "conversations"}, where);
    Example example;
    example.id = read_id(row, where);
    example.turns = read_turns(member(row, "conversations", where), where);
    example.image = folder->add(string_member(row, "image", where), where);
    split.examples.push_back(std::move(example));
  }
  return split;
}

/// The examples whose image is (or is not) held out, all on the same images.
Split select(const Split& all, bool held_out) {
  Split split;
  split.images = all.images;
  for (const Example& example : all.examples)
    if ((example.image % kHoldOut == kHoldOut - 1) == held_out) split.examples.push_back(example);
  return split;
}

}  // namespace

Dataset read_llava(const std::filesystem::path& file, const std::filesystem::path& images,
                   const std::filesystem::path& test_file) {
  check_is_folder(images, "the folder of the images");
  Dataset data;
  data.name = file.stem().string();
  data.licence = "not stated";
  data.source = file.string();
  data.train = read_rows(file, images);
  if (!test_file.empty()) {
    data.test = read_rows(test_file, images);
    return data;
  }
  data.test = select(data.train, true);
  check<FileError>(!data.test.examples.empty(), file.string(), ": ", data.train.images->size(),
                   " images are too few to hold out every tenth; name a test file (test=FILE)");
  data.train = select(data.train, false);
  return data;
}

}  // namespace chainline::experiments
