// The program as a user meets it: sentences, exit codes, and trainings that are killed.

#include <cstdint>
#include <cstdlib>
#include <fstream>
#include <sstream>

#include "experiments/data/image.h"
#include "experiments/training/log.h"
#include "nn/checkpoint.h"
#include "tensor/backend.h"
#include "tensor/isa.h"
#include "tensor/sha256.h"
#include "tests/experiments/program/process.h"
#include "tests/support.h"

namespace chainline::experiments {
namespace {

namespace fs = std::filesystem;
using test::content_of;
using test::Folder;
using test::Outcome;
using test::Process;

const char* const kData = "shapes:train=12,test=4,questions=2";

void write(const fs::path& path, const std::string& content) {
  std::ofstream(path, std::ios::binary) << content;
}

/// Settings of a model that trains in milliseconds.
std::string tiny_settings(int steps = 60) {
  const std::string sizes =
      R"("hidden_size": 16, "intermediate_size": 24, "num_attention_heads": 2,
         "num_hidden_layers": 1)";
  return R"({"model": {"vision_config": {"image_size": 16, "patch_size": 8, )" + sizes +
         R"(}, "text_config": {"num_key_value_heads": 1, )" + sizes +
         R"(}}, "tokenizer": {"vocabulary": 270}, "training": {"batch": 4, "steps": )" +
         std::to_string(steps) + "}}";
}

/// The header of a PNG of any size, and nothing behind it.
std::string png_header(std::uint32_t width, std::uint32_t height) {
  const auto big_endian = [](std::uint32_t v) {
    std::string bytes;
    for (int shift = 24; shift >= 0; shift -= 8) bytes += static_cast<char>(v >> shift & 255);
    return bytes;
  };
  const std::string chunk =
      "IHDR" + big_endian(width) + big_endian(height) + std::string("\x08\x02\0\0\0", 5);
  std::uint32_t crc = ~0u;
  for (const char c : chunk) {
    crc ^= static_cast<unsigned char>(c);
    for (int bit = 0; bit < 8; ++bit) crc = crc >> 1 ^ (crc & 1 ? 0xedb88320u : 0);
  }
  return std::string("\x89PNG\r\n\x1a\n", 8) + big_endian(13) + chunk + big_endian(~crc);
}

/// Waits until the file is there; a minute at most, for a program that failed won't make it.
void wait_for(const fs::path& path) {
  for (int i = 0; i < 60000 && !fs::exists(path); ++i) ::usleep(1000);
  ASSERT_TRUE(fs::exists(path)) << path;
}

/// A folder with settings and, once trained() was called, a trained model in "run".
class Program : public testing::Test {
 protected:
  void SetUp() override { write(folder_ / "tiny.json", tiny_settings()); }

  std::string path(const std::string& name) const { return (folder_ / name).string(); }
  Outcome run(const std::vector<std::string>& arguments, rlim_t file_limit = RLIM_INFINITY) const {
    return Process(folder_.path(), arguments, file_limit).wait();
  }
  std::vector<std::string> training(const std::string& out,
                                    const std::vector<std::string>& more = {}) const {
    std::vector<std::string> words = {"train",    "--data",         kData, "--out", path(out),
                                      "--config", path("tiny.json")};
    words.insert(words.end(), more.begin(), more.end());
    return words;
  }
  void expect_refusal(const std::vector<std::string>& arguments, int code,
                      const std::string& sentence) const {
    test::expect_refusal(run(arguments), code, sentence);
  }
  std::string weights(const std::string& out) const {
    return sha256_file_hex(folder_ / out / "checkpoint" / "model.safetensors");
  }

