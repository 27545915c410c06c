// The trace of a training: its chain, going on after a kill, and every refusal of a broken file.

#include "experiments/training/trace.h"

#include <bit>

#include "experiments/training/run.h"
#include "nn/checkpoint.h"
#include "tensor/sha256.h"
#include "tests/experiments/data/folder.h"
#include "tests/experiments/training/tiny.h"

namespace chainline::experiments {
namespace {

/// A traced training of the tiny model.
struct TinyRun {
  Dataset data = tiny_data();
  LoadedModel model = tiny_model(data);
  Samples samples = tiny_samples(data, model);
  TrainingConfig config = tiny_training();
  RunPlan plan;

  explicit TinyRun(const std::filesystem::path& folder) {
    plan.folder = folder;
    plan.checkpoint_every = 3;
    plan.texts = model_texts(model);
    plan.trace.emplace();
  }
  TrainedRun operator()() { return train_run(model.model, samples, config, plan); }
};

std::string content_of(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

void overwrite(const std::filesystem::path& path, const std::string& content) {
  std::ofstream(path, std::ios::binary) << content;
}

std::string replaced(std::string text, const std::string& from, const std::string& to) {
  const std::size_t at = text.find(from);
  EXPECT_NE(at, std::string::npos) << from;
  return at == std::string::npos ? text : text.replace(at, from.size(), to);
}

/// A header and two steps of two parameters.
struct SmallTrace {
  TemporaryFolder folder;
  std::filesystem::path path = folder / kTraceFile;
  TraceHeader header;
  std::vector<TraceLine> lines = {{1, 0, 0, {3, 1}, 0.1, 2.5, {1, 2}, {3, 4}},
                                  {2, 0, 2, {0, 2}, 1e-300, 0, {5, 6}, {7, ~std::uint64_t{0}}}};

  SmallTrace() {
    header.title = "train";
    header.device = "cpu";
    header.identity = {{"steps", 2}, {"learning_rate", 0.1}};
    header.parameters = {"first", "second"};
    header.origin = {{"train", "--data", "shapes"}, {{"tiny.json", "abc"}}, "shapes"};
    TraceWriter writer(path, header, 0, {});
    for (const TraceLine& line : lines) writer.write(line);
  }

  std::string text() const { return content_of(path); }
  void expect_refusal(const std::string& content, const std::string& sentence) const {
    overwrite(path, content);
    EXPECT_EQ(refusal<FileError>([&] { read_trace(path); }), path.string() + sentence);
  }
  /// The text with its chain made anew, as by somebody who knows how.
  static std::string chained_anew(const std::string& text) {
    std::string result, chain;
    std::istringstream in(text);
    for (std::string line; std::getline(in, line);) {
      const std::string open = line.substr(0, line.rfind(",\"chain\""));
      chain = sha256_hex(chain + open);
      result += open + ",\"chain\":\"" + chain + "\"}\n";
    }
    return result;
  }
};

TEST(Trace, IsReadAsItWasWritten) {
  const SmallTrace small;
  const Trace trace = read_trace(small.path);
  EXPECT_EQ(trace.header.identity, small.header.identity);
  EXPECT_EQ(trace.header.parameters, small.header.parameters);
  EXPECT_EQ(trace.header.origin.command, small.header.origin.command);
  EXPECT_EQ(trace.header.origin.files, small.header.origin.files);
  EXPECT_EQ(trace.header.origin.data, "shapes");
  ASSERT_EQ(trace.lines.size(), 2u);
  for (std::size_t i = 0; i < 2; ++i) {
    const TraceLine &a = trace.lines[i], &b = small.lines[i];
    EXPECT_EQ(a.step, b.step);
    EXPECT_EQ(a.epoch, b.epoch);
    EXPECT_EQ(a.position, b.position);
    EXPECT_EQ(a.samples, b.samples);
    EXPECT_EQ(std::bit_cast<std::uint64_t>(a.loss), std::bit_cast<std::uint64_t>(b.loss));
    EXPECT_EQ(a.gradient_norm, b.gradient_norm);
    EXPECT_EQ(a.gradients, b.gradients);
    EXPECT_EQ(a.weights, b.weights);
  }
}

// The bits of 0.1 are those of IEEE 754's example; the chain is computed by SmallTrace's own hand.
TEST(Trace, IsTextWhoseLinesAreChainedBySha256) {
  const SmallTrace small;
  const std::string text = small.text();
  EXPECT_NE(text.find(R"({"step":1,"epoch":0,"position":0,"samples":[3,1],"loss":0.1,)"
                      R"("loss_bits":"3fb999999999999a","gradient_norm":2.5,)"
                      R"("gradient_norm_bits":"4004000000000000",)"
                      R"("gradients":["0000000000000001","0000000000000002"],)"
                      R"("weights":["0000000000000003","0000000000000004"],"chain":")"),
            std::string::npos)
      << text;
  EXPECT_EQ(SmallTrace::chained_anew(text), text);
}

TEST(Trace, NamesTheFirstLineWhoseChainIsBroken) {
  const SmallTrace small;
  const std::string text = small.text();
  const auto breaks_at = [&](const std::string& content, int line) {
    overwrite(small.path, content);
    const std::string sentence = refusal<FileError>([&] { read_trace(small.path); });
    const std::string start =
        small.path.string() + ": line " + std::to_string(line) + ": the chain is broken: expected ";
    EXPECT_TRUE(sentence.starts_with(start)) << sentence;
    EXPECT_TRUE(sentence.ends_with("; this line was changed, or one before it removed"));
  };
  breaks_at(replaced(text, "\"cpu\"", "\"gpu\""), 1);
  breaks_at(replaced(text, "\"samples\":[3,1]", "\"samples\":[3,2]"), 2);
  breaks_at(replaced(text, "ffffffffffffffff", "fffffffffffffffe"), 3);
  const std::size_t second = text.find("{\"step\":1"), third = text.find("{\"step\":2");
  breaks_at(text.substr(0, second) + text.substr(third), 2);
  breaks_at(text.substr(0, second) + text.substr(third) + text.substr(second, third - second), 2);
}

TEST(Trace, LeavesOutALineThatAKillCutShort) {
  const SmallTrace small;
  const std::string text = small.text();
  overwrite(small.path, text.substr(0, text.size() - 20));
  EXPECT_EQ(read_trace(small.path).lines.size(), 1u);
}

TEST(Trace, RefusesWhatTheWriterDoesNotWrite) {
  const SmallTrace small;
  const std::string text = small.text();
  const auto refuses = [&](const std::string& from, const std::string& to,
                           const std::string& sentence) {
    small.expect_refusal(SmallTrace::chained_anew(replaced(text, from, to)), sentence);
  };
  small.expect_refusal("", ": expected a header line, got none");
  small.expect_refusal("{\"a\":1}\n",
                       ": line 1: expected a line that ends with its chain, got \"{\\\"a\\\":1}\"");
  refuses("chainline trace", "chainline log",
          ": line 1: format: expected \"chainline trace\", got \"chainline log\"");
  refuses("\"version\":1", "\"version\":2", ": line 1: version: expected 1, got 2");
  refuses("\"identity\":{\"learning_rate\":0.1,\"steps\":2}", "\"identity\":3",
          ": line 1: identity: expected an object, got number");
  refuses("\"files\":{\"tiny.json\":\"abc\"}", "\"files\":[]",
          ": line 1: origin: files: expected an object, got array");
  refuses("\"step\":2", "\"step\":4", ": line 3: step: expected 2, got 4");
  refuses("\"samples\":[3,1]", "\"samples\":[3,\"1\"]",
          ": line 2: samples: expected whole numbers, got \"1\"");
  refuses("\"samples\":[3,1]", "\"samples\":3", ": line 2: samples: expected a list, got 3");
  refuses("\"loss\":0.1", "\"loss\":0.2", ": line 2: loss: expected 0.1, as its bits say, got 0.2");
  refuses("3fb999999999999a", "3fb999999999999A",
          ": line 2: loss_bits: expected 16 hexadecimal digits, got \"3fb999999999999A\"");
  refuses("[\"0000000000000001\",", "[",
          ": line 2: gradients: expected 2 hashes, one for each parameter, got 1");
}

TEST(BitsHash, IsTheStartOfTheSha256OfTheBytesOfAView) {
  const Tensor t = Tensor::from<float>({1, 2, 3, 4, 5, 6}, {2, 3});
  const std::vector<float> column = {2, 5};
  const std::string expected = sha256_hex(std::as_bytes(std::span(column))).substr(0, 16);
  EXPECT_EQ(hex_digits(bits_hash(t.select(1, 1))), expected);
  EXPECT_EQ(hex_digits(bits_hash(Tensor())), sha256_hex(std::string_view()).substr(0, 16));
  EXPECT_NE(bits_hash(Tensor::from<float>({0.0f}, {1})),
            bits_hash(Tensor::from<float>({-0.0f}, {1})));
}

TEST(TracedRun, RecordsTheStepsOfATrainingAndChangesNoBit) {
  const TemporaryFolder folder;
  TinyRun traced(folder / "traced"), plain(folder / "plain");
  plain.plan.trace.reset();
  EXPECT_EQ(traced().weights_sha256, plain().weights_sha256);
  EXPECT_FALSE(std::filesystem::exists(folder / "plain" / kTraceFile));
  const Trace trace = read_trace(folder / "traced" / kTraceFile);
  const std::vector<nn::NamedParameter> parameters = nn::trainable_parameters(traced.model.model);
  ASSERT_EQ(trace.lines.size(), 8u);
  ASSERT_EQ(trace.header.parameters.size(), parameters.size());
  for (std::size_t p = 0; p < parameters.size(); ++p) {
    EXPECT_EQ(trace.header.parameters[p], parameters[p].name);
    EXPECT_EQ(trace.lines.back().weights[p], bits_hash(parameters[p].variable.value()));
  }
  // 5 of 24 samples a step: step 6 begins with sample 25 of all, the second of epoch 1.
  EXPECT_EQ(trace.lines[5].epoch, 1);
  EXPECT_EQ(trace.lines[5].position, 1);
  EXPECT_EQ(trace.lines[5].samples, BatchOrder(5, 24, 1).at(5));
}

TEST(TracedRun, HasTheSameLinesForMicroBatchesAndRecomputedBlocks) {
  const TemporaryFolder folder;
  TinyRun whole(folder / "whole"), parts(folder / "parts");
  parts.config.micro_batch = 2;
  parts.config.recompute = true;
  whole();
  parts();
  EXPECT_EQ(content_of(folder / "whole" / kTraceFile), content_of(folder / "parts" / kTraceFile));
}

/// A training that was killed after step 8 of 8, three steps after a checkpoint: its state of step 6.
struct Killed {
  TemporaryFolder folder;
  std::string whole;  // the trace of a training that nobody killed

  Killed() {
    TinyRun run(folder / "whole");
    run();
    whole = content_of(folder / "whole" / kTraceFile);
    // The configuration says 8 steps; a copy of the folder is taken at the checkpoint of step 6.
    TinyRun killed(folder / "run");
    const std::filesystem::path run_folder = folder / "run";
    Trainer trainer(killed.model.model, killed.samples, killed.config);
    const Json identity =
        training_identity(killed.model.model, killed.samples, killed.config, killed.plan);
    for (int i = 0; i < 6; ++i) trainer.step();
    nn::Checkpoint checkpoint = nn::read_checkpoint(folder / "whole" / "checkpoint");
    checkpoint.model = nn::tensors_of(nn::named_parameters(killed.model.model));
    for (const nn::NamedState& s : trainer.optimizer_state()) {
      checkpoint.optimizer[s.name] = s.tensor;
    }
    std::string& position = checkpoint.texts["training.json"];
    position = replaced(replaced(position, "\"steps_done\": 8", "\"steps_done\": 6"),
                        "\"finished\": true", "\"finished\": false");
    std::filesystem::create_directories(run_folder);
    nn::write_checkpoint(run_folder / "checkpoint", checkpoint);
    std::filesystem::copy(folder / "whole" / "log.jsonl", run_folder / "log.jsonl");
    overwrite(run_folder / kTraceFile, whole + "{\"step\":9,\"ep");
  }
};

TEST(TracedRun, GoesOnWithTheSameChainAfterAKill) {
  const Killed killed;
  TinyRun again(killed.folder / "run");
  EXPECT_EQ(again().resumed_from, 6);
  EXPECT_EQ(content_of(killed.folder / "run" / kTraceFile), killed.whole);
}

TEST(TracedRun, RefusesToGoOnWithAHole) {
  const Killed killed;
  const std::filesystem::path path = killed.folder / "run" / kTraceFile;
  const auto refused = [&](bool traced) {
    TinyRun again(killed.folder / "run");
    if (!traced) again.plan.trace.reset();
    return refusal<FileError>([&] { again(); });
  };
  EXPECT_EQ(refused(false),
            path.string() +
                ": a training that was begun with a trace goes on with it (chainline train "
                "--trace), so that no step is missing from it; remove the file to go on without");
  overwrite(path, killed.whole.substr(0, killed.whole.find("{\"step\":6")));
  EXPECT_EQ(refused(true), path.string() + ": expected the lines of 6 steps, got 5");
  std::string other = SmallTrace::chained_anew(replaced(killed.whole, "\"seed\":1", "\"seed\":2"));
  overwrite(path, other);
  EXPECT_EQ(refused(true), path.string() + ": it is the trace of another training");
  std::filesystem::remove(path);
  EXPECT_EQ(refused(true), path.string() +
                               ": expected the lines of 6 steps, got no file; a trace begins with "
                               "the first step of a training");
}

TEST(TracedRun, RefusesACheckpointWhoseWeightsItDoesNotKnow) {
  const Killed killed;
  const std::filesystem::path folder = killed.folder / "run" / "checkpoint";
  nn::Checkpoint checkpoint = nn::read_checkpoint(folder);
  const std::string name = "language_model.lm_head.weight";
  Tensor weight = checkpoint.model.at(name).clone();
  const std::uint64_t before = bits_hash(weight);
  float& first = weight.mutable_data<float>()[0];
  first = std::bit_cast<float>(std::bit_cast<std::uint32_t>(first) ^ 1);
  checkpoint.model[name] = weight;
  nn::write_checkpoint(folder, checkpoint);  // with sums that agree
  TinyRun again(killed.folder / "run");
  EXPECT_EQ(refusal<FileError>([&] { again(); }),
            (killed.folder / "run" / kTraceFile).string() + ": " + name +
                " after step 6: the trace has " + hex_digits(before) + ", the checkpoint has " +
                hex_digits(bits_hash(weight)) + "; the checkpoint was changed since");
}

TEST(TracedRun, TracesAFinishedTrainingOnlyIfItWasTraced) {
  const TemporaryFolder folder;
  TinyRun plain(folder / "run"), again(folder / "run");
  plain.plan.trace.reset();
  plain();
  EXPECT_EQ(refusal<FileError>([&] { again(); }),
            (folder / "run" / kTraceFile).string() +
                ": expected the lines of 8 steps, got no file; a trace begins with the first step "
                "of a training");
}

}  // namespace
}  // namespace chainline::experiments
