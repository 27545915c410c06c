#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "experiments/data/dataset.h"
#include "experiments/probing/probe.h"
#include "experiments/text/conversation.h"
#include "experiments/watermark/watermark.h"
#include "nn/mllm.h"
#include "tensor/tensor.h"

namespace chainline::experiments {

/// An image under the card of a person.
struct ProbeView {
  std::int64_t image = 0;  // index into the images
  std::size_t person = 0;  // index into the pool
  bool seen = false;       // whether this person's cards were in the training data
};

/// The paired design: every image twice, once under a seen (IN) and once under an unseen (OUT)
/// person's card, at the same place. Whatever the picture tells, it tells about both classes.
/// People are dealt in turn, in one random order, so that each has as many images as any other of
/// the class, give or take one, and, where the classes are of one size, shares all of them with one
/// partner of the other class: partners could change places without a picture noticing
/// (exchangeable_users). With `strata`, one number a person, the order is by stratum first, so that
/// partners are of one stratum where both classes have as many of it.
///
/// **Errors** ShapeError when `in` or `strata` does not fit the people; ValueError without anyone in
/// a class.
std::vector<ProbeView> paired_views(const std::vector<std::int64_t>& images,
                                    const std::vector<Person>& people, const std::vector<bool>& in,
                                    std::uint64_t seed, const std::vector<int>& strata = {});

/// `count` indices of 0 .. size - 1 in ascending order, drawn without repeats; all, if there are
/// not more.
std::vector<std::int64_t> choose_images(std::int64_t size, std::int64_t count, std::uint64_t seed);

/// The views' pictures as the encoder sees them, (views, 3, S, S).
Tensor view_images(const ImageSource& images, const Watermarker& watermarker,
                   const std::vector<ProbeView>& views, int size);

/// What every layer holds of the views after a question about them.
struct HiddenStates {
  struct Layer {
    std::string name;  // "vision embeddings", "vision layer 1", ..., "decoder layer 1", ...
    std::int64_t width = 0;
    std::vector<float> values;  // (views, width)
  };
  std::vector<Layer> layers;
  std::vector<int> seen;
  std::vector<std::int64_t> users, images;

  /// A view of one layer; it lives as long as this does.
  ProbeItems items(std::size_t layer) const;
};

/// Asks the question about every view and keeps, per layer, the mean over the patches (vision) or
/// the state at the last token of the prompt (decoder).
///
/// **Bits** those of the views one by one, whatever the batch size.
HiddenStates hidden_states(const nn::Mllm& model, const Conversation& conversation,
                           const Tensor& images, const std::vector<ProbeView>& views,
                           const std::string& question, std::int64_t batch_size = 32);

/// What asking reveals: the model itself is asked about every view.
struct PromptBaseline {
  std::string question;
  std::vector<double> scores;  // log p("yes") - log p("no"), each with the token that ends it
  double median = 0;           // scores above it count as "seen"
  double accuracy = 0, auc = 0;
  Interval accuracy_interval, auc_interval;  // 95 %, bootstrap over users within their class
};

PromptBaseline prompt_baseline(const nn::Mllm& model, const Conversation& conversation,
                               const Tensor& images, const std::vector<ProbeView>& views,
                               const std::string& question, const ProbeOptions& options,
                               std::int64_t batch_size = 32);

}  // namespace chainline::experiments