  Folder folder_;
};

TEST_F(Program, NamesTheWordThatNothingTakesAndTheNearestThatIsTaken) {
  expect_refusal({"--bogus"}, 2, "unknown option --bogus; see chainline --help");
  expect_refusal({"trian"}, 2, "unknown command trian, did you mean train?; see chainline --help");
  expect_refusal({"train", "--otu", "x"}, 2,
                 "unknown option --otu, did you mean --out?; see chainline train --help");
  expect_refusal({"ask", "--tempreature=1"}, 2,
                 "unknown option --tempreature, did you mean --temperature?; see chainline ask "
                 "--help");
  expect_refusal({"train", "--thraeds", "2"}, 2,
                 "unknown option --thraeds, did you mean --threads?; see chainline train --help");
  expect_refusal({}, 2, "A subcommand is required; see chainline --help");
  expect_refusal({"ask"}, 2, "--checkpoint is required; see chainline ask --help");
}

TEST_F(Program, RefusesWhatIsNoNumberForEveryOptionThatTakesOne) {
  int options = 0;
  for (const std::string command :
       {"reproduce", "train", "probe", "gradients", "watermark", "ask", "gradcheck", "bench"}) {
    std::istringstream help(run({command, "--help"}).out);
    for (std::string line; std::getline(help, line);) {
      std::istringstream words(line);
      std::string option, type;
      words >> option >> type;
      const bool number =
          type.starts_with("INT") || type.starts_with("UINT") || type.starts_with("FLOAT");
      if (!option.starts_with("--") || !number) continue;
      ++options;
      for (const std::string value : {"", "x", "1x", "nan", "1e999", "99999999999999999999999"}) {
        if (type.starts_with("FLOAT") && value[0] == '9') continue;  // large, but a number
        const Outcome refused = run({command, option, value});
        EXPECT_EQ(refused.code, 2) << command << ' ' << option << ' ' << value;
        EXPECT_TRUE(refused.err.starts_with("chainline: " + option + ": expected "))
            << command << ' ' << option << ' ' << value << ": " << refused.err;
      }
    }
  }
  EXPECT_GE(options, 40);
}

TEST_F(Program, NeverTakesANumberForAnotherOne) {
  const auto refused = [&](const std::string& command, const std::string& option,
                           const std::string& value, const std::string& expected) {
    expect_refusal({command, option, value}, 2,
                   option + ": expected " + expected + ", got \"" + value + "\"; see chainline " +
                       command + " --help");
  };
  refused("ask", "--seed", "-1", "a whole number of 0 .. 18446744073709551615");
  refused("train", "--steps", "010", "a whole number of 1 .. 1000000000");
  refused("train", "--steps", "0", "a whole number of 1 .. 1000000000");
  refused("train", "--batch", "1000001", "a whole number of 1 .. 1000000");
  refused("train", "--fields", "3", "2 or 6");
  refused("train", "--out", "", "a folder");
  refused("ask", "--temperature", "-0.5", "a number of 0 .. 100");
  refused("gradients", "--batch-sizes", "0", "a whole number of 1 .. 1000000000");
}

TEST_F(Program, ShowsAnExampleInEveryHelp) {
  for (const char* command : {"train", "ask", "watermark", "inspect"}) {
    const Outcome help = run({command, "--help"});
    EXPECT_EQ(help.code, 0) << command;
    EXPECT_NE(help.out.find(std::string("chainline ") + command + " "), std::string::npos);
    EXPECT_EQ(help.err, "") << command;
  }
}

TEST_F(Program, RefusesWhatIsNotThereOrNotWhatItShouldBe) {
  expect_refusal({"train", "--data", "easy-vqa:" + path("nowhere"), "--out", path("out")}, 3,
                 path("nowhere") + ": expected easy-VQA's folder, got nothing");
  expect_refusal({"train", "--data", "shaeps", "--out", path("out")}, 2,
                 "data: unknown data set \"shaeps\", known are "
                 "shapes[:seed=N,train=N,test=N,questions=N], easy-vqa:DIR, "
                 "llava:FILE.json,images=DIR[,test=FILE2.json]; did you mean \"shapes\"?");
  expect_refusal({"ask", "--checkpoint", path("none"), "--image", "a.png", "what?"}, 3,
                 "checkpoint: " + path("none") + ": expected a folder, found none");
  write(folder_ / "bad.json", R"({"training": {"stepps": 3}})");
  const Outcome unknown_key =
      run({"train", "--data", kData, "--out", path("out"), "--config", path("bad.json")});
  EXPECT_EQ(unknown_key.code, 3);
  EXPECT_EQ(unknown_key.err.rfind("chainline: " + path("bad.json") +
                                      ": training: unknown key \"stepps\", known keys are ",
                                  0),
            0u)
      << unknown_key.err;
  EXPECT_NE(unknown_key.err.find("did you mean \"steps\"?\n"), std::string::npos);
  EXPECT_FALSE(fs::exists(folder_ / "out"));
}

TEST_F(Program, TrainsToTheSameWeightsWithBlocksRecomputedAndSaysWhoHoldsTheMemory) {
  EXPECT_EQ(run(training("kept", {"--steps", "2"})).code, 0);
  const Outcome told = run(training("recomputed", {"--steps", "2", "--recompute", "--memory"}));
  EXPECT_EQ(told.code, 0);
  EXPECT_NE(told.out.find("\nmemory peak      "), std::string::npos) << told.out;
  EXPECT_NE(told.out.find("\noptimizer state "), std::string::npos) << told.out;
  EXPECT_EQ(weights("recomputed"), weights("kept"));
}

TEST_F(Program, RefusesPicturesThatAreCutOrTooLargeOrOutsideOfTheirFolder) {
  ASSERT_EQ(run(training("run", {"--steps", "1"})).code, 0);
  const auto ask = [&](const std::string& image) {
    return std::vector<std::string>{"ask",     "--checkpoint", path("run"),
                                    "--image", path(image),    "what?"};
  };
  const std::vector<std::byte> png = encode_png(make_image(20, 20, {1, 2, 3}));
  const std::string whole = test::text_of(png);
  write(folder_ / "whole.png", whole);
  EXPECT_EQ(run(ask("whole.png")).code, 0);

  write(folder_ / "cut.png", whole.substr(0, whole.size() / 2));
  const Outcome cut = run(ask("cut.png"));
  EXPECT_EQ(cut.code, 3);
  EXPECT_EQ(cut.out, "");
  EXPECT_EQ(cut.err.rfind("chainline: " + path("cut.png") + ": ", 0), 0u) << cut.err;
  EXPECT_EQ(std::count(cut.err.begin(), cut.err.end(), '\n'), 1) << cut.err;

  write(folder_ / "huge.png", png_header(60000, 60000));
  const Outcome huge = run(ask("huge.png"));
  EXPECT_EQ(huge.code, 3);
  EXPECT_NE(huge.err.find("60000"), std::string::npos) << huge.err;

  fs::create_directories(folder_ / "images");
  fs::create_symlink(folder_ / "whole.png", folder_ / "images" / "link.png");
  for (const std::string& image :
       {std::string("../whole.png"), path("whole.png"), std::string("link.png")}) {
    write(folder_ / "data.json",
          R"([{"id": "1", "image": ")" + image +
              R"(", "conversations": [{"from": "human", "value": "<image>\nwhat?"},
                                      {"from": "gpt", "value": "red"}]}])");
    const Outcome outside = run(
        {"train", "--data",
         "llava:" + path("data.json") + ",images=" + path("images") + ",test=" + path("data.json"),
         "--out", path("out")});
    EXPECT_EQ(outside.code, 3) << image;
    EXPECT_EQ(std::count(outside.err.begin(), outside.err.end(), '\n'), 1) << outside.err;
    EXPECT_NE(outside.err.find(image), std::string::npos) << outside.err;
  }
}

