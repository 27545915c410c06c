#include "experiments/data/image_folder.h"
#include "experiments/data/json.h"
#include "experiments/data/loaders.h"
#include "experiments/data/paths.h"
#include "tensor/error.h"

namespace chainline::experiments {
namespace {

constexpr std::uint64_t kMaxLicenceBytes = std::uint64_t{1} << 20;

std::string first_line(const std::filesystem::path& path) {
  const std::vector<std::byte> bytes = read_file(path, kMaxLicenceBytes);
  const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  return std::string(text.substr(0, text.find_first_of("\r\n")));
}

std::string kind_of(const Turn& turn) {
  const bool negated = turn.question.find(" not ") != std::string::npos ||
                       turn.question.find("is no ") != std::string::npos;
  if (turn.answer == "yes" || turn.answer == "no") return negated ? "negation" : "yes/no";
  return turn.question.find("color") != std::string::npos ? "color" : "shape";
}

Split read_split(const std::filesystem::path& folder, const std::string& name) {
  const std::filesystem::path path = folder / name / "questions.json";
  const Json rows = read_json(path, kMaxJsonDataBytes);
  check<FileError>(rows.is_array() && !rows.empty(), path.string(),
                   ": expected a list of [question, answer, image id], got ",
                   rows.empty() ? "nothing" : rows.type_name());
  const auto images = std::make_shared<ImageFolder>(folder / name);
  Split split;
  split.images = images;
  std::size_t number = 0;
  for (const Json& row : rows) {
    const std::string where = path.string() + ": row " + std::to_string(number);
    const bool good = row.is_array() && row.size() == 3 && row[0].is_string() &&
                      row[1].is_string() && row[2].is_number_unsigned();
    check<FileError>(good, where, ": expected [question, answer, image id], got ", excerpt(row));
    Turn turn{row[0].get<std::string>(), row[1].get<std::string>()};
    check<FileError>(!turn.question.empty() && !turn.answer.empty(), where,
                     ": question or answer is empty");
    const auto id = row[2].get<std::uint64_t>();
    const std::int64_t image = images->add("images/" + std::to_string(id) + ".png", where);
    const std::string kind = kind_of(turn);
    split.examples.push_back({name + "-" + std::to_string(number++), image, {turn}, kind});
  }
  return split;
}

}  // namespace

Dataset read_easy_vqa(const std::filesystem::path& folder) {
  check_is_folder(folder, "easy-VQA's folder");
  Dataset data;
  data.name = "easy-vqa";
  data.licence = first_line(folder / "LICENSE");
  data.source = "easy-VQA, https://github.com/vzhou842/easy-VQA";
  data.train = read_split(folder, "train");
  data.test = read_split(folder, "test");
  return data;
}

}  // namespace chainline::experiments
