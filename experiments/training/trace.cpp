#include "experiments/training/trace.h"

#include <fmt/core.h>

#include <bit>
#include <charconv>
#include <span>
#include <string_view>

#include "experiments/training/fields.h"
#include "tensor/error.h"
#include "tensor/parallel.h"
#include "tensor/sha256.h"

namespace chainline::experiments {
namespace {

constexpr const char* kFormat = "chainline trace";
constexpr std::int64_t kVersion = 1;

constexpr std::string_view kChainKey = ",\"chain\":\"";
constexpr std::size_t kChainDigits = 64;
constexpr std::string_view kChainEnd = "\"}";

std::uint64_t bits_of(double value) { return std::bit_cast<std::uint64_t>(value); }

/// An object's text with its link of the chain, which becomes `chain`.
std::string chained(const std::string& object, std::string& chain) {
  const std::string open = object.substr(0, object.size() - 1);  // without its brace
  chain = sha256_hex(chain + open);
  return open + std::string(kChainKey) + chain + std::string(kChainEnd);
}

/// Verifies a line's link, which becomes `chain`.
void follow(const std::string& line, std::string& chain, const std::string& where) {
  const std::size_t tail = kChainKey.size() + kChainDigits + kChainEnd.size();
  const std::size_t open = line.size() < tail ? 0 : line.size() - tail;
  check<FileError>(line.size() > tail && line.compare(open, kChainKey.size(), kChainKey) == 0 &&
                       line.ends_with(kChainEnd),
                   where, ": expected a line that ends with its chain, got ",
                   excerpt(Json(line.substr(open))));
  const std::string found = line.substr(open + kChainKey.size(), kChainDigits);
  chain = sha256_hex(chain + line.substr(0, open));
  check<FileError>(found == chain, where, ": the chain is broken: expected ", chain, ", got ",
                   excerpt(Json(found)), "; this line was changed, or one before it removed");
}

std::string text_of(const std::vector<std::uint64_t>& hashes) {
  std::string text;
  for (const std::uint64_t hash : hashes) {
    text += (text.empty() ? "\"" : ",\"") + hex_digits(hash) + '"';
  }
  return "[" + text + "]";
}

/// Not by Json, whose objects lose the order of the keys, and whose floats are not the shortest.
std::string text_of(const TraceLine& line) {
  return fmt::format(
      R"({{"step":{},"epoch":{},"position":{},"samples":{},"loss":{},"loss_bits":"{}",)"
      R"("gradient_norm":{},"gradient_norm_bits":"{}","gradients":{},"weights":{}}})",
      line.step, line.epoch, line.position, Json(line.samples).dump(), line.loss,
      hex_digits(bits_of(line.loss)), line.gradient_norm, hex_digits(bits_of(line.gradient_norm)),
      text_of(line.gradients), text_of(line.weights));
}

Json to_json(const TraceHeader& header) {
  return {{"format", kFormat},
          {"version", kVersion},
          {"title", header.title},
          {"device", header.device},
          {"identity", header.identity},
          {"parameters", header.parameters},
          {"origin",
           {{"command", header.origin.command},
            {"files", header.origin.files},
            {"data", header.origin.data}}}};
}

TraceHeader header_from(const std::string& line, const std::string& where) {
  const Json object = parse_json(line, where);
  check<FileError>(string_member(object, "format", where) == kFormat, where,
                   ": format: expected \"", kFormat, "\", got ", excerpt(object["format"]));
  check<FileError>(integer_member(object, "version", where) == kVersion, where,
                   ": version: expected ", kVersion, ", got ", excerpt(object["version"]));
  TraceHeader header;
  FieldReader f(object, where, true);
  f.ignored("format"), f.ignored("version"), f.ignored("chain");
  f("title", header.title);
  f("device", header.device);
  f("parameters", header.parameters);
  f.ignored("identity"), f.ignored("origin");
  f.finish();
  header.identity = member(object, "identity", where);
  check<FileError>(header.identity.is_object(), where, ": identity: expected an object, got ",
                   header.identity.type_name());
  FieldReader origin(member(object, "origin", where), where + ": origin", true);
  origin("command", header.origin.command);
  origin("data", header.origin.data);
  origin.ignored("files");
  origin.finish();
  const Json& files = member(object["origin"], "files", where + ": origin");
  check<FileError>(files.is_object(), where, ": origin: files: expected an object, got ",
                   files.type_name());
  for (const auto& item : files.items()) {
    header.origin.files[item.key()] = string_member(files, item.key(), where + ": origin: files");
  }
  return header;
}

std::uint64_t hex_from(const Json& value, const std::string& where) {
  std::uint64_t number = 0;
  const std::string text = value.is_string() ? value.get<std::string>() : "";
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, number, 16);
  check<FileError>(error == std::errc() && stop == end && hex_digits(number) == text, where,
                   ": expected 16 hexadecimal digits, got ", excerpt(value));
  return number;
}

const Json& list(const Json& object, const std::string& key, const std::string& where) {
  const Json& found = member(object, key, where);
  check<FileError>(found.is_array(), where, ": ", key, ": expected a list, got ", excerpt(found));
  return found;
}

std::vector<std::uint64_t> hashes_from(const Json& object, const std::string& key,
                                       std::size_t parameters, const std::string& where) {
  std::vector<std::uint64_t> hashes;
  for (const Json& hash : list(object, key, where)) {
    hashes.push_back(hex_from(hash, where + ": " + key));
  }
  check<FileError>(hashes.size() == parameters, where, ": ", key, ": expected ", parameters,
                   " hashes, one for each parameter, got ", hashes.size());
  return hashes;
}

double number_from(const Json& object, const std::string& key, const std::string& where) {
  const Json& decimal = member(object, key, where);
  const std::uint64_t bits =
      hex_from(member(object, key + "_bits", where), where + ": " + key + "_bits");
  check<FileError>(decimal.is_number() && bits_of(decimal.get<double>()) == bits, where, ": ", key,
                   ": expected ", fmt::format("{}", std::bit_cast<double>(bits)),
                   ", as its bits say, got ", excerpt(decimal));
  return std::bit_cast<double>(bits);
}

TraceLine line_from(const std::string& text, std::size_t parameters, const std::string& where) {
  const Json object = parse_json(text, where);
  check_keys(object,
             {"step", "epoch", "position", "samples", "loss", "loss_bits", "gradient_norm",
              "gradient_norm_bits", "gradients", "weights", "chain"},
             where);
  TraceLine line;
  line.step = integer_member(object, "step", where);
  line.epoch = integer_member(object, "epoch", where);
  line.position = integer_member(object, "position", where);
  for (const Json& sample : list(object, "samples", where)) {
    check<FileError>(sample.is_number_integer(), where, ": samples: expected whole numbers, got ",
                     excerpt(sample));
    line.samples.push_back(sample.get<std::int64_t>());
  }
  line.loss = number_from(object, "loss", where);
  line.gradient_norm = number_from(object, "gradient_norm", where);
  line.gradients = hashes_from(object, "gradients", parameters, where);
  line.weights = hashes_from(object, "weights", parameters, where);
  return line;
}

std::string place(const std::filesystem::path& path, std::size_t line) {
  return path.string() + ": line " + std::to_string(line + 1);
}

Trace parse(const std::vector<std::string>& lines, const std::filesystem::path& path) {
  check<FileError>(!lines.empty(), path.string(), ": expected a header line, got none");
  Trace trace;
  trace.path = path;
  std::string chain;
  for (std::size_t i = 0; i < lines.size(); ++i) {
    const std::string where = place(path, i);
    follow(lines[i], chain, where);
    if (i == 0) {
      trace.header = header_from(lines[0], where);
      continue;
    }
    trace.lines.push_back(line_from(lines[i], trace.header.parameters.size(), where));
    const std::int64_t step = trace.lines.back().step;
    check<FileError>(step == static_cast<std::int64_t>(i), where, ": step: expected ", i, ", got ",
                     step);
  }
  trace.chain = chain;
  return trace;
}

/// Refuses to go on with weights that the trace does not know.
void check_weights(const Trace& trace, std::int64_t steps,
                   const std::vector<std::uint64_t>& weights) {
  const std::vector<std::uint64_t>& wanted =
      trace.lines[static_cast<std::size_t>(steps - 1)].weights;
  for (std::size_t p = 0; p < wanted.size(); ++p) {
    check<FileError>(weights[p] == wanted[p], trace.path.string(), ": ", trace.header.parameters[p],
                     " after step ", steps, ": the trace has ", hex_digits(wanted[p]),
                     ", the checkpoint has ", hex_digits(weights[p]),
                     "; the checkpoint was changed since");
  }
}

/// What the file of a training that goes on after `steps` steps begins with; `chain` becomes the
/// link of its last line.
std::string beginning(const std::filesystem::path& path, const TraceHeader& header,
                      std::int64_t steps, const std::vector<std::uint64_t>& weights,
                      std::string& chain) {
  if (steps == 0) return chained(to_json(header).dump(), chain) + "\n";
  check<FileError>(std::filesystem::exists(path), path.string(), ": expected the lines of ", steps,
                   " steps, got no file; a trace begins with the first step of a training");
  const std::vector<std::string> lines = complete_lines(path);
  const Trace trace = parse(lines, path);
  const std::size_t have = trace.lines.size();
  check<FileError>(static_cast<std::int64_t>(have) >= steps, path.string(),
                   ": expected the lines of ", steps, " steps, got ", have);
  check<FileError>(
      trace.header.identity == header.identity && trace.header.parameters == header.parameters,
      path.string(), ": it is the trace of another training");
  check_weights(trace, steps, weights);
  std::string content;
  for (std::int64_t i = 0; i <= steps; ++i) {
    const std::string& line = lines[static_cast<std::size_t>(i)];
    follow(line, chain, path.string());
    content += line + "\n";
  }
  return content;
}

}  // namespace

