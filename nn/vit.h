#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "nn/activations.h"
#include "nn/attention.h"
#include "nn/mlp.h"
#include "nn/norm.h"

namespace chainline::nn {

/// Keys and meaning as `vision_config` of the HF "llava-1.5" checkpoints.
struct VisionConfig {
  std::int64_t image_size = 64;
  std::int64_t patch_size = 8;
  std::int64_t num_channels = 3;
  std::int64_t hidden_size = 128;
  std::int64_t intermediate_size = 512;
  std::int64_t num_attention_heads = 4;
  std::int64_t num_hidden_layers = 4;
  double layer_norm_eps = 1e-5;
  GeluForm hidden_act = GeluForm::erf;
  bool class_token = false;

  std::int64_t patches() const { return (image_size / patch_size) * (image_size / patch_size); }
};

/// One pre-norm encoder block: x + attention(norm(x)), then x + mlp(norm(x)).
class VisionBlock {
 public:
  VisionBlock(const VisionConfig& config, DType dtype);
  Variable operator()(const Variable& x) const;
  void visit(ParameterVisitor& v);

 private:
  LayerNorm norm1_, norm2_;
  Attention attention_;
  Mlp mlp_;
};

/// The ViT encoder of CLIP's layout: patches as rows, a product over each patch, learned positions,
/// pre-norm blocks.
///
///   h_0 = norm( [class?; patchify(image) W^T] + positions ),  h_l = block_l(h_{l-1})
///
/// Shapes   images (B, 3, S, S)  ->  every h_l (B, T, C), T = patches (+ 1 with a class token)
/// Errors   ShapeError for images of another size
/// Source   Dosovitskiy et al.: An Image is Worth 16x16 Words (2021); names as CLIP's
class VisionTransformer {
 public:
  explicit VisionTransformer(const VisionConfig& config, DType dtype = DType::f32);

  /// All hidden states: entry 0 before the first block, entry l after block l.
  std::vector<Variable> operator()(const Variable& images) const;

  /// Whether a block's inner values are computed again for the gradient instead of being kept
  /// (autograd/recompute.h).
  void set_recompute(bool on) { recompute_ = on; }

  /// What the hidden states are kept in. Patches are summed up, placed and normed in the dtype of the
  /// parameters.
  void set_activations(DType dtype) { activations_.set(dtype); }

  const VisionConfig& config() const { return config_; }
  void visit(ParameterVisitor& v);

 private:
  VisionConfig config_;
  Variable class_embedding_;  // (C), undefined without a class token
  Variable patch_embedding_;  // (C, 3 P P), in files (C, 3, P, P)
  Variable position_embedding_;
  LayerNorm pre_norm_;
  std::vector<VisionBlock> blocks_;
  bool recompute_ = false;
  Activations activations_;

  Variable embed(const Variable& images) const;
};

}  // namespace chainline::nn
