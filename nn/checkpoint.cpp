#include "nn/checkpoint.h"

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <nlohmann/json.hpp>
#include <span>

#include "tensor/atomic_file.h"
#include "tensor/sha256.h"

namespace chainline::nn {
namespace {

namespace fs = std::filesystem;

constexpr const char* kFormat = "chainline checkpoint";
constexpr int kVersion = 1;
constexpr std::uintmax_t kMaxTextBytes = std::uintmax_t{64} << 20;

std::span<const std::byte> bytes_of(const std::string& text) {
  return std::as_bytes(std::span(text.data(), text.size()));
}

fs::path temporary_of(const fs::path& folder) {
  fs::path path = folder;
  path += ".writing";
  return path;
}

void fail(const fs::path& path, const std::string& step, int error) {
  throw FileError("checkpoint: " + path.string() + ": " + step + ": " + std::strerror(error));
}

std::string read_text(const fs::path& path) {
  std::error_code error;
  const std::uintmax_t size = fs::file_size(path, error);
  check<FileError>(!error, "checkpoint: ", path.string(), ": ", error.message());
  check<FileError>(size <= kMaxTextBytes, "checkpoint: ", path.string(), ": expected at most ",
                   kMaxTextBytes, " bytes, got ", size);
  std::ifstream in(path, std::ios::binary);
  std::string text(static_cast<std::size_t>(size), '\0');
  in.read(text.data(), static_cast<std::streamsize>(size));
  check<FileError>(in.good() || size == 0, "checkpoint: ", path.string(), ": cannot be read");
  return text;
}

/// name -> SHA-256, as the manifest says.
std::map<std::string, std::string> read_manifest(const fs::path& folder) {
  const fs::path path = folder / "manifest.json";
  const std::string where = "checkpoint: " + path.string();
  check<FileError>(fs::is_directory(folder), "checkpoint: ", folder.string(),
                   ": expected a folder, found none");
  check<FileError>(fs::is_regular_file(path), where, ": it is missing, so ", folder.string(),
                   " is not a whole checkpoint");
  const nlohmann::json manifest = nlohmann::json::parse(read_text(path), nullptr, false);
  check<FileError>(manifest.is_object(), where, ": expected a JSON object");
  // Compared as JSON values: whatever type stands there, it is either the expected value or not.
  const auto expect = [&](const char* key, const nlohmann::json& value) {
    const auto found = manifest.find(key);
    check<FileError>(
        found != manifest.end() && *found == value, where, ": ", key, ": expected ", value.dump(),
        ", got ", found == manifest.end() ? "nothing" : found->dump(-1, ' ', true).substr(0, 80));
  };
  expect("format", kFormat);
  expect("version", kVersion);
  check<FileError>(manifest.contains("files") && manifest["files"].is_object(), where,
                   ": expected an object \"files\"");
  std::map<std::string, std::string> files;
  for (const auto& [name, sha] : manifest["files"].items()) {
    check<FileError>(sha.is_string() && fs::path(name).filename() == name && !name.empty(), where,
                     ": files: expected plain names with a SHA-256, got ", name);
    files[name] = sha.get<std::string>();
  }
  return files;
}

Safetensors with(const std::map<std::string, Tensor>& tensors) {
  Safetensors content;
  content.tensors = tensors;
  return content;
}

void write_files(const fs::path& folder, const Checkpoint& checkpoint) {
  nlohmann::json files = nlohmann::json::object();
  const auto put = [&](const std::string& name, std::span<const std::byte> bytes) {
    write_file_atomically(folder / name, bytes);
    files[name] = sha256_hex(bytes);
  };
  put("model.safetensors", safetensors_bytes(with(checkpoint.model)));
  if (!checkpoint.optimizer.empty()) {
    put("optimizer.safetensors", safetensors_bytes(with(checkpoint.optimizer)));
  }
  for (const auto& [name, text] : checkpoint.texts) put(name, bytes_of(text));
  const nlohmann::json manifest = {{"format", kFormat}, {"version", kVersion}, {"files", files}};
  write_file_atomically(folder / "manifest.json", bytes_of(manifest.dump(2) + "\n"));
}

}  // namespace

void write_checkpoint(const fs::path& folder, const Checkpoint& checkpoint) {
  const fs::path temporary = temporary_of(folder);
  try {
    fs::remove_all(temporary);
    fs::create_directories(temporary);
    write_files(temporary, checkpoint);
    // renameat2 exchanges two names in one step, so there is no moment without a checkpoint.
    if (fs::exists(folder)) {
      if (renameat2(AT_FDCWD, temporary.c_str(), AT_FDCWD, folder.c_str(), RENAME_EXCHANGE) != 0) {
        fail(folder, "exchanging it with the new one", errno);
      }
    } else if (rename(temporary.c_str(), folder.c_str()) != 0) {
      fail(folder, "giving the new one its name", errno);
    }
    sync_folder(folder.has_parent_path() ? folder.parent_path() : fs::path("."));
  } catch (const fs::filesystem_error& e) {
    std::error_code ignored;
    fs::remove_all(temporary, ignored);
    throw FileError("checkpoint: " + folder.string() + ": " + e.code().message());
  } catch (...) {
    std::error_code ignored;
    fs::remove_all(temporary, ignored);
    throw;
  }
  std::error_code ignored;  // the new checkpoint stands; an old one left over is removed next time
  fs::remove_all(temporary, ignored);
}

Checkpoint read_checkpoint(const fs::path& folder) {
  const std::map<std::string, std::string> files = read_manifest(folder);
  check<FileError>(files.count("model.safetensors") == 1, "checkpoint: ", folder.string(),
                   ": its manifest names no model.safetensors");
  for (const auto& [name, sha] : files) {
    const fs::path path = folder / name;
    check<FileError>(fs::is_regular_file(path), "checkpoint: ", path.string(), ": it is missing");
    const std::string found = sha256_file_hex(path);
    check<FileError>(found == sha, "checkpoint: ", path.string(), ": expected SHA-256 ", sha,
                     ", got ", found, "; the file was cut or changed");
  }
  Checkpoint checkpoint;
  for (const auto& [name, sha] : files) {
    if (name == "model.safetensors") {
      checkpoint.model = read_safetensors(folder / name).tensors;
    } else if (name == "optimizer.safetensors") {
      checkpoint.optimizer = read_safetensors(folder / name).tensors;
    } else {
      checkpoint.texts[name] = read_text(folder / name);
    }
  }
  return checkpoint;
}

void remove_leftovers(const fs::path& folder) {
  std::error_code ignored;
  fs::remove_all(temporary_of(folder), ignored);
}

std::map<std::string, Tensor> tensors_of(const std::vector<NamedParameter>& parameters) {
  std::map<std::string, Tensor> tensors;
  for (const NamedParameter& p : parameters) {
    tensors[p.name] = p.variable.value().reshape(p.file_shape);
  }
  return tensors;
}

void load_parameters(const std::vector<NamedParameter>& parameters,
                     const std::map<std::string, Tensor>& tensors, const std::string& where) {
  for (const NamedParameter& p : parameters) {
    const auto found = tensors.find(p.name);
    check<FileError>(found != tensors.end(), where, ": the tensor ", p.name, " is missing");
    check<FileError>(
        found->second.shape() == p.file_shape && found->second.dtype() == p.variable.dtype(), where,
        ": ", p.name, ": expected ", p.variable.dtype(), " ", p.file_shape, ", got ",
        found->second.dtype(), " ", found->second.shape());
  }
  for (const auto& entry : tensors) {
    bool known = false;
    for (const NamedParameter& p : parameters) known = known || p.name == entry.first;
    check<FileError>(known, where, ": the model has no parameter ", entry.first);
  }
  for (const NamedParameter& p : parameters) {
    Variable variable = p.variable;
    Tensor& value = variable.mutable_value();
    value.copy_from(tensors.at(p.name).reshape(value.shape()).to(value.device()));
  }
}

std::string hash_of(const std::vector<NamedParameter>& parameters) {
  return sha256_hex(safetensors_bytes(with(tensors_of(parameters))));
}

}  // namespace chainline::nn
