#include "experiments/data/dataset.h"

#include <algorithm>
#include <charconv>
#include <iterator>
#include <map>

#include "experiments/data/json.h"
#include "experiments/data/loaders.h"
#include "experiments/data/shapes.h"
#include "tensor/error.h"
#include "tensor/parallel.h"
#include "tensor/sha256.h"

namespace chainline::experiments {
namespace {

using Options = std::map<std::string, std::string>;

/// "a=1,b=2" as a map.
Options parse_options(const std::string& text, const std::vector<std::string>& known,
                      const std::string& spec) {
  Options options;
  for (std::size_t begin = 0; begin < text.size();) {
    const std::size_t end = std::min(text.find(',', begin), text.size());
    const std::string option = text.substr(begin, end - begin);
    const std::size_t equals = std::min(option.find('='), option.size());
    const std::string key = option.substr(0, equals);
    if (std::find(known.begin(), known.end(), key) == known.end()) {
      const std::string meant = nearest_spelling(key, known);
      throw ValueError("data: " + spec + ": unknown key \"" + key + "\", known keys are " +
                       list_words(known) +
                       (meant.empty() ? "" : "; did you mean \"" + meant + "\"?"));
    }
    check<ValueError>(equals + 1 < option.size(), "data: ", spec, ": ", key, ": expected ", key,
                      "=VALUE, got \"", option, "\"");
    check<ValueError>(options.emplace(key, option.substr(equals + 1)).second, "data: ", spec, ": ",
                      key, ": given twice");
    begin = end + 1;
  }
  return options;
}

template <class Integer>
void set_number(const Options& options, const std::string& key, const std::string& spec,
                Integer& value) {
  const auto found = options.find(key);
  if (found == options.end()) return;
  const char* end = found->second.data() + found->second.size();
  const auto [stop, error] = std::from_chars(found->second.data(), end, value);
  check<ValueError>(error == std::errc() && stop == end, "data: ", spec, ": ", key,
                    ": expected a whole number, got \"", found->second, "\"");
}

Dataset open_shapes(const std::string& text, const std::string& spec) {
  const Options options = parse_options(text, {"seed", "train", "test", "questions"}, spec);
  ShapesConfig config;
  set_number(options, "seed", spec, config.seed);
  set_number(options, "train", spec, config.train);
  set_number(options, "test", spec, config.test);
  set_number(options, "questions", spec, config.questions);
  return make_shapes(config);
}

Dataset open_llava(const std::string& text, const std::string& spec) {
  const std::size_t comma = std::min(text.find(','), text.size());
  const std::string rest = comma == text.size() ? "" : text.substr(comma + 1);
  const Options options = parse_options(rest, {"images", "test"}, spec);
  check<ValueError>(comma > 0 && options.count("images") == 1, "data: ", spec,
                    ": expected llava:FILE.json,images=DIR[,test=FILE2.json]");
  const auto test = options.find("test");
  return read_llava(text.substr(0, comma), options.at("images"),
                    test == options.end() ? "" : test->second);
}

Dataset open_dataset(const std::string& spec) {
  const std::size_t colon = std::min(spec.find(':'), spec.size());
  const std::string scheme = spec.substr(0, colon);
  const std::string rest = colon == spec.size() ? "" : spec.substr(colon + 1);
  if (scheme == "shapes") return open_shapes(rest, spec);
  if (scheme == "llava") return open_llava(rest, spec);
  if (scheme == "easy-vqa") {
    check<ValueError>(!rest.empty(), "data: ", spec, ": expected easy-vqa:DIR");
    return read_easy_vqa(rest);
  }
  const std::string meant = nearest_spelling(scheme, {"shapes", "easy-vqa", "llava"});
  throw ValueError("data: unknown data set \"" + scheme +
                   "\", known are shapes[:seed=N,train=N,test=N,questions=N], easy-vqa:DIR, "
                   "llava:FILE.json,images=DIR[,test=FILE2.json]" +
                   (meant.empty() ? "" : "; did you mean \"" + meant + "\"?"));
}

/// The digest of the items' digests, item i's computed by digest(i) on any thread.
template <class Digest>
Sha256Digest digest_of_list(std::int64_t size, const Digest& digest) {
  constexpr std::int64_t kItemsPerChunk = 64;
  std::vector<Sha256Digest> items(static_cast<std::size_t>(size));
  parallel_for(size, kItemsPerChunk, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) items[static_cast<std::size_t>(i)] = digest(i);
  });
  Sha256 list;
  for (const Sha256Digest& item : items) list.update(std::as_bytes(std::span(item)));
  return list.digest();
}

