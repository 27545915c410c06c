#include "experiments/data/dataset.h"

#include <sys/stat.h>

#include "experiments/data/loaders.h"
#include "tests/experiments/data/folder.h"

namespace chainline::experiments {
namespace {

namespace fs = std::filesystem;

std::string refused(const std::string& spec) {
  return refusal<FileError>([&] { load_dataset(spec); });
}

std::string misspelt(const std::string& spec) {
  return refusal<ValueError>([&] { load_dataset(spec); });
}

/// An easy-VQA folder of one image and one question a split.
void write_easy_vqa(const TemporaryFolder& folder) {
  folder.write("LICENSE", "MIT License\n\nmore\n");
  for (const char* split : {"train", "test"}) {
    folder.write(std::string(split) + "/questions.json", R"([["what color?", "blue", 3]])");
    fs::create_directories(folder / split / "images");
    save_png(make_image(4, 4, {0, 0, 255}), folder / split / "images/3.png");
  }
}

Example example(const std::string& question, const std::string& answer) {
  return {"", 0, {{question, answer}}, ""};
}

TEST(QuestionOnlyRule, IsTheMajorityAnswerAndTheFirstOfEquals) {
  Dataset data;
  data.train.examples = {example("a", "y"), example("a", "x"), example("a", "x"), example("b", "z"),
                         example("b", "w")};
  EXPECT_EQ(question_only_rule(data.train),
            (std::map<std::string, std::string>{{"", "x"}, {"a", "x"}, {"b", "z"}}));
  data.test.examples = {example("a", "x"), example("a", "y"), example("b", "z"), example("c", "x")};
  EXPECT_EQ(question_only_accuracy(data), 0.75);
}

TEST(EasyVqa, ReadsAFolder) {
  const TemporaryFolder folder;
  write_easy_vqa(folder);
  const Dataset data = load_dataset("easy-vqa:" + folder.path().string());
  EXPECT_EQ(data.licence, "MIT License");
  ASSERT_EQ(data.train.examples.size(), 1u);
  EXPECT_EQ(data.train.examples[0].turns[0].answer, "blue");
  EXPECT_EQ(data.train.examples[0].kind, "color");
  EXPECT_EQ(data.train.images->name(0), "images/3.png");
  EXPECT_EQ(data.train.images->image(0), make_image(4, 4, {0, 0, 255}));
}

TEST(EasyVqa, NamesFileAndRowOfWhatIsWrong) {
  const TemporaryFolder folder;
  const std::string spec = "easy-vqa:" + folder.path().string();
  const std::string at = folder.path().string();
  EXPECT_EQ(refused(spec), at + "/LICENSE: No such file or directory");
  write_easy_vqa(folder);
  const auto train = [&](const std::string& text) {
    folder.write("train/questions.json", text);
    return refused(spec).substr(at.size());
  };
  EXPECT_EQ(train("{}"),
            "/train/questions.json: expected a list of [question, answer, image id], got nothing");
  EXPECT_EQ(train(R"([["q", "a", 3], ["q", "a", "3"]])"),
            "/train/questions.json: row 1: expected [question, answer, image id], got "
            "[\"q\",\"a\",\"3\"]");
  EXPECT_EQ(train(R"([["q", "a", -1]])").substr(0, 29), "/train/questions.json: row 0:");
  EXPECT_EQ(train(R"([["q", "", 3]])"),
            "/train/questions.json: row 0: question or answer is empty");
  EXPECT_EQ(
      train(R"([["q", "a", 3], ["q", "a", 4]])"),
      "/train/questions.json: row 1: " + at + "/train/images/4.png: No such file or directory");
  EXPECT_EQ(refused("easy-vqa:" + at + "/none"),
            at + "/none: expected easy-VQA's folder, got nothing");
}

TEST(EasyVqa, RefusesATruncatedImageAndANamedPipe) {
  const TemporaryFolder folder;
  write_easy_vqa(folder);
  const std::string spec = "easy-vqa:" + folder.path().string();
  const fs::path image = folder / "train" / "images/3.png";
  fs::resize_file(image, fs::file_size(image) - 5);
  EXPECT_NE(refused(spec).find("row 0: " + image.string() + ": truncated PNG: "),
            std::string::npos);
  fs::remove(image);
  ASSERT_EQ(::mkfifo(image.c_str(), 0600), 0);
  EXPECT_NE(refused(spec).find("3.png: expected a regular file, got a device, pipe or socket"),
            std::string::npos);
}

TEST(EasyVqa, TheQuestionAloneAnswers67PercentOfTheRealData) {
  const fs::path folder = fs::path(CHAINLINE_SOURCE_DIR) / "../shared/data/easy-vqa";
  if (!fs::is_directory(folder)) GTEST_SKIP() << "no easy-VQA beside the sources: " << folder;
  const Dataset data = read_easy_vqa(folder);
  EXPECT_EQ(data.train.examples.size(), 38575u);
  EXPECT_EQ(data.test.examples.size(), 9673u);
  EXPECT_EQ(data.train.images->size(), 4000);
  EXPECT_EQ(data.test.images->size(), 1000);
  EXPECT_NEAR(question_only_accuracy(data), 0.670, 0.0005);
  EXPECT_EQ(data.train.images->image(0).width, 64);
}

class LlavaTest : public testing::Test {
 protected:
  LlavaTest() {
    fs::create_directories(folder_ / "images/sub");
    for (int i = 0; i < 10; ++i) save_png(make_image(3 + i, 5, {9, 9, 9}), folder_ / image(i));
  }
  static std::string image(int i) { return "images/sub/" + std::to_string(i) + ".png"; }

