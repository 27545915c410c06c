#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>

namespace chainline {

using Sha256Digest = std::array<std::uint8_t, 32>;

/// The SHA-256 of a message given in pieces: what manifests, checkpoints and data sets are named
/// by.
///
///     Sha256 hash;
///     hash.update(first).update(second);
///     std::string name = to_hex(hash.digest());
///
/// Source: FIPS 180-4.
class Sha256 {
 public:
  Sha256& update(std::span<const std::byte> bytes);
  Sha256& update(std::string_view text);
  /// The digest of everything given so far; more may follow.
  Sha256Digest digest() const;

 private:
  void compress(const std::byte* block);

  std::array<std::uint32_t, 8> state_{0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                                      0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
  std::array<std::byte, 64> pending_{};  // the first length_ % 64 bytes wait for a full block
  std::uint64_t length_ = 0;
};

/// 64 lower-case hexadecimal digits.
std::string to_hex(const Sha256Digest& digest);

/// to_hex of the digest of one message.
std::string sha256_hex(std::span<const std::byte> bytes);
std::string sha256_hex(std::string_view text);

/// to_hex of the digest of a file's content.
///
/// Errors: FileError for a file that cannot be opened or read to its end.
std::string sha256_file_hex(const std::filesystem::path& path);

}  // namespace chainline