Sha256Digest digest_of_image(const Image& image) {
  return Sha256()
      .update(std::to_string(image.width) + " " + std::to_string(image.height) + "\n")
      .update(std::as_bytes(std::span(image.pixels)))
      .digest();
}

Sha256Digest digest_of_example(const Example& example, const ImageSource& images) {
  Json turns = Json::array();
  for (const Turn& turn : example.turns) turns.push_back({turn.question, turn.answer});
  return Sha256().update(Json({example.id, images.name(example.image), turns}).dump()).digest();
}

/// How often an answer was given, and after how many others it came first.
struct Tally {
  std::int64_t count = 0;
  std::size_t first = 0;
};

class Tallies {
 public:
  void add(const std::string& answer) {
    const auto [tally, is_new] = tallies_.try_emplace(answer);
    if (is_new) tally->second.first = tallies_.size();
    ++tally->second.count;
  }
  const std::string& most_frequent() const {
    const auto less = [](const auto& a, const auto& b) {
      return a.second.count < b.second.count ||
             (a.second.count == b.second.count && a.second.first > b.second.first);
    };
    return std::max_element(tallies_.begin(), tallies_.end(), less)->first;
  }

 private:
  std::map<std::string, Tally> tallies_;
};

}  // namespace

const Sha256Digest& ImageSource::digest() const {
  std::call_once(digested_, [this] {
    digest_ = digest_of_list(size(), [this](std::int64_t i) { return digest_of_image(image(i)); });
  });
  return digest_;
}

std::string dataset_sha256(const Dataset& data) {
  Sha256 hash;
  hash.update("chainline-dataset-1\n");
  for (const Split* split : {&data.train, &data.test}) {
    const ImageSource& images = *split->images;
    const auto example = [&](std::int64_t i) {
      return digest_of_example(split->examples[static_cast<std::size_t>(i)], images);
    };
    const Sha256Digest parts[] = {images.digest(),
                                  digest_of_list(std::ssize(split->examples), example)};
    for (const Sha256Digest& part : parts) hash.update(std::as_bytes(std::span(part)));
  }
  return to_hex(hash.digest());
}

Dataset load_dataset(const std::string& spec) {
  Dataset data = open_dataset(spec);
  data.sha256 = dataset_sha256(data);
  return data;
}

std::map<std::string, std::string> question_only_rule(const Split& train) {
  std::map<std::string, Tallies> counts;
  for (const Example& example : train.examples)
    for (const Turn& turn : example.turns) {
      counts[turn.question].add(turn.answer);
      counts[""].add(turn.answer);
    }
  std::map<std::string, std::string> rule;
  for (const auto& [question, answers] : counts) rule[question] = answers.most_frequent();
  return rule;
}

double question_only_accuracy(const Dataset& data) {
  const std::map<std::string, std::string> rule = question_only_rule(data.train);
  std::int64_t right = 0, asked = 0;
  for (const Example& example : data.test.examples)
    for (const Turn& turn : example.turns) {
      const auto known = rule.find(turn.question);
      right += (known == rule.end() ? rule.at("") : known->second) == turn.answer;
      ++asked;
    }
  check<ValueError>(asked > 0, "question_only_accuracy: test: expected questions, got none");
  return static_cast<double>(right) / static_cast<double>(asked);
}

Split as_conversations(const Split& split, std::int64_t max_turns) {
  check<ValueError>(max_turns >= 1, "as_conversations: expected at least 1 turn, got ", max_turns);
  Split joined;
  joined.images = split.images;
  std::map<std::int64_t, std::size_t> open;  // by image: the conversation that has room
  for (const Example& example : split.examples) {
    const auto at = open.find(example.image);
    const std::size_t turns = example.turns.size();
    if (at == open.end() ||
        joined.examples[at->second].turns.size() + turns > static_cast<std::size_t>(max_turns)) {
      open[example.image] = joined.examples.size();
      joined.examples.push_back(example);
    } else {
      Example& conversation = joined.examples[at->second];
      conversation.turns.insert(conversation.turns.end(), example.turns.begin(),
                                example.turns.end());
      conversation.kind.clear();
    }
  }
  return joined;
}

}  // namespace chainline::experiments