TEST_F(Program, RefusesACheckpointThatWasCutInHalf) {
  ASSERT_EQ(run(training("run", {"--steps", "1"})).code, 0);
  const fs::path model = folder_ / "run" / "checkpoint" / "model.safetensors";
  fs::resize_file(model, fs::file_size(model) / 2);
  const Outcome outcome = run({"ask", "--checkpoint", path("run"), "--image", "a.png", "what?"});
  EXPECT_EQ(outcome.code, 3);
  EXPECT_EQ(
      outcome.err.rfind("chainline: checkpoint: " + model.string() + ": expected SHA-256 ", 0), 0u)
      << outcome.err;
  EXPECT_EQ(run(training("run", {"--steps", "1"})).code, 3);
}

TEST_F(Program, KeepsTheOldCheckpointWhenTheDiskIsFull) {
  ASSERT_EQ(run(training("whole")).code, 0);
  Process first(folder_.path(), training("run", {"--checkpoint-every", "1"}));
  wait_for(folder_ / "run" / "checkpoint");
  first.signal(SIGKILL);
  first.wait();
  const std::string before = weights("run");
  const Outcome full = run(training("run"), 40000);  // the model has some 65,000 bytes
  EXPECT_EQ(full.code, 3);
  EXPECT_NE(full.err.find("File too large"), std::string::npos) << full.err;
  EXPECT_EQ(weights("run"), before);
  EXPECT_NO_THROW(nn::read_checkpoint(folder_ / "run" / "checkpoint"));
  EXPECT_EQ(run(training("run")).code, 0);
  EXPECT_EQ(weights("run"), weights("whole"));
}

