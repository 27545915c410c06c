#include "experiments/training/log.h"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <span>

#include "experiments/data/paths.h"
#include "experiments/training/fields.h"
#include "tensor/atomic_file.h"
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

/// The complete lines of a file.
std::vector<std::string> lines_of(const std::filesystem::path& path) {
  const std::vector<std::byte> bytes = read_file(path, kMaxJsonDataBytes);
  const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  std::vector<std::string> lines;
  for (std::size_t begin = 0;;) {
    const std::size_t end = text.find('\n', begin);
    if (end == std::string_view::npos) return lines;
    lines.emplace_back(text.substr(begin, end - begin));
    begin = end + 1;
  }
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

}  // namespace

TrainingLog::TrainingLog(std::filesystem::path path, const Json& header, std::int64_t steps)
    : path_(std::move(path)) {
  std::string content;
  if (steps == 0) {
    Json first = header;
    first["format"] = kFormat;
    first["version"] = kVersion;
    content = first.dump() + "\n";
  } else {
    const std::vector<std::string> lines = lines_of(path_);
    const auto have = static_cast<std::int64_t>(parse(lines, path_).size());
    check<FileError>(have >= steps, path_.string(), ": expected the lines of ", steps,
                     " steps, got ", have);
    for (std::int64_t i = 0; i <= steps; ++i) content += lines[static_cast<std::size_t>(i)] + "\n";
  }
  write_file_atomically(path_, std::as_bytes(std::span(content)));
  file_ = ::open(path_.c_str(), O_WRONLY | O_APPEND | O_CLOEXEC);
  check<FileError>(file_ >= 0, path_.string(), ": ", std::strerror(errno));
}

TrainingLog::~TrainingLog() {
  if (file_ >= 0) ::close(file_);
}

void TrainingLog::put(const std::string& text) {
  for (std::size_t done = 0; done < text.size();) {
    const ssize_t n = ::write(file_, text.data() + done, text.size() - done);
    if (n < 0 && errno == EINTR) continue;
    check<FileError>(n >= 0, path_.string(), ": writing: ", std::strerror(errno));
    done += static_cast<std::size_t>(n);
  }
}

void TrainingLog::write(const LogLine& line) { put(text_of(line)); }

void TrainingLog::sync() {
  check<FileError>(::fsync(file_) == 0, path_.string(), ": syncing: ", std::strerror(errno));
}

std::vector<LogLine> read_log(const std::filesystem::path& path) {
  return parse(lines_of(path), path);
}

}  // namespace chainline::experiments
