#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "experiments/data/json.h"
#include "experiments/training/line_file.h"
#include "experiments/training/trainer.h"

namespace chainline::experiments {

/// The name that a training's trace has in its folder.
inline constexpr const char* kTraceFile = "trace.jsonl";

/// What it takes to run a training again, beside the program.
struct TraceOrigin {
  /// The words behind `chainline`; none for a training that other code started, which only that
  /// code can run again.
  std::vector<std::string> command;
  std::map<std::string, std::string> files;  ///< settings that it read: SHA-256 (hex) by path
  std::string data;                          ///< load_dataset's specification
};

/// Whose steps the lines are.
struct TraceHeader {
  std::string title;
  std::string device;                   ///< in the exact class it changes no bit
  Json identity = Json::object();       ///< training_identity(): what the bits are a function of
  std::vector<std::string> parameters;  ///< the trained ones, in the order of the hashes
  TraceOrigin origin;
};

/// The first 64 bits of the SHA-256 of a tensor's bits, row by row; of no bits for an undefined one.
///
/// They tell apart what no one made alike on purpose: two tensors that differ have the same 64 bits
/// with a chance of 2^-64, so in a trace of 10^6 steps and 10^3 parameters some difference stays
/// hidden with a chance below 10^-10. Whoever wants to forge a weight needs some 2^64 trials, but
/// needn't take the trouble: a chain without a signature can be made anew as a whole. It guards
/// against damage, mixed-up files and cut ends, not against its owner.
std::uint64_t bits_hash(const Tensor& tensor);
/// bits_hash of each, several at a time.
std::vector<std::uint64_t> bits_hashes(const std::vector<Tensor>& tensors);
/// 16 lower-case hexadecimal digits.
std::string hex_digits(std::uint64_t value);

/// What a step did, to the bit.
struct TraceLine {
  std::int64_t step = 0;  ///< counted from 1
  /// Of the step's first sample, counted from 0; 0 where samples are drawn anew for each step (DP-SGD).
  std::int64_t epoch = 0, position = 0;
  std::vector<std::int64_t> samples;
  double loss = 0, gradient_norm = 0;  ///< the norm before clipping
  /// By parameter: bits_hash of its gradient before clipping, and of its weight after the step.
  std::vector<std::uint64_t> gradients, weights;
};

/// The line of the step that the trainer, which keeps its gradients, did last.
TraceLine trace_line(Trainer& trainer, const StepRecord& record);

/// A trace that was read, its chain whole.
struct Trace {
  std::filesystem::path path;
  TraceHeader header;
  std::vector<TraceLine> lines;
  std::string chain;  ///< of the last line
};

/// trace.jsonl, the hash-chained log of a training: a header, then a line for each step,
///
///     {"format": "chainline trace", "version": 1, ..., "chain": C_0}
///     {"step": 1, "epoch": 0, "position": 0, "samples": [...], "loss": 5.5, "loss_bits": HEX,
///      "gradient_norm": 2.5, "gradient_norm_bits": HEX, "gradients": [HEX, ...],
///      "weights": [HEX, ...], "chain": C_1}
///
///     C_n = SHA-256 of C_(n-1), as it is written, and line n without its chain
///
/// so that the last line's chain stands for all that was written before it. Decimals have the
/// fewest digits that give their bits back; the bits themselves are beside them.
class TraceWriter {
 public:
  /// Opens the trace of a training that goes on after `steps` steps with these hashes of weights;
  /// 0 for a new one. Lines of later steps, which a killed run wrote after its last checkpoint,
  /// are cut off, and the chain goes on from the line before.
  ///
  /// **Errors** FileError when the lines of the first `steps` steps are not all there, or are of
  /// another training, or the weights are not those of the last of them: the checkpoint was changed.
  TraceWriter(const std::filesystem::path& path, const TraceHeader& header, std::int64_t steps,
              const std::vector<std::uint64_t>& weights);

  void write(const TraceLine& line);
  /// Brings what was written to the disk.
  void sync() { file_.sync(); }

 private:
  std::string chain_;
  LineFile file_;
};

/// Reads a trace and verifies its chain. A last line without its end, as a kill leaves it, is not
/// one.
///
/// **Errors** FileError naming file and line of the first one that is broken: whose chain does not
/// follow from what stands before, or that TraceWriter doesn't write.
Trace read_trace(const std::filesystem::path& path);

}  // namespace chainline::experiments