TEST_F(Program, EndsWithTheSameWeightsWhenItIsKilledAndResumed) {
  ASSERT_EQ(run(training("whole", {"--threads", "1"})).code, 0);
  // Killed three times, each time at another place of the loop.
  int kills = 0;
  for (int round = 0; round < 3; ++round) {
    Process process(folder_.path(), training("killed", {"--checkpoint-every", "1"}));
    wait_for(folder_ / "killed" / "checkpoint");
    ::usleep(static_cast<useconds_t>(7000 + 5000 * round));
    process.signal(SIGKILL);
    kills += process.wait().code == -SIGKILL;
  }
  EXPECT_GT(kills, 0);
  const Outcome resumed = run(training("killed", {"--threads", "2", "--micro-batch", "3"}));
  EXPECT_EQ(resumed.code, 0) << resumed.err;
  EXPECT_EQ(weights("killed"), weights("whole"));
  const std::vector<LogLine> a = read_log(folder_ / "whole" / "log.jsonl");
  const std::vector<LogLine> b = read_log(folder_ / "killed" / "log.jsonl");
  ASSERT_EQ(a.size(), 60u);
  ASSERT_EQ(b.size(), 60u);
  for (std::size_t i = 0; i < a.size(); ++i) {
    EXPECT_EQ(a[i].record.loss, b[i].record.loss) << i;
    EXPECT_EQ(a[i].record.gradient_norm, b[i].record.gradient_norm) << i;
  }
}

TEST_F(Program, RefusesADeviceThatIsNotThere) {
  expect_refusal({"gradcheck", "--device", "gpu"}, 2,
                 "device: expected cpu, cuda or cuda:N, got gpu");
  const std::string sentence = test::message_of<DeviceError>([] { cuda::backend(7); });
  expect_refusal(training("run", {"--device", "cuda:7"}), 4, sentence);
  expect_refusal({"ask", "--checkpoint", path("run"), "--image", "x.png", "?", "--device=cuda:7"},
                 4, sentence);
  EXPECT_FALSE(fs::exists(folder_ / "run"));
}

