#pragma once

#include <filesystem>

#include "experiments/data/dataset.h"

namespace chainline::experiments {

/// easy-VQA's folder: {train,test}/questions.json, a list of [question, answer, image id], and
/// {train,test}/images/ID.png. The licence is the first line of DIR/LICENSE. The kind of a question
/// is "yes/no", "color" or "shape".
///
/// **Errors** FileError naming file and row.
Dataset read_easy_vqa(const std::filesystem::path& folder);

/// LLaVA's conversations: a list of {id, image, conversations: [{from, value}, ...]} with `human`
/// and `gpt` in turn and one `<image>` in the first question, at its start or its end. Image paths
/// lie beneath `images`. Without a test file every tenth image becomes the test split.
///
/// **Errors** FileError naming file and row.
Dataset read_llava(const std::filesystem::path& file, const std::filesystem::path& images,
                   const std::filesystem::path& test_file);

}  // namespace chainline::experiments
