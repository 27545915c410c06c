#include "experiments/data/paths.h"

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <cerrno>
#include <cstddef>

#include "tests/experiments/data/folder.h"

namespace chainline::experiments {
namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t kMax = 1000;

std::string refused(const fs::path& root, const std::string& relative) {
  return refusal<FileError>([&] { read_beneath(root, relative, kMax); });
}

TEST(ReadBeneath, ReadsFilesOfTheFolder) {
  const TemporaryFolder folder;
  folder.write("a/b.txt", "hello");
  EXPECT_EQ(as_text(read_beneath(folder.path(), "a/b.txt", kMax)), "hello");
  EXPECT_EQ(as_text(read_beneath(folder.path(), "a/../a/./b.txt", kMax)), "hello");
  fs::create_symlink("a/b.txt", folder / "inside");
  EXPECT_EQ(as_text(read_beneath(folder.path(), "inside", kMax)), "hello");
}

TEST(ReadBeneath, RefusesEveryWayOut) {
  const TemporaryFolder outer;
  outer.write("secret", "x");
  const fs::path root = outer / "root";
  outer.write("root/a.txt", "a");
  fs::create_symlink("../secret", root / "link");
  fs::create_symlink(outer / "secret", root / "absolute-link");
  fs::create_symlink("..", root / "up");
  const std::string start = root.string() + ": path: ";
  const auto out = [&](const std::string& path) {
    return start + "expected a file inside this folder, but \"" + path + "\" leads out of it";
  };
  EXPECT_EQ(refused(root, "../secret"), out("../secret"));
  EXPECT_EQ(refused(root, "x/../../secret").substr(0, root.string().size()), root.string());
  EXPECT_EQ(refused(root, "link"), out("link"));
  EXPECT_EQ(refused(root, "absolute-link"), out("absolute-link"));
  EXPECT_EQ(refused(root, "up/secret"), out("up/secret"));
  EXPECT_EQ(refused(root, "/etc/passwd"), start + "expected a relative path, got \"/etc/passwd\"");
  EXPECT_EQ(refused(root, ""), start + "expected a file name, got nothing");
  EXPECT_EQ(refused(root, std::string("a.txt\0.png", 10)),
            start + "expected a file name, got one with a NUL byte: \"a.txt\"");
  EXPECT_EQ(refused(root, std::string(4097, 'a')), start + "expected at most 4096 bytes, got 4097");
}

TEST(ReadBeneath, RefusesWhatIsNotARegularFileWithoutWaiting) {
  const TemporaryFolder folder;
  ASSERT_EQ(::mkfifo((folder / "pipe").c_str(), 0600), 0);
  fs::create_directory(folder / "sub");
  const std::string at = folder.path().string();
  EXPECT_EQ(refused(folder.path(), "pipe"),
            at + "/pipe: expected a regular file, got a device, pipe or socket");
  EXPECT_EQ(refused(folder.path(), "sub"), at + "/sub: expected a regular file, got a folder");
  EXPECT_EQ(refused(folder.path(), "none"), at + "/none: No such file or directory");
  EXPECT_EQ(refused(folder / "none", "a"), at + "/none/a: No such file or directory");
}

/// From now on openat2 fails with ENOSYS in this process, as on a kernel before 5.6.
bool take_openat2_away() {
  sock_filter program[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_openat2, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  sock_fprog filter{4, program};
  return ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
         ::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) == 0;
}

TEST(ReadBeneath, KeepsItsRulesWithoutOpenat2) {
  const TemporaryFolder outer;
  outer.write("secret", "x");
  outer.write("root-twin/secret", "x");  // its name starts as the root's does
  outer.write("root/a.txt", "hello");
  const fs::path root = outer / "root";
  fs::create_symlink("a.txt", root / "inside");
  fs::create_symlink(outer / "secret", root / "link");
  constexpr int kNoFilter = 77;
  const pid_t child = ::fork();
  if (child == 0) {
    if (!take_openat2_away()) ::_exit(kNoFilter);
    int wrong = as_text(read_beneath(root, "inside", kMax)) == "hello" ? 0 : 1;
    int number = 1;
    for (const char* path : {"../secret", "../root-twin/secret", "link"}) {
      const std::string said = refused(root, path);
      if (said.find("leads out of it") == std::string::npos) wrong |= 1 << number;
      ++number;
    }
    if (refused(root, "none").find("No such file") == std::string::npos) wrong |= 16;
    ::_exit(wrong);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  ASSERT_TRUE(WIFEXITED(status));
  if (WEXITSTATUS(status) == kNoFilter) GTEST_SKIP() << "no system-call filters here";
  EXPECT_EQ(WEXITSTATUS(status), 0) << "a bit for each rule that was broken";
}

TEST(ReadFile, RefusesWhatIsTooLongBeforeAllocating) {
  const TemporaryFolder folder;
  const fs::path path = folder.write("big", "");
  fs::resize_file(path, std::uint64_t{1} << 40);  // sparse: no disk is used
  EXPECT_EQ(refusal<FileError>([&] { read_file(path, kMax); }),
            path.string() + ": expected at most 1000 bytes, got 1099511627776");
}

TEST(WriteAtomically, ReplacesAFileAndLeavesNothingElse) {
  const TemporaryFolder folder;
  const fs::path path = folder.write("file", "old");
  write_atomically(path, as_bytes("new content"));
  EXPECT_EQ(as_text(read_file(path, kMax)), "new content");
  EXPECT_EQ(std::distance(fs::directory_iterator(folder.path()), fs::directory_iterator()), 1);
}

TEST(WriteAtomically, KeepsTheOldFileWhenItFails) {
  const TemporaryFolder folder;
  const fs::path path = folder / "taken";
  folder.write("taken/inside", "old");  // a folder that is not empty can't be renamed over
  EXPECT_EQ(refusal<FileError>([&] { write_atomically(path, as_bytes("new")); }),
            path.string() + ": Is a directory");
  EXPECT_EQ(as_text(read_file(path / "inside", kMax)), "old");
  EXPECT_EQ(std::distance(fs::directory_iterator(folder.path()), fs::directory_iterator()), 1);
  EXPECT_EQ(refusal<FileError>([&] { write_atomically(folder / "no/file", as_bytes("new")); }),
            (folder / "no/file").string() + ": No such file or directory");
}

}  // namespace
}  // namespace chainline::experiments