// Begun on one device and finished on the other; the weights are those of the CPU alone.
TEST_F(Program, TrainsToTheSameWeightsOnEachDevice) {
  if (cuda::device_count() == 0) GTEST_SKIP() << "no CUDA device";
  write(folder_ / "tiny.json", tiny_settings(4));
  ASSERT_EQ(run(training("cpu")).code, 0);
  Process begun(folder_.path(), training("cuda", {"--checkpoint-every", "1"}));
  wait_for(folder_ / "cuda" / "checkpoint");
  begun.signal(SIGKILL);
  begun.wait();
  const Outcome finished = run(training("cuda", {"--device=cuda"}));
  EXPECT_EQ(finished.code, 0) << finished.err;
  EXPECT_NE(finished.out.find("device           cuda:0, "), std::string::npos) << finished.out;
  EXPECT_EQ(weights("cuda"), weights("cpu"));
}

TEST_F(Program, ChecksGradientsOnTheSecondDevice) {
  if (cuda::device_count() == 0) GTEST_SKIP() << "no CUDA device";
  EXPECT_EQ(run({"gradcheck", "rms_norm", "--device=cuda"}).out,
            run({"gradcheck", "rms_norm"}).out);
}

TEST_F(Program, GoesOnWithFrozenParametersOnlyWhereTheyWereFrozen) {
  const std::vector<std::string> frozen = {"--freeze", "vision_tower"};
  ASSERT_EQ(run(training("whole", frozen)).code, 0);
  std::vector<std::string> careful = frozen;
  careful.insert(careful.end(), {"--checkpoint-every", "1"});
  Process process(folder_.path(), training("run", careful));
  wait_for(folder_ / "run" / "checkpoint");
  process.signal(SIGKILL);
  process.wait();
  const std::string before = weights("run");
  const Outcome thawed = run(training("run"));
  EXPECT_EQ(thawed.code, 3);
  EXPECT_NE(thawed.err.find("trainable_sha256 (which parameters are trained): this training has "),
            std::string::npos)
      << thawed.err;
  EXPECT_EQ(weights("run"), before);
  EXPECT_EQ(run(training("run", frozen)).code, 0);
  EXPECT_EQ(weights("run"), weights("whole"));
}

TEST_F(Program, RefusesToFreezeWhatIsNotThere) {
  const Outcome refused = run(training("run", {"--freeze", "vision_towre"}));
  EXPECT_EQ(refused.code, 2);
  EXPECT_TRUE(refused.err.starts_with(
      "chainline: train: freeze: expected the start of a parameter's name, such as "))
      << refused.err;
  EXPECT_TRUE(refused.err.ends_with(", got \"vision_towre\"\n")) << refused.err;
  EXPECT_FALSE(fs::exists(folder_ / "run"));
}

TEST_F(Program, NamesTheRunsWhereOneIsExpected) {
  ASSERT_EQ(run(training("all/first", {"--steps", "1"})).code, 0);
  expect_refusal({"inspect", path("all")}, 3,
                 "checkpoint: " + path("all") +
                     ": expected the folder of one run, got that of several: " + path("all/first"));
}

TEST_F(Program, RefusesAFileOfNumbersThatItCouldNotWriteBeforeItMeasures) {
  for (const std::string command : {"probe", "gradients"}) {
    expect_refusal({command, "--checkpoint", path("none"), "--json", path("nowhere/x.json")}, 3,
                   path("nowhere") + ": expected a folder for --json, got nothing");
  }
}

TEST_F(Program, EndsWithTheSameWeightsForEveryInstructionSet) {
  ASSERT_EQ(run(training("best")).code, 0);
  for (const Isa isa : available_isas()) {
    const std::string set(name(isa));
    ::setenv("CHAINLINE_ISA", set.c_str(), 1);
    const Outcome outcome = run(training(set));
    const Outcome machine = run({"inspect", "machine"});
    ::unsetenv("CHAINLINE_ISA");
    EXPECT_EQ(outcome.code, 0) << outcome.err;
    EXPECT_EQ(weights(set), weights("best")) << set;
    EXPECT_NE(machine.out.find("instruction_set    " + set + "\n"), std::string::npos)
        << machine.out;
  }
}

