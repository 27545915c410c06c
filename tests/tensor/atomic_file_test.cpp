#include "tensor/atomic_file.h"

#include <gtest/gtest.h>
#include <sys/resource.h>

#include <array>
#include <csignal>

#include "tensor/error.h"
#include "tests/support.h"
#include "tests/tensor/folder.h"

namespace chainline {
namespace {

using test::bytes_of;
using test::content_of;
using test::Folder;
using test::message_of;

using Names = std::vector<std::string>;

TEST(AtomicFile, CreatesAndReplaces) {
  const Folder folder;
  write_file_atomically(folder / "a", bytes_of("one"));
  EXPECT_EQ(content_of(folder / "a"), "one");
  write_file_atomically(folder / "a", bytes_of("three"));
  EXPECT_EQ(content_of(folder / "a"), "three");
  EXPECT_EQ(folder.names(), Names{"a"});
}

TEST(AtomicFile, WritesPiecesOneAfterTheOther) {
  const Folder folder;
  const std::string one = "one", none, two = "two";
  write_file_atomically(folder / "a", std::array{bytes_of(one), bytes_of(none), bytes_of(two)});
  EXPECT_EQ(content_of(folder / "a"), "onetwo");
  write_file_atomically(folder / "b", bytes_of(none));
  EXPECT_EQ(content_of(folder / "b"), "");
}

TEST(AtomicFile, TakesANameInTheCurrentFolder) {
  const Folder folder;
  const std::filesystem::path before = std::filesystem::current_path();
  std::filesystem::current_path(folder.path());
  write_file_atomically("a", bytes_of("one"));
  std::filesystem::current_path(before);
  EXPECT_EQ(folder.names(), Names{"a"});
}

/// A limit on the size of this process's files, as a full disk would set one: the write that
/// crosses it fails halfway.
class FileSizeLimit {
 public:
  explicit FileSizeLimit(::rlim_t bytes) : handler_(std::signal(SIGXFSZ, SIG_IGN)) {
    ::getrlimit(RLIMIT_FSIZE, &before_);
    const ::rlimit limit{bytes, before_.rlim_max};
    ::setrlimit(RLIMIT_FSIZE, &limit);
  }
  ~FileSizeLimit() {
    ::setrlimit(RLIMIT_FSIZE, &before_);
    std::signal(SIGXFSZ, handler_);
  }

 private:
  ::rlimit before_{};
  void (*handler_)(int);
};

TEST(AtomicFile, LeavesTheOldFileWhenTheDiskTakesNoMore) {
  const Folder folder;
  write_file_atomically(folder / "a", bytes_of("old"));
  const std::string large(100000, 'x');
  std::string message;
  {
    const FileSizeLimit limit(4096);
    message = message_of<FileError>([&] { write_file_atomically(folder / "a", bytes_of(large)); });
  }
  EXPECT_EQ(message, (folder / "a").string() + ": cannot write: File too large");
  EXPECT_EQ(content_of(folder / "a"), "old");
  EXPECT_EQ(folder.names(), Names{"a"});
  write_file_atomically(folder / "a", bytes_of(large));
  EXPECT_EQ(content_of(folder / "a"), large);
}

TEST(AtomicFile, SaysWhatTheSystemSays) {
  const Folder folder;
  EXPECT_EQ(message_of<FileError>([&] { write_file_atomically(folder / "no/a", bytes_of("x")); }),
            (folder / "no/a").string() +
                ": cannot create a temporary file beside it: No such file or directory");
  std::filesystem::create_directory(folder / "a");
  EXPECT_EQ(message_of<FileError>([&] { write_file_atomically(folder / "a", bytes_of("x")); }),
            (folder / "a").string() + ": cannot replace: Is a directory");
  EXPECT_EQ(folder.names(), Names{"a"});
  EXPECT_EQ(message_of<FileError>([&] { sync_folder(folder / "no"); }),
            (folder / "no").string() + ": cannot open the folder: No such file or directory");
}

}  // namespace
}  // namespace chainline
