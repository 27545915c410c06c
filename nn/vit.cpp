#include "nn/vit.h"

#include "autograd/node.h"
#include "autograd/ops.h"
#include "autograd/recompute.h"

namespace chainline::nn {
namespace {

AttentionConfig attention_config(const VisionConfig& c) {
  AttentionConfig a;
  a.channels = c.hidden_size;
  a.heads = a.key_value_heads = c.num_attention_heads;
  a.bias = true;
  a.output_name = "out_proj";
  return a;
}

}  // namespace

VisionBlock::VisionBlock(const VisionConfig& c, DType dtype)
    : norm1_(c.hidden_size, c.layer_norm_eps, dtype),
      norm2_(c.hidden_size, c.layer_norm_eps, dtype),
      attention_(attention_config(c), dtype),
      mlp_(c.hidden_size, c.intermediate_size, c.hidden_size, c.hidden_act, dtype) {}

Variable VisionBlock::operator()(const Variable& x) const {
  const Variable h = attention_(norm1_(x), Tensor(), x);
  return mlp_(norm2_(h), h);
}

void VisionBlock::visit(ParameterVisitor& v) {
  v.child("layer_norm1", norm1_);
  v.child("self_attn", attention_);
  v.child("layer_norm2", norm2_);
  v.child("mlp", mlp_);
}

VisionTransformer::VisionTransformer(const VisionConfig& c, DType dtype)
    : config_(c),
      patch_embedding_(
          Tensor::zeros({c.hidden_size, c.num_channels * c.patch_size * c.patch_size}, dtype),
          true),
      position_embedding_(Tensor::zeros({c.patches() + c.class_token, c.hidden_size}, dtype), true),
      pre_norm_(c.hidden_size, c.layer_norm_eps, dtype),
      activations_(dtype) {
  check<ShapeError>(c.patch_size >= 1 && c.image_size % c.patch_size == 0, "vit: image size ",
                    c.image_size, " is not a multiple of the patch size ", c.patch_size);
  if (c.class_token) class_embedding_ = Variable(Tensor::zeros({c.hidden_size}, dtype), true);
  for (std::int64_t l = 0; l < c.num_hidden_layers; ++l) blocks_.emplace_back(c, dtype);
}

Variable VisionTransformer::embed(const Variable& images) const {
  const VisionConfig& c = config_;
  check<ShapeError>(images.shape().rank() == 4 && images.shape()[1] == c.num_channels &&
                        images.shape()[2] == c.image_size && images.shape()[3] == c.image_size,
                    "vit: images: expected shape (B, ", c.num_channels, ", ", c.image_size, ", ",
                    c.image_size, "), got ", images.shape());
  const std::int64_t B = images.shape()[0];
  const Variable patches = activations_.from_parameters(patchify(images, c.patch_size));
  Variable x = activations_.to_parameters(linear(patches, patch_embedding_));
  if (c.class_token) {
    x = cat({broadcast_to(class_embedding_, {B, 1, c.hidden_size}), x}, 1);
  }
  return activations_.from_parameters(pre_norm_(x + position_embedding_));
}

std::vector<Variable> VisionTransformer::operator()(const Variable& images) const {
  std::vector<Variable> hidden;
  {
    const NameScope scope("embeddings");
    hidden.push_back(embed(images));
  }
  for (std::size_t l = 0; l < blocks_.size(); ++l) {
    const NameScope scope("encoder.layers." + std::to_string(l));
    const VisionBlock& block = blocks_[l];
    if (recompute_) {
      // The function has a copy of the block, which is the same parameters: history may outlive us.
      const auto again = [block](const Variables& x) -> Variables { return {block(x[0])}; };
      hidden.push_back(recompute(again, {hidden.back()})[0]);
    } else {
      hidden.push_back(block(hidden.back()));
    }
  }
  return hidden;
}

void VisionTransformer::visit(ParameterVisitor& v) {
  const VisionConfig& c = config_;
  if (c.class_token) v.parameter("embeddings.class_embedding", class_embedding_);
  v.parameter("embeddings.patch_embedding.weight", patch_embedding_,
              {c.hidden_size, c.num_channels, c.patch_size, c.patch_size});
  v.parameter("embeddings.position_embedding.weight", position_embedding_);
  v.child("pre_layrnorm", pre_norm_);  // the misspelling is part of the format
  v.children("encoder.layers", blocks_);
}

}  // namespace chainline::nn
