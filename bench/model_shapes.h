#pragma once

#include <cstdint>

/// The model whose shapes all benchmarks take, and whose training step train_step_bench runs:
/// images of 64 px in patches of 8, a ViT of 6 x 192, a projector of two layers, a decoder of
/// 6 x 192 with gated SiLU, a vocabulary of 512, and 24 tokens of text after the 64 of the image.
namespace chainline::bench::model {

inline constexpr std::int64_t kBatch = 32;
inline constexpr std::int64_t kImageSize = 64, kPatchSize = 8, kImageChannels = 3;
inline constexpr std::int64_t kPatches = (kImageSize / kPatchSize) * (kImageSize / kPatchSize);
inline constexpr std::int64_t kPatchNumbers = kImageChannels * kPatchSize * kPatchSize;
inline constexpr std::int64_t kTextTokens = 24;
inline constexpr std::int64_t kTokens = kPatches + kTextTokens;  // of the decoder

inline constexpr std::int64_t kChannels = 192, kHeads = 6, kHeadWidth = kChannels / kHeads;
inline constexpr std::int64_t kLayers = 6;  // of the ViT, and of the decoder
inline constexpr std::int64_t kVisionHidden = 768, kTextHidden = 512;
inline constexpr std::int64_t kVocabulary = 512;

inline constexpr std::int64_t kVisionRows = kBatch * kPatches;  // 2048
inline constexpr std::int64_t kTextRows = kBatch * kTokens;     // 2816

}  // namespace chainline::bench::model
