#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "nn/optimizer.h"
#include "nn/parameter.h"
#include "tensor/safetensors.h"

namespace chainline::nn {

/// A checkpoint is a folder of files and a manifest with the SHA-256 of each:
///
///   model.safetensors       the parameters under their names
///   optimizer.safetensors   the optimizer's state, where there is one
///   *.json                  texts: the model's config, the tokenizer, the position of a training
///   manifest.json           {"format": "chainline checkpoint", "version": 1, "files": {NAME: SHA}}
struct Checkpoint {
  std::map<std::string, Tensor> model;
  std::map<std::string, Tensor> optimizer;
  std::map<std::string, std::string> texts;  ///< by file name
};

/// Writes the folder so that a crash, a kill or a full disk at any moment leaves the old folder or
/// the new one, whole: everything is written beside it under a temporary name and brought to the
/// disk, the manifest last; then the two names are exchanged in one step of the file system and the
/// old folder is removed.
///
/// Errors   FileError; the old checkpoint is untouched then, and the temporary folder removed
void write_checkpoint(const std::filesystem::path& folder, const Checkpoint& checkpoint);

/// Reads a folder whose manifest and sums agree.
///
/// Errors   FileError naming the file: no manifest, an unknown format or version, a file that is
///          missing, extra or changed, or a safetensors file that is not one
Checkpoint read_checkpoint(const std::filesystem::path& folder);

/// Removes what an interrupted write_checkpoint left beside `folder`; nothing else, ever.
void remove_leftovers(const std::filesystem::path& folder);

/// The parameters as tensors under their names, in the shapes that files give them.
std::map<std::string, Tensor> tensors_of(const std::vector<NamedParameter>& parameters);

/// Overwrites the parameters with the tensors of the same names.
///
/// Errors   FileError naming the first parameter that is missing, extra, or of another shape or
///          dtype, before any is overwritten
void load_parameters(const std::vector<NamedParameter>& parameters,
                     const std::map<std::string, Tensor>& tensors, const std::string& where);

/// SHA-256 (hex) over names, shapes and bits of the parameters: equal exactly when they are.
std::string hash_of(const std::vector<NamedParameter>& parameters);

}  // namespace chainline::nn
