#include "experiments/data/image_folder.h"

#include "experiments/data/paths.h"
#include "tensor/error.h"

namespace chainline::experiments {

std::int64_t ImageFolder::add(const std::string& path, const std::string& where) {
  const auto [found, is_new] = indices_.emplace(path, size());
  if (is_new) entries_.push_back({path, where});
  return found->second;
}

const ImageFolder::Entry& ImageFolder::entry(std::int64_t index) const {
  check<ValueError>(index >= 0 && index < size(), root_.string(), ": image: expected 0 to ",
                    size() - 1, ", got ", index);
  return entries_[static_cast<std::size_t>(index)];
}

Image ImageFolder::image(std::int64_t index) const {
  const Entry& e = entry(index);
  try {
    return decode_image(read_beneath(root_, e.path, kMaxImageBytes), (root_ / e.path).string());
  } catch (const FileError& error) {
    throw FileError(e.where + ": " + error.what());
  }
}

}  // namespace chainline::experiments
