#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

namespace chainline::experiments {

/// The content of a regular file. A folder, device, socket or named pipe is refused without being
/// waited for.
///
/// **Errors** FileError naming the file: it is missing, not a regular file, longer than `max_bytes`
/// or changed while it was read.
std::vector<std::byte> read_file(const std::filesystem::path& path, std::uint64_t max_bytes);

/// read_file of a path that a data file names: it must be relative, without NUL, at most 4,096
/// bytes, and neither `..` nor a symbolic link may lead out of `root`. The kernel resolves it
/// (openat2 with RESOLVE_BENEATH); where that call is missing, the path is resolved and compared.
///
/// **Errors** FileError naming root, path and the rule that it breaks.
std::vector<std::byte> read_beneath(const std::filesystem::path& root, const std::string& relative,
                                    std::uint64_t max_bytes);

/// **Errors** FileError "PATH: expected WHAT, got nothing" (or "a file") for what is not a folder.
void check_is_folder(const std::filesystem::path& path, const std::string& what);

/// Writes the file under a temporary name in the same folder, syncs, renames, syncs the folder:
/// afterwards the file is whole, or as it was before.
///
/// **Errors** FileError naming the file and the system's reason; the temporary file is removed.
void write_atomically(const std::filesystem::path& path, std::span<const std::byte> bytes);

}  // namespace chainline::experiments
