#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "experiments/data/dataset.h"

namespace chainline::experiments {

/// The images of a split that lie in a folder, under the paths that a data file names.
class ImageFolder : public ImageSource {
 public:
  explicit ImageFolder(std::filesystem::path root) : root_(std::move(root)) {}

  /// The index of the image with this path, which `where` ("train.json: row 3") asked for. A path
  /// that was added before keeps its index and its first asker.
  std::int64_t add(const std::string& path, const std::string& where);

  std::int64_t size() const override { return static_cast<std::int64_t>(entries_.size()); }
  /// Errors: FileError naming the asker, the path and what is wrong with path or picture.
  Image image(std::int64_t index) const override;
  std::string name(std::int64_t index) const override { return entry(index).path; }

 private:
  struct Entry {
    std::string path;
    std::string where;
  };
  const Entry& entry(std::int64_t index) const;

  std::filesystem::path root_;
  std::vector<Entry> entries_;
  std::map<std::string, std::int64_t> indices_;
};

}  // namespace chainline::experiments
