// code_version: what of the sources it covers.

#include "experiments/plan/code_version.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <regex>
#include <set>
#include <sstream>

#include "tensor/sha256.h"
#include "tests/tensor/folder.h"

namespace chainline::experiments {
namespace {

const std::filesystem::path kRoot = CHAINLINE_SOURCE_DIR;

std::string list_of(const std::string& name) {
  return test::content_of(CHAINLINE_BINARY_DIR "/experiments/generated/experiments/" + name);
}

std::set<std::string> files_of(const std::string& name) {
  std::istringstream list(list_of(name));
  std::set<std::string> files;
  for (std::string hash, file; list >> hash >> file;) files.insert(file);
  return files;
}

/// The files of the project that a file includes.
std::set<std::string> included_by(const std::string& file) {
  static const std::regex include("#[ \t]*include[ \t]*\"([^\"]+)\"");
  const std::string text = test::content_of(kRoot / file);
  std::set<std::string> files;
  for (std::sregex_iterator at(text.begin(), text.end(), include), end; at != end; ++at) {
    if (std::filesystem::exists(kRoot / (*at)[1].str())) files.insert((*at)[1].str());
  }
  return files;
}

/// What a list lacks though its files include it. Signals and progress decide no result, and
/// emulated instructions have the bits of the true ones.
std::set<std::string> left_out(const std::string& name) {
  static const std::regex decides_nothing(
      "experiments/training/(interrupt|progress|terminal)\\.h|cuda/emulator/.*");
  const std::set<std::string> files = files_of(name);
  std::set<std::string> missing;
  for (const std::string& file : files) {
    for (const std::string& other : included_by(file)) {
      if (files.count(other) == 0 && !std::regex_match(other, decides_nothing)) {
        missing.insert(file + " includes " + other);
      }
    }
  }
  return missing;
}

TEST(CodeVersion, IsTheHashOfTheListOfSources) {
  EXPECT_EQ(code_version(), sha256_hex(list_of("code_version.txt")));
  EXPECT_EQ(training_code_version(), sha256_hex(list_of("code_version_training.txt")));
}

TEST(CodeVersion, CoversWhatResultsFollowFromAndNotWhatShowsThem) {
  const std::set<std::string> all = files_of("code_version.txt");
  const std::set<std::string> training = files_of("code_version_training.txt");
  for (const char* file :
       {"tensor/gemm.cpp", "tensor/ops/gelu.h", "autograd/engine.cpp", "nn/vit.cpp", "cuda/gelu.cu",
        "cuda/gemm/plain.cuh", "experiments/data/shapes.cpp", "experiments/training/trainer.cpp",
        "experiments/watermark/people.cpp"}) {
    EXPECT_EQ(all.count(file), 1u) << file;
    EXPECT_EQ(training.count(file), 1u) << file;
  }
  for (const char* file : {"experiments/probing/logistic.cpp", "experiments/gradients/comparison.h",
                           "experiments/measures/utility.cpp"}) {
    EXPECT_EQ(all.count(file), 1u) << file;
    EXPECT_EQ(training.count(file), 0u) << file;
  }
  for (const char* file : {"experiments/report/html.cpp", "experiments/program/train.cpp",
                           "experiments/plan/plan.cpp", "experiments/chainline.cpp",
                           "experiments/training/progress.cpp", "cuda/emulator/block.cpp"}) {
    EXPECT_EQ(all.count(file), 0u) << file;
    EXPECT_TRUE(std::filesystem::exists(kRoot / file)) << file << " should be, but is not there";
  }
}

// code_version.cmake lists changes that leave all results as they are; for one content of a file each.
TEST(CodeVersion, CountsAFileAsAnotherOnlyWhereThatIsSaid) {
  const std::string rules = test::content_of(kRoot / "experiments/code_version.cmake");
  std::istringstream list(list_of("code_version.txt"));
  for (std::string hash, file; list >> hash >> file;) {
    const std::string now = sha256_hex(test::content_of(kRoot / file));
    if (now == hash) continue;
    EXPECT_NE(rules.find("\"" + file + " " + now + " " + hash + "\""), std::string::npos) << file;
  }
}

TEST(CodeVersion, LeavesOutNothingThatTheSourcesInclude) {
  EXPECT_EQ(left_out("code_version.txt"), std::set<std::string>());
  EXPECT_EQ(left_out("code_version_training.txt"), std::set<std::string>());
}

}  // namespace
}  // namespace chainline::experiments