TEST_F(Program, RefusesAnInstructionSetThatIsNone) {
  ::setenv("CHAINLINE_ISA", "sse9", 1);
  const std::string all = kIsas == 3 ? "scalar, avx2 or avx512" : "scalar or neon";
  expect_refusal({"inspect", "machine"}, 2, "CHAINLINE_ISA: expected " + all + ", got sse9");
  ::unsetenv("CHAINLINE_ISA");
}

TEST_F(Program, StopsAtCtrlCWithACheckpointAndCode130) {
  ASSERT_EQ(run(training("whole", {"--steps", "400"})).code, 0);
  const auto arguments = training("run", {"--steps", "400", "--checkpoint-every", "400"});
  Process process(folder_.path(), arguments);
  wait_for(folder_ / "run" / "log.jsonl");
  process.signal(SIGINT);
  const Outcome stopped = process.wait();
  EXPECT_EQ(stopped.code, 130);
  EXPECT_NE(stopped.err.find("chainline: training: stopped after step "), std::string::npos);
  EXPECT_TRUE(fs::exists(folder_ / "run" / "checkpoint"));
  EXPECT_EQ(run(arguments).code, 0);
  EXPECT_EQ(weights("run"), weights("whole"));
}

TEST_F(Program, TrainsAsksMarksAndInspects) {
  const Outcome trained = run(training("run", {"--steps", "2", "--watermark-rate", "0.5"}));
  EXPECT_EQ(trained.code, 0) << trained.err;
  EXPECT_NE(trained.out.find("weights sha256   "), std::string::npos) << trained.out;
  EXPECT_NE(trained.out.find("\nwaited for data  "), std::string::npos) << trained.out;
  EXPECT_NE(content_of(folder_ / "run" / "manifest.json").find("\"share_waited_for_data\": 0."),
            std::string::npos);
  for (const char* name : {"manifest.json", "log.jsonl", "ledger.jsonl", "people.jsonl"}) {
    EXPECT_TRUE(fs::exists(folder_ / "run" / name)) << name;
  }
  const Outcome marked = run({"watermark", "--data", kData, "--out", path("marked")});
  EXPECT_EQ(marked.code, 0) << marked.err;
  const std::vector<std::string> ask = {"ask",
                                        "--checkpoint",
                                        path("run"),
                                        "--image",
                                        path("marked/images/000000.png"),
                                        "what color is the circle?"};
  const Outcome answer = run(ask);
  EXPECT_EQ(answer.code, 0) << answer.err;
  EXPECT_EQ(run(ask).out, answer.out);
  const Outcome shown = run({"inspect", path("run")});
  EXPECT_EQ(shown.code, 0) << shown.err;
  EXPECT_NE(shown.out.find("language_model.lm_head.weight"), std::string::npos);
  EXPECT_NE(shown.out.find("weights   sha256 " + weights("run")), std::string::npos);
  EXPECT_EQ(run({"inspect", "machine"}).code, 0);
  EXPECT_EQ(run({"inspect", path("run/checkpoint/tokenizer.json")}).code, 0);

  // Fine-tuning from it trains the low-rank additions alone; the result can be asked.
  const Outcome tuned =
      run(training("lora", {"--steps", "2", "--from", path("run"), "--lora-rank", "2"}));
  EXPECT_EQ(tuned.code, 0) << tuned.err;
  std::vector<std::string> ask_tuned = ask;
  ask_tuned[2] = path("lora");
  EXPECT_EQ(run(ask_tuned).code, 0);
  const auto before = nn::read_checkpoint(folder_ / "run" / "checkpoint").model;
  const auto after = nn::read_checkpoint(folder_ / "lora" / "checkpoint").model;
  EXPECT_EQ(after.size(), before.size() + 8);
  for (const auto& [name, tensor] : before) EXPECT_TRUE(same_bits(tensor, after.at(name))) << name;
}

}  // namespace
}  // namespace chainline::experiments
