#include "autograd/audit.h"

#include <gtest/gtest.h>

#include <limits>
#include <sstream>

#include "autograd/ops.h"
#include "tests/support.h"

namespace chainline {
namespace {

Variable parameter(const std::string& name, const std::vector<double>& values) {
  Variable v(test::from(values, {static_cast<std::int64_t>(values.size())}), true);
  v.set_name(name);
  return v;
}

GradientTable table_of(const Variable& loss, const Variables& parameters) {
  GradientTable table;
  GradOptions options;
  options.observer = &table;
  grad({loss}, parameters, options);
  return table;
}

TEST(SizeOfGradients, LeavesOutWhatIsNotFiniteAndCountsIt) {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const double infinity = std::numeric_limits<double>::infinity();
  const GradientSize size =
      size_of_gradients({parameter("a", {3, nan, -4}), Variable(), parameter("b", {infinity})});
  EXPECT_EQ(size.max, 4);
  EXPECT_DOUBLE_EQ(size.rms, std::sqrt(12.5));
  EXPECT_EQ(size.nonfinite, 2);
  EXPECT_EQ(size_of_gradients({}).rms, 0);
}

// loss = sum(w^2), w = (3, 4): 1 arrives at sum, (1, 1) at square, and (6, 8) leaves it.
TEST(GradientTable, HasARowPerNodeNewestFirst) {
  const Variable w = parameter("w", {3, 4});
  Variable loss;
  {
    const NameScope model("model"), head("head");
    loss = sum_all(square(w));
  }
  const GradientTable table = table_of(loss, {w});
  ASSERT_EQ(table.rows().size(), 2u);
  const GradientRow &sum = table.rows()[0], &square = table.rows()[1];
  EXPECT_EQ(sum.op, "sum");
  EXPECT_EQ(square.op, "square");
  EXPECT_GT(sum.sequence, square.sequence);
  EXPECT_EQ(square.scope, "model.head");
  EXPECT_EQ(square.input_shapes, (std::vector<Shape>{{2}}));
  EXPECT_EQ(square.saved_bytes, 2 * sizeof(double));
  EXPECT_EQ(sum.saved_bytes, 0u);
  EXPECT_EQ(square.grad_in.max, 1);
  EXPECT_EQ(square.grad_in.rms, 1);
  EXPECT_EQ(square.grad_out.max, 8);
  EXPECT_DOUBLE_EQ(square.grad_out.rms, std::sqrt(50.0));
  EXPECT_EQ(table.birth_of_nonfinite(), nullptr);
}

TEST(GradientTable, LeavesOutNodesThatNoQuestionNeeds) {
  const Variable w = parameter("w", {3}), other = parameter("other", {4});
  const GradientTable table = table_of(sum_all(square(w) + exp(other)), {w});
  for (const GradientRow& row : table.rows()) EXPECT_NE(row.op, "exp");
}

TEST(GradientTable, PrintsAlignedColumns) {
  const Variable w = parameter("w", {3, 4});
  Variable loss;
  {
    const NameScope head("head");
    loss = sum_all(square(w));
  }
  const GradientTable table = table_of(loss, {w});
  std::ostringstream out;
  table.print(out);
  std::vector<std::string> lines;
  std::istringstream in(out.str());
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  ASSERT_EQ(lines.size(), 3u);
  for (const std::string& line : lines) {
    EXPECT_EQ(line.find(&line == &lines[0] ? "module" : "head"), lines[0].find("module")) << line;
  }
  EXPECT_NE(lines[2].find("square"), std::string::npos);
  EXPECT_NE(lines[2].find("8.00e+00"), std::string::npos) << lines[2];
}

// d sqrt(x) is infinite at 0; the product with the 0 of square's rule then makes it NaN, but the
// infinity was first.
TEST(BirthOfNonfinite, NamesTheFirstNodeThatMadeOneFromFiniteGradients) {
  const Variable x = parameter("x", {0, 1});
  const GradientTable table = table_of(sum_all(sqrt(square(x))), {x});
  const GradientRow* birth = table.birth_of_nonfinite();
  ASSERT_NE(birth, nullptr);
  EXPECT_EQ(birth->op, "sqrt");
  EXPECT_EQ(birth->grad_in.nonfinite, 0);
  EXPECT_EQ(birth->grad_out.nonfinite, 1);
  EXPECT_EQ(table.rows().back().op, "square");
  EXPECT_EQ(table.rows().back().grad_out.nonfinite, 1);  // it only passed the NaN on
}

// Read it as a picture: w goes through square and exp, both go into add, whose sum is the loss.
TEST(TapeAsDot, DrawsTheHistoryWithItsModules) {
  const Variable w = parameter("w", {3, 4});
  Variable branch;
  {
    const NameScope scope("mlp");
    branch = square(w);
  }
  const Variable loss = sum_all(branch + exp(w));
  const std::string expected = R"dot(digraph tape {
  rankdir=TB;
  node [shape=box];
  leaf2 [shape=ellipse, label="w (2)"];
  op1 [label="exp (2)", tooltip="saves 16 bytes"];
  op2 [label="add (2)", tooltip="saves 0 bytes"];
  op3 [label="sum ()", tooltip="saves 0 bytes"];
  subgraph cluster_0 {
    label="mlp";
    op0 [label="square (2)", tooltip="saves 16 bytes"];
  }
  leaf2 -> op0;
  leaf2 -> op1;
  op0 -> op2;
  op1 -> op2;
  op2 -> op3;
}
)dot";
  EXPECT_EQ(tape_as_dot({loss}), expected);
}

TEST(TapeAsDot, DrawsTheSameProgramTheSameWayAgain) {
  const auto draw = [] {
    const Variable w = parameter("a \"name\"", {1});
    return tape_as_dot({sum_all(w * w)});
  };
  EXPECT_EQ(draw(), draw());
  EXPECT_NE(draw().find("label=\"a \\\"name\\\" (1)\""), std::string::npos) << draw();
}

}  // namespace
}  // namespace chainline
