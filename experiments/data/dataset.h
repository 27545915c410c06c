#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "experiments/data/image.h"
#include "tensor/sha256.h"

namespace chainline::experiments {

/// A question and the answer that the model is to learn.
struct Turn {
  std::string question;
  std::string answer;
};

/// One image and the conversation about it.
struct Example {
  std::string id;
  std::int64_t image = 0;  // index into the split's ImageSource
  std::vector<Turn> turns;
  std::string kind;  // family of the question, for tables by family; "" when unknown
};

/// The images of a split. Every member may be called from several threads at once.
class ImageSource {
 public:
  virtual ~ImageSource() = default;
  virtual std::int64_t size() const = 0;
  /// The picture, decoded anew by each call. Errors: ValueError for an index outside 0 .. size()
  /// - 1.
  virtual Image image(std::int64_t index) const = 0;
  /// What a message or a ledger calls the picture: a path or "shapes/train/7".
  virtual std::string name(std::int64_t index) const = 0;

  /// The digest of the list of pictures, as dataset_sha256 has it. The first call decodes them all.
  const Sha256Digest& digest() const;

 private:
  mutable std::once_flag digested_;
  mutable Sha256Digest digest_{};
};

struct Split {
  std::vector<Example> examples;
  std::shared_ptr<const ImageSource> images;
};

struct Dataset {
  std::string name;
  std::string licence;
  std::string source;
  Split train, test;
  /// Name of the whole content, dataset_sha256 in hex.
  std::string sha256;
};

/// Opens a data set by its spec:
///
///     shapes[:seed=1,train=4000,test=1000,questions=4]
///     easy-vqa:DIR
///     llava:FILE.json,images=DIR[,test=FILE2.json]
///
/// `shapes` counts images; each has `questions` examples. Without `test=`, llava holds out every
/// tenth image of FILE.json, with all its rows, for the test split. Every row is checked and every
/// image decoded once, so that a broken file shows now and not in the middle of a training.
///
/// **Errors** ValueError for an unknown scheme, key or number, with what is known; FileError naming
/// file and row for data that are not what they should be.
Dataset load_dataset(const std::string& spec);

/// Hash of everything that a model sees, in hex: SHA-256 of "chainline-dataset-1\n" and the four
/// digests train images, train examples, test images, test examples. Each of these is the SHA-256
/// of the digests of its items in order: of "WIDTH HEIGHT\n" and the pixels for an image, of the
/// JSON [id, image name, [[question, answer], ...]] for an example. The file format of an image
/// does not show, and one item can be checked against the list without the others.
std::string dataset_sha256(const Dataset& data);

/// The same questions as conversations: the examples of one image in their order, joined into
/// examples of at most `max_turns` turns, as LLaVA's own data have them. An image is then encoded
/// once for several questions. A joined example has the id of its first and no kind.
///
/// **Errors** ValueError for max_turns below 1.
Split as_conversations(const Split& split, std::int64_t max_turns);

/// The answer that the training split gives most often to each question text (of equally frequent
/// ones, the answer seen first). The empty question stands for all others: the most frequent
/// answer of all.
std::map<std::string, std::string> question_only_rule(const Split& train);

/// Share of the test turns that question_only_rule(train) answers right: what can be known without
/// looking. A model has learned to see only by what it scores above this.
double question_only_accuracy(const Dataset& data);

}  // namespace chainline::experiments
