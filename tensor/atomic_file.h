#pragma once

#include <cstddef>
#include <filesystem>
#include <span>

namespace chainline {

/// Makes these bytes the content of the file at `path`, wholly or not at all: they are written to a
/// temporary file beside it and brought to the disk, then that file takes the name, and the name is
/// brought to the disk. A crash at any moment leaves the old content or the new.
///
/// The pieces are written one after the other; they need not be put together first.
///
/// **Errors** FileError naming the file, the step and the system's reason (no space, an I/O error,
/// no permission, ...): the old file is still there and the temporary one is not. Should only the
/// last step fail, the new content is in place but may not outlive a crash.
void write_file_atomically(const std::filesystem::path& path,
                           std::span<const std::span<const std::byte>> pieces);
void write_file_atomically(const std::filesystem::path& path, std::span<const std::byte> bytes);

/// Brings a folder's list of names to the disk. A file system that has no such step is content.
///
/// **Errors** FileError
void sync_folder(const std::filesystem::path& folder);

}  // namespace chainline
