#pragma once

#include <cstdint>
#include <vector>

#include "nn/decoder.h"
#include "nn/projector.h"
#include "nn/vit.h"

namespace chainline::nn {

/// Keys and meaning as config.json of the HF "llava-1.5" checkpoints.
struct MllmConfig {
  VisionConfig vision;
  TextConfig text;
  /// Which hidden state of the vision encoder is read: 0 before the first block, -1 the last.
  std::int64_t vision_feature_layer = -1;
  std::int64_t image_token_index = 0;
  std::int64_t pad_token_id = 0;
  std::int64_t ignore_index = -100;
};

/// Where every position of the decoder's input comes from, after each `<image>` has become the
/// rows of its image.
struct Splice {
  Tensor index;   ///< i64 (B, L): a row of [image rows; text rows], or -1 for padding
  Tensor labels;  ///< i64 (B, L): what each position should predict next, or ignore_index
  std::vector<std::int64_t> lengths;  ///< positions of each sample before the padding
};

/// Plans the splice of `image_rows` image rows into text at the one `<image>` of each sample.
///
/// ids and labels are (B, T), padded at the end with pad_token_id; labels name the token itself
/// (ignore_index where nothing is learnt) and come back shifted by one, as next-token targets. The
/// plan is made on the CPU and lies where the ids are. With row_labels, i64 (B, image_rows), image
/// rows have targets too: what stands in their part of the picture, not what follows it.
///
/// Errors   ValueError naming the sample when it has no `<image>` or more than one; ShapeError for
///          row_labels of another shape
Splice splice(const Tensor& ids, const Tensor& labels, std::int64_t image_rows,
              const MllmConfig& config, const Tensor& row_labels = {});

/// Every hidden state of one forward pass, for losses and probes.
struct MllmOutput {
  std::vector<Variable> vision;   ///< (B, N, C), entry 0 before the first block
  std::vector<Variable> decoder;  ///< (B, L, D), entry 0 the spliced embeddings
  Variable logits;                ///< (B, L, V)
};

/// The compact multi-modal language model: vision encoder, projector, decoder.
///
///   logits = decoder( splice( projector(vit(images)), embed(ids) ) )
///
/// Shapes   images (B, 3, S, S) in [-1, 1]; ids i64 (B, T) with one `<image>` each
/// Source   Liu et al.: Visual Instruction Tuning (2023)
class Mllm {
 public:
  explicit Mllm(const MllmConfig& config, DType dtype = DType::f32);

  /// The image's rows in the decoder's space, (B, N, D), and the encoder's hidden states.
  struct ImageRows {
    Variable rows;
    std::vector<Variable> hidden;
  };
  ImageRows encode(const Variable& images) const;

  MllmOutput operator()(const Variable& images, const Tensor& ids, const Splice& plan) const;

  /// Whether the values inside of each block of encoder and decoder are computed again for the
  /// gradient instead of being kept: less memory, more time, the same bits.
  void set_recompute(bool on);

  /// What hidden states and logits are kept in: the dtype of the parameters, or bf16 beside f32 ones,
  /// on a device that computes with it. Image rows and embeddings are joined in the dtype of the
  /// parameters.
  void set_activations(DType dtype);

  const Decoder& decoder() const { return decoder_; }
  /// Where the parameters are (move_to), and so where images and ids have to be.
  Device device() const { return decoder_.device(); }
  const MllmConfig& config() const { return config_; }
  /// Image rows per image: the patches (a class token is dropped).
  std::int64_t image_rows() const { return config_.vision.patches(); }
  void visit(ParameterVisitor& v);

 private:
  MllmConfig config_;
  VisionTransformer vision_;
  Projector projector_;
  Decoder decoder_;
  Activations activations_;
};

/// Freezes or thaws every parameter whose name starts with `prefix` ("vision_tower").
void set_trainable(Mllm& model, const std::string& prefix, bool trainable);

}  // namespace chainline::nn
