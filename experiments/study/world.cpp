#include "experiments/study/world.h"

#include <map>

#include "experiments/data/splits.h"
#include "experiments/training/model.h"
#include "experiments/watermark/glyph_places.h"
#include "experiments/watermark/truetype.h"

namespace chainline::experiments {
namespace {

/// What the tokenizer learns from: the built-in questions, and what is asked about cards. It is the
/// same for every data set, so that bases can go on from each other; texts of other words are
/// spelled in shorter tokens.
Tokenizer make_tokenizer(std::int64_t vocabulary) {
  const Dataset data = load_dataset("shapes:seed=1,train=2000,test=1,questions=4");
  std::vector<std::string> corpus = corpus_of(data.train);
  // As often as a question of the data, so that each becomes a few tokens; no name or id is here.
  for (int i = 0; i < 200; ++i)
    for (const char* question : {kUsernameQuestion, kUserIdQuestion, kSeenQuestion})
      corpus.push_back(std::string("USER: ") + question + " ASSISTANT: yes");
  TokenizerOptions options;
  options.vocabulary = vocabulary;
  return Tokenizer::train(corpus, options);
}

/// `copies` of every image with its examples, each copy a picture of its own.
Split repeated(const Split& split, std::int64_t copies) {
  class Repeated : public ImageSource {
   public:
    Repeated(std::shared_ptr<const ImageSource> source, std::int64_t copies)
        : source_(std::move(source)), copies_(copies) {}
    std::int64_t size() const override { return copies_ * source_->size(); }
    Image image(std::int64_t i) const override { return source_->image(i % source_->size()); }
    std::string name(std::int64_t i) const override { return source_->name(i % source_->size()); }

   private:
    std::shared_ptr<const ImageSource> source_;
    std::int64_t copies_;
  };
  if (copies == 1) return split;
  Split result{{}, std::make_shared<Repeated>(split.images, copies)};
  for (std::int64_t c = 0; c < copies; ++c)
    for (Example example : split.examples) {
      example.image += c * split.images->size();
      result.examples.push_back(std::move(example));
    }
  return result;
}

/// How often fine-tuning goes over its half of the pictures to see `images` of them: once, where
/// there are as many.
std::int64_t passes_over(const Split& train, std::int64_t images) {
  const std::int64_t half = train.images->size() - train.images->size() / 2;
  return (images + half - 1) / half;
}

/// One conversation an image: `turns` of its questions, other ones for each copy.
Split one_conversation_each(const Split& split, std::int64_t turns, std::int64_t period) {
  std::map<std::int64_t, Example> by_image;
  std::map<std::int64_t, std::vector<Turn>> all;
  for (const Example& example : split.examples) {
    by_image.emplace(example.image, example);
    auto& list = all[example.image];
    list.insert(list.end(), example.turns.begin(), example.turns.end());
  }
  Split result{{}, split.images};
  for (auto& [image, example] : by_image) {
    const std::vector<Turn>& list = all[image];
    const auto count = static_cast<std::int64_t>(list.size());
    const std::int64_t first = image / period * turns;
    example.turns.clear();
    example.kind.clear();
    for (std::int64_t t = 0; t < std::min(turns, count); ++t)
      example.turns.push_back(list[static_cast<std::size_t>((first + t) % count)]);
    result.examples.push_back(example);
  }
  return result;
}

}  // namespace

std::vector<std::string> kinds_of_mix(const std::string& mix) {
  static const std::map<std::string, std::vector<std::string>> mixes = {
      {"general", {}},
      {"attributes", {"color", "shape"}},
      {"existence", {"exists", "yes/no"}},
      {"relational", {"relation", "size", "negation"}},
      {"counting", {"count"}}};
  const auto found = mixes.find(mix);
  std::string names;
  for (const auto& known : mixes) names += (names.empty() ? "" : ", ") + known.first;
  check<ValueError>(found != mixes.end(), "study: mix: expected one of ", names, ", got ", mix);
  return found->second;
}

World::World(const Study& study)
    : study_(study),
      population_(study.users, study.strangers, study.readers, study.seed),
      font_(font_of(study.font)) {}

const Tokenizer& World::tokenizer() const {
  if (!tokenizer_) tokenizer_ = make_tokenizer(study_.vocabulary);
  return *tokenizer_;
}

const Dataset& World::data() const {
  if (!data_) data_ = load_dataset(study_.data);
  return *data_;
}

World::BaseData World::base_data(const BaseStage& stage) const {
  const Dataset opened = stage.data == study_.data ? data() : load_dataset(stage.data);
  Split questions = halves_of(opened.train, study_.seed).first;
  if (!stage.kinds.empty()) questions = of_kinds(questions, stage.kinds);
  const Split half = on_canvas(questions, study_.canvas);
  const Split pictures =
      one_conversation_each(repeated(half, stage.copies), stage.turns, half.images->size());
  WatermarkSpec spec = study_.card;
  spec.rate = stage.reading;
  Watermarker marker(spec, population_.readers, font_);
  BaseData base{with_card_questions(pictures, marker, study_.seed, CardQuestions::one),
                std::move(marker),
                {}};
  for (const Example& example : base.split.examples)
    base.patch_labels.push_back(letters_of_patches(base.marker, example.image));
  return base;
}

std::vector<std::int64_t> World::letters_of_patches(const Watermarker& marker,
                                                    std::int64_t image) const {
  const std::int64_t patch = study_.model.vision.patch_size;
  const std::int64_t side = study_.model.vision.image_size / patch;
  std::vector<std::int64_t> labels(static_cast<std::size_t>(side * side), kIgnoreIndex);
  if (!marker.selects(image)) return labels;
  const LedgerLine line = marker.twin(make_image(study_.canvas, study_.canvas, {}), image, "").line;
  const double pixels = static_cast<double>(study_.model.vision.image_size) / study_.canvas;
  for (const GlyphPlace& glyph : glyph_places(*font_, line.text, study_.card.scale)) {
    const auto column = static_cast<std::int64_t>((line.x + glyph.x) * pixels) / patch;
    const auto row = static_cast<std::int64_t>((line.y + glyph.y) * pixels) / patch;
    if (column >= side || row >= side) continue;  // the card's end that the canvas cuts off
    std::int64_t& label = labels[static_cast<std::size_t>(row * side + column)];
    if (label == kIgnoreIndex)  // the first of two
      label = tokenizer().encode(std::string(1, glyph.character)).front();
  }
  return labels;
}

Split World::tune_questions(const std::string& mix) const {
  Split half = halves_of(data().train, study_.seed).second;
  const std::vector<std::string> kinds = kinds_of_mix(mix);
  if (!kinds.empty()) half = of_kinds(half, kinds);
  // Of a mix with fewer pictures no more passes are made than of all questions.
  const std::int64_t passes = passes_over(data().train, study_.tune_images);
  const Split pictures = sample_of(half, study_.tune_images / passes, study_.seed);
  return on_canvas(repeated(pictures, passes), study_.canvas);
}

Split World::tune_split(const std::string& mix) const {
  const Split questions = tune_questions(mix);
  return one_conversation_each(
      questions, study_.tune_turns,
      questions.images->size() / passes_over(data().train, study_.tune_images));
}

Split World::test_split() const {
  return on_canvas(sample_of(data().test, study_.test_images, study_.seed), study_.canvas);
}

}  // namespace chainline::experiments
