#include "experiments/training/log.h"

#include <array>
#include <charconv>

#include "experiments/training/fields.h"
#include "tensor/error.h"

namespace chainline::experiments {
namespace {

constexpr const char* kFormat = "chainline training log";
constexpr int kVersion = 1;

std::string number(double value) {
  std::array<char, 32> text{};
  return {text.data(), std::to_chars(text.data(), text.data() + text.size(), value).ptr};
}

std::string text_of(const LogLine& line) {
  const StepRecord& r = line.record;
  return "{\"step\":" + std::to_string(r.step) + ",\"loss\":" + number(r.loss) +
         ",\"gradient_norm\":" + number(r.gradient_norm) +
         ",\"learning_rate\":" + number(r.learning_rate) +
         ",\"samples\":" + std::to_string(r.samples) + ",\"tokens\":" + std::to_string(r.tokens) +
         ",\"samples_per_second\":" + number(line.samples_per_second) + "}\n";
}

LogLine parse_line(const std::string& text, const std::string& where) {
  const Json object = parse_json(text, where);
  LogLine line;
  FieldReader f(object, where, true);
  f("step", line.record.step);
  f("loss", line.record.loss);
  f("gradient_norm", line.record.gradient_norm);
  f("learning_rate", line.record.learning_rate);
  f("samples", line.record.samples);
  f("tokens", line.record.tokens);
  f("samples_per_second", line.samples_per_second);
  f.finish();
  return line;
}

std::vector<LogLine> parse(const std::vector<std::string>& lines,
                           const std::filesystem::path& path) {
  check<FileError>(!lines.empty(), path.string(), ": expected a header line, got none");
  const std::string first = path.string() + ": line 1";
  const Json header = parse_json(lines.front(), first);
  check<FileError>(string_member(header, "format", first) == kFormat, first,
                   ": format: expected \"", kFormat, "\", got ", excerpt(header["format"]));
  check<FileError>(integer_member(header, "version", first) == kVersion, first,
                   ": version: expected ", kVersion, ", got ", excerpt(header["version"]));
  std::vector<LogLine> parsed;
  for (std::size_t i = 1; i < lines.size(); ++i) {
    const std::string where = path.string() + ": line " + std::to_string(i + 1);
    parsed.push_back(parse_line(lines[i], where));
    const std::int64_t step = parsed.back().record.step;
    check<FileError>(step == static_cast<std::int64_t>(i), where, ": step: expected ", i, ", got ",
                     step);
  }
  return parsed;
}

/// What the file of a run that goes on after `steps` steps begins with.
std::string beginning(const std::filesystem::path& path, const Json& header, std::int64_t steps) {
  if (steps == 0) {
    Json first = header;
    first["format"] = kFormat;
    first["version"] = kVersion;
    return first.dump() + "\n";
  }
  const std::vector<std::string> lines = complete_lines(path);
  const auto have = static_cast<std::int64_t>(parse(lines, path).size());
  check<FileError>(have >= steps, path.string(), ": expected the lines of ", steps, " steps, got ",
                   have);
  std::string content;
  for (std::int64_t i = 0; i <= steps; ++i) content += lines[static_cast<std::size_t>(i)] + "\n";
  return content;
}

}  // namespace

TrainingLog::TrainingLog(const std::filesystem::path& path, const Json& header, std::int64_t steps)
    : file_(path, beginning(path, header, steps)) {}

void TrainingLog::write(const LogLine& line) { file_.put(text_of(line)); }

std::vector<LogLine> read_log(const std::filesystem::path& path) {
  return parse(complete_lines(path), path);
}

}  // namespace chainline::experiments