  static std::string row(const std::string& id, const std::string& path,
                         const std::string& question = "<image>\\nWhat is it?",
                         const std::string& more = "") {
    return std::string(R"({"id": ")") + id + R"(", "image": ")" + path +
           R"(", "conversations": [{"from": "human", "value": ")" + question +
           R"("}, {"from": "gpt", "value": "Grey."})" + more + "]}";
  }
  static std::string list(const std::string& rows) {
    return std::string("[").append(rows).append("]");
  }
  std::string spec(const std::string& text) {
    return "llava:" + folder_.write("data.json", text).string() +
           ",images=" + (folder_ / "images").string();
  }
  /// What is said of one row, after the file's name and "row 0: ".
  std::string refused_row(const std::string& text) {
    const std::string file = spec(list(text));  // its own test file: one row is enough
    const std::string said = refused(file + ",test=" + (folder_ / "data.json").string());
    const std::string start = (folder_ / "data.json: row 0: ").string();
    EXPECT_EQ(said.substr(0, start.size()), start);
    return said.substr(std::min(said.size(), start.size()));
  }

  TemporaryFolder folder_;
};

TEST_F(LlavaTest, ReadsConversationsAndHoldsOutEveryTenthImage) {
  std::string rows;
  for (int i = 0; i < 10; ++i) {
    const std::string n = std::to_string(i);
    rows.append(row(n, "sub/" + n + ".png")).append(",");
  }
  rows += row("again", "sub/9.png", "What is it?\\n<image>",
              R"(, {"from": "human", "value": "Sure?"}, {"from": "gpt", "value": "Yes."})");
  const Dataset data = load_dataset(spec(list(rows)));
  EXPECT_EQ(data.name, "data");
  EXPECT_EQ(data.train.examples.size(), 9u);
  ASSERT_EQ(data.test.examples.size(), 2u);
  const Example& last = data.test.examples[1];
  EXPECT_EQ(last.id, "again");
  ASSERT_EQ(last.turns.size(), 2u);
  EXPECT_EQ(last.turns[0].question, "What is it?");
  EXPECT_EQ(last.turns[1].answer, "Yes.");
  EXPECT_EQ(data.test.images->image(last.image).width, 12);
  EXPECT_EQ(data.test.images->name(last.image), "sub/9.png");
}

TEST_F(LlavaTest, TakesATestFile) {
  const fs::path test = folder_.write("test.json", list(row("t", "sub/1.png")));
  const Dataset data = load_dataset(spec(list(row("a", "sub/0.png"))) + ",test=" + test.string());
  EXPECT_EQ(data.train.examples.size(), 1u);
  EXPECT_EQ(data.test.examples[0].id, "t");
}

TEST_F(LlavaTest, RefusesUnknownAndDuplicateKeys) {
  std::string text = row("a", "sub/0.png");
  EXPECT_EQ(refused_row(text.replace(text.find("image"), 5, "imgae")),
            "unknown key \"imgae\", known keys are id, image, conversations; did you mean "
            "\"image\"?");
  text = row("a", "sub/0.png");
  text.replace(text.find("value"), 5, "text");
  EXPECT_EQ(refused_row(text), "message 0: unknown key \"text\", known keys are from, value");
  EXPECT_NE(refused(spec(R"([{"id": "a", "id": "b"}])")).find("duplicate key \"id\""),
            std::string::npos);
}

TEST_F(LlavaTest, RefusesPathsOutOfTheFolder) {
  const std::string root = (folder_ / "images").string();
  EXPECT_EQ(
      refused_row(row("a", "../data.json")),
      root + ": path: expected a file inside this folder, but \"../data.json\" leads out of it");
  EXPECT_EQ(refused_row(row("a", "/etc/passwd")),
            root + ": path: expected a relative path, got \"/etc/passwd\"");
  fs::create_symlink(folder_ / "data.json", folder_ / "images/link.png");
  EXPECT_EQ(refused_row(row("a", "link.png")),
            root + ": path: expected a file inside this folder, but \"link.png\" leads out of it");
}

