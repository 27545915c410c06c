#include "experiments/reproduce/reproduce.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "experiments/reproduce/accuracy.h"
#include "experiments/reproduce/findings.h"
#include "tensor/sha256.h"
#include "tests/experiments/watermark/small_font.h"
#include "tests/support.h"

namespace chainline::experiments {
namespace {

namespace fs = std::filesystem;
using test::message_of;

std::string content_of(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

/// A smaller smoke, in a folder of its own.
struct Small {
  ReproduceOptions options = defaults_at("smoke");

  explicit Small(const std::string& name) {
    options.data = data_at_scale("shapes", "smoke");
    options.out = fs::path(::testing::TempDir()) / ("reproduce_" + name);
    fs::remove_all(options.out);
  }
  ~Small() { fs::remove_all(options.out); }
};

TEST(Reproduce, RunsFromDataToReportAndRepeatsNothing) {
  const Small small("whole");
  const Reproduction first = reproduce(small.options, "chainline reproduce");
  EXPECT_EQ(first.steps_trained, 20 + 3 * 8);
  EXPECT_EQ(first.stages_made, 4 * 2 + 2);  // accuracy and probes of four models, two gradients
  const std::string results = content_of(small.options.out / "results.json");
  const std::string report = content_of(small.options.out / "report.html");
  for (const char* id : {"accuracy", "claims", "loss-base", "loss-tuned", "gradients-by-size",
                         "gradients-base", "gradients-rate-000", "gradient-norms", "replica",
                         "held-out", "probe-accuracy", "probe-auc", "pictures", "ledger", "runs"})
    EXPECT_NE(report.find("<figure id=\"" + std::string(id) + "\""), report.npos) << id;
  for (const char* file : {"manifest.json", "rate-000/ledger.jsonl", "rate-100/ledger.jsonl"})
    EXPECT_TRUE(fs::exists(small.options.out / file)) << file;

  const Reproduction second = reproduce(small.options, "chainline reproduce");
  EXPECT_EQ(second.steps_trained, 0);
  EXPECT_EQ(second.stages_made, 0);
  EXPECT_EQ(content_of(small.options.out / "results.json"), results);
}

TEST(Reproduce, GoesOnWhereItWasKilledToTheSameNumbers) {
  const Small small("killed");
  reproduce(small.options, "chainline reproduce");
  const std::string results = content_of(small.options.out / "results.json");
  // As after a kill in the last fine-tuning: what came after the middle is gone.
  fs::remove_all(small.options.out / "rate-100");
  fs::remove(small.options.out / "stages" / "rate-050-probes-1.json");
  fs::remove(small.options.out / "results.json");
  const Reproduction again = reproduce(small.options, "chainline reproduce");
  EXPECT_EQ(again.steps_trained, 8);
  EXPECT_EQ(again.stages_made, 1);  // the weights of the last run are the same, so its stages hold
  EXPECT_EQ(content_of(small.options.out / "results.json"), results);
}

TEST(Reproduce, FreezesTheVisionEncoderUnderLora) {
  Small small("lora");
  small.options.rates = {0, 100};
  small.options.lora_rank = 2;
  const Reproduction done = reproduce(small.options, "chainline reproduce --lora 2");
  // With frozen vision layers the gradients of the fine-tuned model have no such parts.
  for (const Json& p : done.results.at("gradients").back().at("points"))
    EXPECT_EQ(p.at("group").get<std::string>().rfind("vision", 0), std::string::npos);
  EXPECT_EQ(done.results.at("accuracy_differences").size(), 1u);
}

TEST(Reproduce, DrawsItsCardsWithTheFontThatItsManifestNames) {
  Small small("font");
  small.options.rates = {0, 100};
  const fs::path font = fs::path(::testing::TempDir()) / "reproduce small.ttf";
  const std::vector<std::byte> bytes = test::small_font();
  std::ofstream(font, std::ios::binary)
      .write(reinterpret_cast<const char*>(bytes.data()), std::ssize(bytes));
  const Reproduction plain = reproduce(small.options, "chainline reproduce");
  const Small other("other_font");
  ReproduceOptions options = small.options;
  options.out = other.options.out;
  options.font = font.string();
  const Reproduction done = reproduce(options, "chainline reproduce");
  const Json& drawn = done.results.at("config").at("watermark");
  EXPECT_EQ(drawn.at("font"), font.string());
  EXPECT_EQ(drawn.at("font_sha256"), sha256_file_hex(font));
  EXPECT_EQ(read_json(options.out / "manifest.json").at("config").at("watermark"), drawn);
  // The clean runs are the same, what sees cards is not: training, gradients and probes.
  for (const char* seen : {"gradients", "probes"})
    EXPECT_NE(done.results.at(seen), plain.results.at(seen)) << seen;
  const Json &runs = done.results.at("runs"), &plain_runs = plain.results.at("runs");
  EXPECT_EQ(runs.at(1).at("weights_sha256"), plain_runs.at(1).at("weights_sha256"));
  EXPECT_NE(runs.at(2).at("weights_sha256"), plain_runs.at(2).at("weights_sha256"));
  // The commands under the figures draw the same cards.
  EXPECT_NE(content_of(options.out / "report.html").find("<span>--font</span> &#39;"),
            std::string::npos);
  fs::remove(font);
}

TEST(Reproduce, RefusesOptionsWithoutSense) {
  const Small small("refused");
  ReproduceOptions o = small.options;
  o.rates = {50, 0};
  EXPECT_EQ(message_of<ValueError>([&] { reproduce(o, ""); }),
            "reproduce: rates: expected them in ascending order, got 0 after 50");
  o.rates = {0, 150};
  EXPECT_EQ(message_of<ValueError>([&] { reproduce(o, ""); }),
            "reproduce: rates: expected percents of 0 .. 100, got 150");
  EXPECT_EQ(message_of<ValueError>([] { defaults_at("large"); }),
            "reproduce: scale: expected cpu or smoke, got large");
}

TEST(Accuracy, CountsQuestionsByKindWithoutAndWithImages) {
  const Dataset data = load_dataset("shapes:seed=1,train=40,test=20,questions=2");
  const Json rule = question_only_by_kind(data);
  EXPECT_DOUBLE_EQ(rule.at("accuracy").get<double>(), question_only_accuracy(data));
  Evaluation none, some;
  none.questions = some.questions = 40;
  none.right_by_sample.assign(40, false);
  some.right_by_sample = none.right_by_sample;
  for (const std::size_t i : {0, 1, 2, 7}) some.right_by_sample[i] = true;
  some.right = 4;
  const Json a = accuracy_of(none, data.test), b = accuracy_of(some, data.test);
  EXPECT_DOUBLE_EQ(b.at("accuracy").get<double>(), 0.1);
  const Json d = accuracy_difference(a, b, data.test, 500, 1);
  EXPECT_DOUBLE_EQ(d.at("difference").get<double>(), 0.1);
  // 0.1 of 20 images with 2 questions: sd over images of about 0.22, standard error 0.05.
  EXPECT_NEAR(d.at("interval")[0].get<double>(), 0.02, 0.03);
  EXPECT_LT(d.at("interval")[0].get<double>(), d.at("interval_90")[0].get<double>());
  EXPECT_DOUBLE_EQ(accuracy_difference(b, b, data.test, 50, 1).at("interval")[1].get<double>(),
                   0.0);
}

TEST(AucDifference, IsZeroBetweenAModelAndItself) {
  const Json probes = {
      {"primary",
       {{"scores", {0.1, 0.9, 0.4, 0.3}}, {"seen", {0, 1, 0, 1}}, {"users", {0, 1, 2, 3}}}}};
  Json better = probes;
  better["primary"]["scores"] = {0.1, 0.9, 0.2, 0.3};
  EXPECT_DOUBLE_EQ(auc_difference(probes, probes, 50, 1).at("difference").get<double>(), 0.0);
  // 3 of 4 pairs are in order in one, all in the other.
  EXPECT_DOUBLE_EQ(auc_difference(probes, better, 50, 1).at("difference").get<double>(), 0.25);
}

}  // namespace
}  // namespace chainline::experiments
