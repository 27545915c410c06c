// Checkpoints: what comes back, what is refused, and that a failed write leaves the old one.

#include "nn/checkpoint.h"

#include <sys/resource.h>
#include <sys/wait.h>

#include <csignal>

#include "tests/nn/tiny.h"
#include "tests/tensor/folder.h"

namespace chainline {
namespace {

namespace fs = std::filesystem;
using test::content_of;
using test::Folder;
using test::message_of;

nn::Checkpoint checkpoint_of(std::uint64_t seed) {
  nn::Mllm model = test::tiny_mllm(seed);
  nn::Checkpoint checkpoint;
  checkpoint.model = nn::tensors_of(nn::named_parameters(model));
  checkpoint.optimizer["m.x"] = test::randn({3, 2}, seed, DType::f32);
  checkpoint.texts["config.json"] = "{\"seed\": " + std::to_string(seed) + "}";
  return checkpoint;
}

nn::Checkpoint on_the_cpu(nn::Checkpoint checkpoint) {
  for (auto* const tensors : {&checkpoint.model, &checkpoint.optimizer}) {
    for (auto& [name, tensor] : *tensors) tensor = tensor.to(kCpu);
  }
  return checkpoint;
}

void expect_equal(const nn::Checkpoint& a, const nn::Checkpoint& b) {
  EXPECT_EQ(a.texts, b.texts);
  ASSERT_EQ(a.model.size(), b.model.size());
  for (const auto& [name, tensor] : a.model) {
    ASSERT_EQ(b.model.count(name), 1u) << name;
    EXPECT_TRUE(same_bits(tensor, b.model.at(name))) << name;
  }
  ASSERT_EQ(a.optimizer.size(), b.optimizer.size());
  for (const auto& [name, tensor] : a.optimizer) {
    EXPECT_TRUE(same_bits(tensor, b.optimizer.at(name))) << name;
  }
}

void write(const fs::path& path, const std::string& content) {
  std::ofstream(path, std::ios::binary) << content;
}

TEST(Checkpoint, ComesBackBitForBit) {
  const Folder folder;
  nn::write_checkpoint(folder / "c", checkpoint_of(1));
  expect_equal(nn::read_checkpoint(folder / "c"), checkpoint_of(1));
  nn::write_checkpoint(folder / "c", checkpoint_of(2));
  expect_equal(nn::read_checkpoint(folder / "c"), checkpoint_of(2));
  EXPECT_EQ(folder.names(), std::vector<std::string>{"c"});
}

TEST(Checkpoint, LoadsIntoAModelWithTheSameHash) {
  const Folder folder;
  nn::Mllm saved = test::tiny_mllm(1), loaded = test::tiny_mllm(2);
  nn::write_checkpoint(folder / "c", checkpoint_of(1));
  EXPECT_NE(nn::hash_of(nn::named_parameters(saved)), nn::hash_of(nn::named_parameters(loaded)));
  nn::load_parameters(nn::named_parameters(loaded), nn::read_checkpoint(folder / "c").model, "c");
  EXPECT_EQ(nn::hash_of(nn::named_parameters(saved)), nn::hash_of(nn::named_parameters(loaded)));
}

TEST(Checkpoint, IsRefusedWhenAnyOfItsFilesIsCutOrChangedOrGone) {
  const Folder folder;
  const fs::path c = folder / "c";
  nn::write_checkpoint(c, checkpoint_of(1));
  for (const char* name : {"model.safetensors", "optimizer.safetensors", "config.json"}) {
    const std::string whole = content_of(c / name);
    std::string changed = whole;
    changed.back() = static_cast<char>(changed.back() ^ 1);
    for (const std::string& damaged : {whole.substr(0, whole.size() / 2), changed}) {
      write(c / name, damaged);
      const std::string sentence = message_of<FileError>([&] { nn::read_checkpoint(c); });
      EXPECT_EQ(sentence.rfind("checkpoint: " + (c / name).string() + ": expected SHA-256 ", 0), 0u)
          << sentence;
      EXPECT_NE(sentence.find("; the file was cut or changed"), std::string::npos);
    }
    fs::remove(c / name);
    EXPECT_EQ(message_of<FileError>([&] { nn::read_checkpoint(c); }),
              "checkpoint: " + (c / name).string() + ": it is missing");
    write(c / name, whole);
  }
  fs::remove(c / "manifest.json");
  EXPECT_EQ(message_of<FileError>([&] { nn::read_checkpoint(c); }),
            "checkpoint: " + (c / "manifest.json").string() + ": it is missing, so " + c.string() +
                " is not a whole checkpoint");
  EXPECT_EQ(message_of<FileError>([&] { nn::read_checkpoint(folder / "d"); }),
            "checkpoint: " + (folder / "d").string() + ": expected a folder, found none");
}

TEST(Checkpoint, SurvivesAManifestOfAnyBytes) {
  const Folder folder;
  const fs::path c = folder / "c";
  nn::write_checkpoint(c, checkpoint_of(1));
  const std::string whole = content_of(c / "manifest.json");
  for (std::size_t n = 0; n + 2 < whole.size(); n += 7) {
    write(c / "manifest.json", whole.substr(0, n));
    EXPECT_THROW(nn::read_checkpoint(c), FileError) << n;
  }
  for (const char* text :
       {"[]", "{}", "{\"format\": 1}", "{\"format\": \"chainline checkpoint\", \"version\": \"1\"}",
        "{\"format\": \"chainline checkpoint\", \"version\": 1, \"files\": []}",
        "{\"format\": \"chainline checkpoint\", \"version\": 1, \"files\": {\"../x\": \"\"}}",
        "{\"format\": \"chainline checkpoint\", \"version\": 1, \"files\": {\"..\": \"\"}}"}) {
    write(c / "manifest.json", text);
    EXPECT_THROW(nn::read_checkpoint(c), FileError) << text;
  }
  write(c / "manifest.json", "{\"format\": \"chainline checkpoint\", \"version\": 2}");
  EXPECT_EQ(message_of<FileError>([&] { nn::read_checkpoint(c); }),
            "checkpoint: " + (c / "manifest.json").string() + ": version: expected 1, got 2");
}

/// Writes a checkpoint in a child process that may not write files longer than `limit` bytes.
/// Returns the child's exit status: 1 where the write threw a FileError.
int write_with_limit(const fs::path& path, rlim_t limit) {
  // A GPU can't be used in a child, so what the child writes must be here.
  const nn::Checkpoint checkpoint = on_the_cpu(checkpoint_of(2));
  const pid_t child = ::fork();
  if (child == 0) {
    std::signal(SIGXFSZ, SIG_IGN);  // the write then fails as it does on a full disk
    const rlimit size{limit, limit};
    ::setrlimit(RLIMIT_FSIZE, &size);
    try {
      nn::write_checkpoint(path, checkpoint);
    } catch (const FileError&) {
      ::_exit(1);
    } catch (...) {
      ::_exit(2);
    }
    ::_exit(0);
  }
  int status = 0;
  EXPECT_EQ(::waitpid(child, &status, 0), child);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

TEST(Checkpoint, StaysWholeWhenTheDiskIsFullForTheNextOne) {
  const Folder folder;
  const fs::path c = folder / "c";
  nn::write_checkpoint(c, checkpoint_of(1));
  const auto size = static_cast<rlim_t>(fs::file_size(c / "model.safetensors"));
  for (const rlim_t limit : {rlim_t{0}, rlim_t{100}, size / 2, size - 1}) {
    EXPECT_EQ(write_with_limit(c, limit), 1) << limit;
    expect_equal(nn::read_checkpoint(c), checkpoint_of(1));
    EXPECT_EQ(folder.names(), std::vector<std::string>{"c"});
  }
  EXPECT_EQ(write_with_limit(c, size), 0);
  expect_equal(nn::read_checkpoint(c), checkpoint_of(2));
}

TEST(Checkpoint, RemovesWhatAnInterruptedWriteLeftAndNothingElse) {
  const Folder folder;
  nn::write_checkpoint(folder / "c", checkpoint_of(1));
  fs::create_directories(folder / "c.writing");
  write(folder / "c.writing" / "model.safetensors", "half");
  write(folder / "mine.txt", "kept");
  nn::remove_leftovers(folder / "c");
  EXPECT_EQ(folder.names(), (std::vector<std::string>{"c", "mine.txt"}));
}

TEST(LoadParameters, NamesTheTensorThatDoesNotFitBeforeItWritesAny) {
  nn::Mllm model = test::tiny_mllm(1);
  const auto parameters = nn::named_parameters(model);
  const std::string before = nn::hash_of(parameters);
  const std::map<std::string, Tensor> good = checkpoint_of(2).model;
  const std::string head = "language_model.lm_head.weight";

  auto tensors = good;
  tensors.erase(head);
  const auto load = [&] { nn::load_parameters(parameters, tensors, "file"); };
  EXPECT_EQ(message_of<FileError>(load), "file: the tensor " + head + " is missing");
  tensors = good;
  tensors[head] = test::zeros({2, 2}, DType::f32);
  EXPECT_EQ(message_of<FileError>(load),
            "file: " + head + ": expected f32 (11, 8), got f32 (2, 2)");
  tensors = good;
  tensors["more"] = test::zeros({1}, DType::f32);
  EXPECT_EQ(message_of<FileError>(load), "file: the model has no parameter more");
  EXPECT_EQ(nn::hash_of(parameters), before);
}

}  // namespace
}  // namespace chainline
