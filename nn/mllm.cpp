#include "nn/mllm.h"

#include <algorithm>

#include "autograd/node.h"
#include "autograd/ops.h"

namespace chainline::nn {

Splice splice(const Tensor& ids, const Tensor& labels, std::int64_t image_rows,
              const MllmConfig& config, const Tensor& row_labels) {
  check<ShapeError>(ids.rank() == 2 && labels.shape() == ids.shape(),
                    "splice: expected ids and labels of one shape (B, T), got ", ids.shape(),
                    " and ", labels.shape());
  const std::int64_t B = ids.shape()[0], T = ids.shape()[1], L = T - 1 + image_rows;
  check<ShapeError>(!row_labels.defined() || row_labels.shape() == Shape({B, image_rows}),
                    "splice: row_labels: expected shape ", Shape({B, image_rows}), ", got ",
                    row_labels.shape());
  const std::vector<std::int64_t> of_rows =
      row_labels.defined() ? row_labels.to_vector<std::int64_t>()
                           : std::vector<std::int64_t>(static_cast<std::size_t>(B * image_rows),
                                                       config.ignore_index);
  const std::vector<std::int64_t> id = ids.to_vector<std::int64_t>(),
                                  label = labels.to_vector<std::int64_t>();
  std::vector<std::int64_t> index(static_cast<std::size_t>(B * L), -1),
      target(static_cast<std::size_t>(B * L), config.ignore_index), lengths;
  for (std::int64_t b = 0; b < B; ++b) {
    std::int64_t length = T;
    while (length > 0 && id[static_cast<std::size_t>(b * T + length - 1)] == config.pad_token_id) {
      --length;
    }
    std::int64_t at = b * L, images = 0;
    for (std::int64_t t = 0; t < length; ++t) {
      const auto from = static_cast<std::size_t>(b * T + t);
      if (id[from] != config.image_token_index) {
        // The position before this token predicts it. The first token has none before it.
        if (at > b * L) target[static_cast<std::size_t>(at - 1)] = label[from];
        index[static_cast<std::size_t>(at++)] = image_rows + t;
        continue;
      }
      check<ValueError>(++images == 1, "splice: sample ", b, " has more than one image token");
      for (std::int64_t n = 0; n < image_rows; ++n) {
        target[static_cast<std::size_t>(at)] =
            of_rows[static_cast<std::size_t>(b * image_rows + n)];
        index[static_cast<std::size_t>(at++)] = n;
      }
    }
    check<ValueError>(images == 1, "splice: sample ", b, " has no image token (id ",
                      config.image_token_index, ")");
    lengths.push_back(at - b * L);
  }
  return {Tensor::from(index, {B, L}, ids.device()), Tensor::from(target, {B, L}, ids.device()),
          lengths};
}

Mllm::Mllm(const MllmConfig& config, DType dtype)
    : config_(config),
      vision_(config.vision, dtype),
      projector_(config.vision.hidden_size, config.text.hidden_size, dtype),
      decoder_(config.text, dtype),
      activations_(dtype) {
  name_parameters(*this);
}

Mllm::ImageRows Mllm::encode(const Variable& images) const {
  ImageRows result;
  {
    const NameScope scope("vision_tower");
    result.hidden = vision_(images);
  }
  const auto states = static_cast<std::int64_t>(result.hidden.size());
  const std::int64_t layer = config_.vision_feature_layer;
  check<ValueError>(layer >= -states && layer < states, "mllm: vision_feature_layer: expected [",
                    -states, ", ", states, "), got ", layer);
  Variable features = result.hidden[static_cast<std::size_t>(layer < 0 ? layer + states : layer)];
  if (config_.vision.class_token) features = narrow(features, 1, 1, image_rows());
  const NameScope scope("multi_modal_projector");
  result.rows = activations_.to_parameters(projector_(features));
  return result;
}

MllmOutput Mllm::operator()(const Variable& images, const Tensor& ids, const Splice& plan) const {
  MllmOutput out;
  ImageRows image = encode(images);
  out.vision = std::move(image.hidden);
  const NameScope scope("language_model");
  const Variable rows = cat({image.rows, decoder_.embed(ids)}, 1);
  out.decoder = decoder_(gather_rows(rows, plan.index));
  out.logits = decoder_.logits(out.decoder.back());
  return out;
}

void Mllm::set_recompute(bool on) {
  vision_.set_recompute(on);
  decoder_.set_recompute(on);
}

void Mllm::set_activations(DType dtype) {
  activations_.set(dtype);
  vision_.set_activations(dtype);
  decoder_.set_activations(dtype);
}

void Mllm::visit(ParameterVisitor& v) {
  v.child("vision_tower.vision_model", vision_);
  v.child("multi_modal_projector", projector_);
  v.child("language_model", decoder_);
}

void set_trainable(Mllm& model, const std::string& prefix, bool trainable) {
  for (NamedParameter& p : named_parameters(model)) {
    if (p.name.rfind(prefix, 0) == 0) p.variable.set_requires_grad(trainable);
  }
}

}  // namespace chainline::nn