TEST_F(LlavaTest, RefusesConversationsThatAreNone) {
  EXPECT_EQ(refused_row(row("a", "sub/0.png", "What?")),
            "message 0: expected <image> at the start or end of the first question, got \"What?\"");
  EXPECT_EQ(refused_row(row("a", "sub/0.png", "<image> and <image>?")),
            "message 0: <image> may stand only once, in the first question");
  EXPECT_EQ(refused_row(row("a", "sub/0.png", "<image>\\n")),
            "message 0: value: expected text, got nothing");
  const std::string question = R"(, {"from": "human", "value": "?"})";
  EXPECT_EQ(refused_row(row("a", "sub/0.png", "<image>?", question)),
            "conversations: expected pairs of human and gpt, got 3 messages");
  EXPECT_EQ(refused_row(row("a", "sub/0.png", "<image>?", question + question)),
            "message 3: from: expected gpt, got \"human\"");
  EXPECT_EQ(refused_row(R"({"id": 1, "image": "sub/0.png"})"), "missing key \"conversations\"");
  EXPECT_EQ(refused(spec(list(row("a", "sub/0.png")))),
            (folder_ / "data.json").string() +
                ": 1 images are too few to hold out every tenth; name a test file (test=FILE)");
  EXPECT_EQ(refused("llava:x.json,images=" + (folder_ / "none").string()),
            (folder_ / "none").string() + ": expected the folder of the images, got nothing");
}

TEST(LoadDataset, SaysWhatIsKnown) {
  const std::string known =
      ", known are shapes[:seed=N,train=N,test=N,questions=N], easy-vqa:DIR, "
      "llava:FILE.json,images=DIR[,test=FILE2.json]";
  EXPECT_EQ(misspelt("coco:x"), "data: unknown data set \"coco\"" + known);
  EXPECT_EQ(misspelt("shaeps"),
            "data: unknown data set \"shaeps\"" + known + "; did you mean \"shapes\"?");
  EXPECT_EQ(misspelt("shapes:sead=1"),
            "data: shapes:sead=1: unknown key \"sead\", known keys are seed, train, test, "
            "questions; did you mean \"seed\"?");
  EXPECT_EQ(misspelt("shapes:train=10x"),
            "data: shapes:train=10x: train: expected a whole number, got \"10x\"");
  EXPECT_EQ(misspelt("shapes:train"),
            "data: shapes:train: train: expected train=VALUE, got \"train\"");
  EXPECT_EQ(misspelt("shapes:seed=1,seed=2"), "data: shapes:seed=1,seed=2: seed: given twice");
  EXPECT_EQ(misspelt("shapes:test=0"), "shapes: test: expected 1 to 1000000, got 0");
  EXPECT_EQ(misspelt("easy-vqa"), "data: easy-vqa: expected easy-vqa:DIR");
  EXPECT_EQ(misspelt("llava:a.json"),
            "data: llava:a.json: expected llava:FILE.json,images=DIR[,test=FILE2.json]");
}

TEST(DatasetSha256, ShowsEveryChangeOfContentAndNothingElse) {
  const TemporaryFolder folder;
  write_easy_vqa(folder);
  const std::string spec = "easy-vqa:" + folder.path().string();
  const std::string before = load_dataset(spec).sha256;
  folder.write("LICENSE", "another licence");
  EXPECT_EQ(load_dataset(spec).sha256, before);
  folder.write("test/questions.json", R"([["what color?", "red", 3]])");
  const std::string answer = load_dataset(spec).sha256;
  EXPECT_NE(answer, before);
  Image image = make_image(4, 4, {0, 0, 255});
  image.at(3, 3)[2] = 254;
  save_png(image, folder / "test" / "images/3.png");
  EXPECT_NE(load_dataset(spec).sha256, answer);
}

TEST(Conversations, JoinTheQuestionsOfAnImageUpToALimit) {
  Split split;
  for (const std::int64_t image : {4, 7, 4, 4, 7}) {
    const std::string n = std::to_string(split.examples.size());
    split.examples.push_back({"id" + n, image, {{"q" + n, "a" + n}}, "color"});
  }
  const Split joined = as_conversations(split, 2);
  ASSERT_EQ(joined.examples.size(), 3u);
  EXPECT_EQ(joined.examples[0].id, "id0");
  ASSERT_EQ(joined.examples[0].turns.size(), 2u);
  EXPECT_EQ(joined.examples[0].turns[1].question, "q2");
  EXPECT_EQ(joined.examples[1].turns[1].answer, "a4");
  EXPECT_EQ(joined.examples[2].id, "id3");
  EXPECT_EQ(joined.examples[2].turns.size(), 1u);
  EXPECT_THROW(as_conversations(split, 0), ValueError);
}

}  // namespace
}  // namespace chainline::experiments
