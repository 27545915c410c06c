#include "experiments/program/op_table.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <regex>
#include <set>
#include <sstream>

#include "experiments/program/text_table.h"

namespace chainline::experiments {
namespace {

std::string read(const std::filesystem::path& path) {
  std::ifstream file(path);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

std::set<std::string> found(const std::string& text, const std::regex& pattern) {
  std::set<std::string> names;
  for (std::sregex_iterator m(text.begin(), text.end(), pattern), end; m != end; ++m) {
    names.insert((*m)[1]);
  }
  return names;
}

const std::filesystem::path kSource = CHAINLINE_SOURCE_DIR;

/// The declarations inside of namespace chainline::ops of a header.
std::string ops_part(const std::string& header) {
  const std::size_t whole = header.find("namespace chainline::ops {");
  const std::size_t nested = header.find("namespace ops {");
  const std::size_t begin = std::min(whole, nested);
  if (begin == std::string::npos) return "";
  return header.substr(begin, header.find("}  // namespace", begin) - begin);
}

std::vector<std::filesystem::path> headers() {
  std::vector<std::filesystem::path> paths;
  // These hold what the ops share, and declare none.
  const std::set<std::string> shared{"along.h", "broadcast.h", "indices.h", "operand.h",
                                     "target_refusals.h"};
  for (const auto& entry : std::filesystem::directory_iterator(kSource / "tensor/ops")) {
    const std::filesystem::path path = entry.path();
    if (path.extension() == ".h" && shared.count(path.filename().string()) == 0) {
      paths.push_back(path);
    }
  }
  return paths;
}

/// What is in a and not in b.
std::vector<std::string> without(const std::set<std::string>& a, const std::set<std::string>& b) {
  std::vector<std::string> rest;
  std::set_difference(a.begin(), a.end(), b.begin(), b.end(), std::back_inserter(rest));
  return rest;
}

const std::vector<std::string> kNone;

TEST(OpTable, ListsEveryDeclaredOpWithItsHeader) {
  std::set<std::string> listed, declared;
  for (const OpRow& op : op_table()) {
    EXPECT_TRUE(listed.insert(op.header + " " + op.name).second) << op.name << " twice";
  }
  const std::regex declaration("(?:^|\n)[\\w:]+ (\\w+)\\(");
  for (const std::filesystem::path& path : headers()) {
    for (const std::string& name : found(ops_part(read(path)), declaration)) {
      // A gradient is part of its op.
      const std::string op = name.substr(0, name.find("_backward"));
      declared.insert("tensor/ops/" + path.filename().string() + " " + op);
    }
  }
  for (const char* view : {"alias", "transpose", "permute", "broadcast_to", "patchify"}) {
    declared.insert(std::string("tensor/tensor.h ") + view);
  }
  // Members of Tensor, and rules made of them, whose kernels are there.
  for (const char* copy : {"copy_from", "reshape", "unpatchify", "to", "fill", "arange"}) {
    declared.insert(std::string("tensor/ops/copy.h ") + copy);
  }
  EXPECT_EQ(without(declared, listed), kNone);
  EXPECT_EQ(without(listed, declared), kNone);
}

TEST(OpTable, NamesEveryKernel) {
  std::set<std::string> listed, declared;
  for (const OpRow& op : op_table()) listed.insert(op.kernels.begin(), op.kernels.end());
  for (const std::filesystem::path& path : headers()) {
    declared.merge(found(read(path), std::regex("CHAINLINE_KERNEL\\(\\s*(\\w+),")));
  }
  EXPECT_EQ(without(declared, listed), kNone);
  EXPECT_EQ(without(listed, declared), kNone);
}

TEST(OpTable, NamesTestsThatExist) {
  std::set<std::string> named, tests;
  for (const OpRow& op : op_table()) named.insert(op.proof);
  const std::regex definition("TEST(?:_P|_F)?\\((\\w+,\\s+\\w+)\\)");
  for (const auto& entry : std::filesystem::recursive_directory_iterator(kSource / "tests")) {
    if (entry.path().extension() != ".cpp") continue;
    for (const std::string& name : found(read(entry.path()), definition)) {
      tests.insert(std::regex_replace(name, std::regex(",\\s+"), "."));
    }
  }
  EXPECT_GT(tests.size(), 300u);
  EXPECT_EQ(without(named, tests), kNone);
}

TEST(OpTable, HasTheAccuracyOfEveryDifferentiableOp) {
  for (const OpRow& op : op_table()) {
    EXPECT_EQ(op.accuracy.has_value(), op.differentiable && op.order > 0) << op.name;
    EXPECT_TRUE(!op.accuracy || op.accuracy->ok()) << op.name;
  }
}

TEST(OpTable, HasEveryOpOnTheCpu) {
  for (const OpRow& op : op_table()) {
    EXPECT_EQ(std::count(op.devices.begin(), op.devices.end(), "cpu"), 1) << op.name;
  }
}

// The class of an op is the one that its contract states.
TEST(OpTable, CallsExactWhatTheContractsCallExact) {
  for (const OpRow& op : op_table()) {
    EXPECT_EQ(op.bits, "exact");
    if (op.kernels.empty()) continue;
    EXPECT_NE(read(kSource / op.header).find("/// Bits     exact"), std::string::npos) << op.header;
  }
}

// An op computes bf16 where its contract says so.
TEST(OpTable, CallsFastWhatTheContractsCallFast) {
  std::set<std::string> listed, declared;
  for (const OpRow& op : op_table()) {
    const bool computes = op.fast == "rounded once" || op.fast == "repeatable";
    if (computes && !op.kernels.empty() && op.name != "to") listed.insert(op.header);
    EXPECT_TRUE(op.fast.empty() || op.fast == "copied" || computes) << op.fast;
    if (op.fast == "repeatable") {
      EXPECT_TRUE(
          std::regex_search(read(kSource / op.header), std::regex("bf16:?( is)? repeatable")))
          << op.header;
    }
  }
  for (const std::filesystem::path& path : headers()) {
    if (std::regex_search(read(path), std::regex("/// DTypes .*bf16"))) {
      declared.insert("tensor/ops/" + path.filename().string());
    }
  }
  declared.erase("tensor/ops/embedding.h");  // whose rows are looked up in any of them
  EXPECT_EQ(without(declared, listed), kNone);
  EXPECT_EQ(without(listed, declared), kNone);
}

TEST(OpTable, TellsPrimitiveAndFusedOpsApart) {
  for (const OpRow& op : op_table()) {
    if (op.name == "layer_norm") {
      EXPECT_TRUE(op.differentiable && op.composed);
      EXPECT_EQ(op.order, 3);
    }
    if (op.name == "argmax") {
      EXPECT_FALSE(op.differentiable || op.composed);
    }
    EXPECT_EQ(op.composed, op.order == 3) << op.name;
  }
}

TEST(TextTable, AlignsFiguresRightAndWordsLeft) {
  EXPECT_EQ(text_table({{"op"}, {"a÷b", true}, {"verdict"}},
                       {{"exp", "0.5", "ok"}, {"log", "12.25", ""}}),
            "op     a÷b  verdict\n"
            "exp    0.5  ok\n"
            "log  12.25\n");
}

}  // namespace
}  // namespace chainline::experiments