std::uint64_t bits_hash(const Tensor& tensor) { return bits_hashes({tensor})[0]; }

std::vector<std::uint64_t> bits_hashes(const std::vector<Tensor>& tensors) {
  std::vector<Tensor> here;
  for (const Tensor& t : tensors) here.push_back(t.defined() ? t.to(kCpu).contiguous() : t);
  std::vector<std::uint64_t> hashes(here.size());
  const auto hash = [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) {
      const Tensor& t = here[static_cast<std::size_t>(i)];
      Sha256 sum;
      if (t.defined()) {
        const Storage& storage = *t.storage();
        const auto bytes = [&](std::int64_t n) {
          return static_cast<std::size_t>(n) * size_of(t.dtype());
        };
        sum.update({storage.data() + bytes(t.offset()), bytes(t.numel())});
      }
      const Sha256Digest digest = sum.digest();
      std::uint64_t first = 0;
      for (std::size_t byte = 0; byte < 8; ++byte) first = first << 8 | digest[byte];
      hashes[static_cast<std::size_t>(i)] = first;
    }
  };
  parallel_for(static_cast<std::int64_t>(here.size()), 1, hash);
  return hashes;
}

std::string hex_digits(std::uint64_t value) { return fmt::format("{:016x}", value); }

TraceLine trace_line(Trainer& trainer, const StepRecord& record) {
  TraceLine line;
  line.step = record.step;
  if (trainer.config().dp_clip == 0) {
    const std::int64_t first = (record.step - 1) * trainer.config().batch;
    line.epoch = first / trainer.samples().size();
    line.position = first % trainer.samples().size();
  }
  line.samples = trainer.samples_of(record.step - 1);
  line.loss = record.loss;
  line.gradient_norm = record.gradient_norm;
  line.gradients = bits_hashes(trainer.gradients());
  std::vector<Tensor> weights;
  for (const nn::NamedParameter& p : trainer.parameters()) weights.push_back(p.variable.value());
  line.weights = bits_hashes(weights);
  return line;
}

TraceWriter::TraceWriter(const std::filesystem::path& path, const TraceHeader& header,
                         std::int64_t steps, const std::vector<std::uint64_t>& weights)
    : file_(path, beginning(path, header, steps, weights, chain_)) {}

void TraceWriter::write(const TraceLine& line) { file_.put(chained(text_of(line), chain_) + "\n"); }

Trace read_trace(const std::filesystem::path& path) { return parse(complete_lines(path), path); }

}  // namespace chainline::experiments
