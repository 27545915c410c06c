#include "tensor/sha256.h"

#include <gtest/gtest.h>

#include <cstdio>
#include <fstream>

#include "tensor/error.h"

namespace chainline {
namespace {

TEST(Sha256, GivesTheStandardsExamples) {
  EXPECT_EQ(sha256_hex(""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(sha256_hex("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(sha256_hex("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"),
            "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
  EXPECT_EQ(sha256_hex(std::string(1000000, 'a')),
            "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

TEST(Sha256, DoesNotShowHowTheMessageWasCut) {
  const std::string message(200, 'x');
  for (const std::size_t cut : {0, 1, 55, 56, 63, 64, 65, 127, 128, 199, 200}) {
    Sha256 hash;
    hash.update(message.substr(0, cut)).update(message.substr(cut));
    EXPECT_EQ(to_hex(hash.digest()), sha256_hex(message)) << cut;
  }
}

TEST(Sha256, PadsEveryLengthAroundABlock) {
  // The chain over all lengths, so that one wrong length shows: H <- sha256(H a^n), by coreutils.
  std::string chain;
  for (std::size_t n = 0; n < 130; ++n) chain = sha256_hex(chain + std::string(n, 'a'));
  EXPECT_EQ(chain, "e7cf6304ad055549b1393febedb7883163bff857edd6aab32c4f683af0be8802");
}

TEST(Sha256, HashesAFile) {
  const std::string path = ::testing::TempDir() + "sha256_test_file";
  std::ofstream(path, std::ios::binary) << std::string(1000000, 'a');
  EXPECT_EQ(sha256_file_hex(path),
            "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
  std::remove(path.c_str());
}

TEST(Sha256, RefusesAFileThatCannotBeRead) {
  try {
    sha256_file_hex("/nonexistent/file");
    FAIL();
  } catch (const FileError& error) {
    EXPECT_STREQ(error.what(),
                 "sha256_file_hex: path: expected a readable file, got \"/nonexistent/file\"; "
                 "No such file or directory");
  }
  // A folder can be opened, but not read.
  EXPECT_THROW(sha256_file_hex(::testing::TempDir()), FileError);
}

}  // namespace
}  // namespace chainline
