// Our own contender, by the scheme of FlashAttention-2: Dao: FlashAttention-2 (2023). Its kernels exist
// for heads of 32, 64 and 128 numbers; other widths are padded with zeros in shared memory.

#include <string>
#include <vector>

#include "cuda/fast/attention.h"
#include "cuda/fast/choice.h"
#include "cuda/fast/flash_backward.cuh"
#include "cuda/fast/flash_forward.cuh"
#include "cuda/vendor/contenders.h"
#include "tensor/tensor.h"

namespace chainline::cuda {
namespace {

constexpr std::int64_t kMost = 1 << 30;  // rows of a head, so that an int has room for a tile more

/// Rows that begin at multiples of 16 bytes.
bool has_vectors(const bf16* data, const std::array<std::int64_t, 3>& strides) {
  return reinterpret_cast<std::uintptr_t>(data) % 16 == 0 && strides[0] % 8 == 0 &&
         strides[1] % 8 == 0 && strides[2] % 8 == 0;
}

Heads heads_of(const bf16* data, const std::array<std::int64_t, 3>& strides) {
  return {data, strides[0], strides[1], strides[2]};
}

FlashAttention for_kernels(const FastAttention& a) {
  const auto whole = [](const bf16* to) { return reinterpret_cast<std::uintptr_t>(to) % 16 == 0; };
  return {.H = static_cast<int>(a.H),
          .T = static_cast<int>(a.T),
          .S = static_cast<int>(a.S),
          .D = static_cast<int>(a.D),
          .heads_of_group = a.G == 0 ? 1 : static_cast<int>(a.H / a.G),
          .q = heads_of(a.q, a.q_strides),
          .k = heads_of(a.k, a.k_strides),
          .v = heads_of(a.v, a.v_strides),
          .causal = a.causal,
          .vectors_in = a.D % 8 == 0 && has_vectors(a.q, a.q_strides) &&
                        has_vectors(a.k, a.k_strides) && has_vectors(a.v, a.v_strides),
          .vectors_out = a.D % 8 == 0 && whole(a.y),
          .scale = a.scale,
          .scale_log2 = a.scale * kLog2OfE,
          .y = a.y,
          .lse = a.lse};
}

/// Starts a kernel with a block for each `rows` of `length` in each of `heads`.
template <class Call>
void launch_blocks(void (*kernel)(Call), std::size_t shared_bytes, std::int64_t heads,
                   std::int64_t length, std::int64_t rows, const Call& call, Stream stream) {
  const std::int64_t blocks = heads * ((length + rows - 1) / rows);
  check<ShapeError>(blocks < kMost, "attention: expected fewer than ", kMost, " blocks, got ",
                    blocks);
  if (blocks == 0) return;
  launch({dim3(static_cast<unsigned>(blocks)), dim3(kFlashThreads), shared_bytes, stream}, kernel,
         call);
}

/// delta[n] = dy[n] . y[n], by eight lanes a query.
__global__ void flash_delta(FlashGradient g, std::int64_t queries, float* delta) {
  constexpr int kLanes = 8;
  const FlashAttention& a = g.forward;
  const int own = static_cast<int>(threadIdx.x) % kLanes;
  const std::int64_t n = first_element() / kLanes;
  const auto fold = [](float x, int distance) {
    return x + __shfl_xor_sync(kWholeWarp, x, distance);
  };
  float sum = 0;
  if (n < queries) {
    const std::int64_t head = n / a.T, i = n % a.T, b = head / a.H, h = head % a.H;
    const bf16* const dy = g.dy.rows(b, h, i).data;
    const bf16* const y = a.y + ((b * a.T + i) * a.H + h) * a.D;
    if (a.vectors_in && a.vectors_out) {
      const auto* const dy_pairs = reinterpret_cast<const unsigned*>(dy);
      const auto* const y_pairs = reinterpret_cast<const unsigned*>(y);
      const auto low = [](unsigned pair) { return __uint_as_float(pair << 16); };
      const auto high = [](unsigned pair) { return __uint_as_float(pair & 0xffff0000u); };
      for (int c = own; c < a.D / 2; c += kLanes) {
        const unsigned p = dy_pairs[c], r = y_pairs[c];
        sum = std::fma(high(p), high(r), std::fma(low(p), low(r), sum));
      }
    } else {  // in the same order
      for (int c = 2 * own; c < a.D; c += 2 * kLanes) {
        sum = std::fma(static_cast<float>(dy[c]), static_cast<float>(y[c]), sum);
        if (c + 1 == a.D) break;
        sum = std::fma(static_cast<float>(dy[c + 1]), static_cast<float>(y[c + 1]), sum);
      }
    }
  }
  sum = fold(fold(fold(sum, 4), 2), 1);
  if (n < queries && own == 0) delta[n] = sum;
}

template <int kD>
void run_forward(const FastAttention& a, Stream stream) {
  using Block = FlashForward<kD>;
  launch_blocks(&flash_forward<kD>, sizeof(Block), a.B * a.H, a.T, Block::kQueries, for_kernels(a),
                stream);
}

template <int kD>
void run_backward(const FastAttention& a, const FlashGradient& g, Stream stream) {
  using Block = FlashBackward<kD>;
  launch_blocks(&flash_backward_queries<kD>, sizeof(Block), a.B * a.H, a.T, Block::kOwn, g, stream);
  launch_blocks(&flash_backward_keys<kD>, sizeof(Block), a.B * a.G, a.S, Block::kOwn, g, stream);
}

bool can_flash(const FastAttention& a) {
  return a.D >= 1 && a.D <= 128 && a.T < kMost && a.S < kMost && a.scale > 0;
}

void run_flash(const FastAttention& a, Stream stream) {
  if (a.D <= 32) return run_forward<32>(a, stream);
  if (a.D <= 64) return run_forward<64>(a, stream);
  run_forward<128>(a, stream);
}

bool can_flash_backward(const FastAttentionGradient& g) { return can_flash(g.forward); }

void run_flash_backward(const FastAttentionGradient& g, Stream stream) {
  const FastAttention& a = g.forward;
  constexpr unsigned kQueriesOfBlock = kThreads / 8;
  const std::int64_t queries = a.B * a.H * a.T;
  Tensor delta = Tensor::empty({queries}, DType::f32, {DeviceType::cuda, 0});
  FlashGradient call{for_kernels(a),
                     heads_of(g.grad_y, g.grad_y_strides),
                     delta.mutable_device_data<float>(),
                     g.dq,
                     g.dk,
                     g.dv};
  const auto begins_well = [](const bf16* to) {
    return reinterpret_cast<std::uintptr_t>(to) % 16 == 0;
  };
  call.forward.vectors_in &= has_vectors(g.grad_y, g.grad_y_strides);
  call.forward.vectors_out &= begins_well(g.dq) && begins_well(g.dk) && begins_well(g.dv);
  if (queries > 0) {
    launch({dim3(static_cast<unsigned>((queries + kQueriesOfBlock - 1) / kQueriesOfBlock)),
            dim3(kThreads), 0, stream},
           &flash_delta, call, queries, delta.mutable_device_data<float>());
  }
  if (a.D <= 32) return run_backward<32>(a, call, stream);
  if (a.D <= 64) return run_backward<64>(a, call, stream);
  run_backward<128>(a, call, stream);
}

/// What decides how quick a contender is: "32x12x320xTx64 causal", with 12/4 for 4 groups and as
/// many keys as queries; and whether rows begin at multiples of 16 bytes, which others need.
std::string shape_of(const FastAttention& a) {
  std::string shape = std::to_string(a.B) + 'x' + std::to_string(a.H);
  if (a.G != a.H) shape += '/' + std::to_string(a.G);
  shape += 'x' + std::to_string(rounded_size(a.T));
  shape += a.T == a.S ? "xT" : 'x' + std::to_string(rounded_size(a.S));
  shape += 'x' + std::to_string(a.D);
  if (a.causal) shape += " causal";
  const bool aligned = has_vectors(a.q, a.q_strides) && has_vectors(a.k, a.k_strides) &&
                       has_vectors(a.v, a.v_strides);
  return aligned ? shape : shape + " unaligned";
}

/// The backward of a contender, as one of those among which is chosen.
struct BackwardContender {
  const char* name;
  bool (*can)(const FastAttentionGradient&);
  void (*run)(const FastAttentionGradient&, Stream);
};

void check_width(const FastAttention& a, const char* op) {
  check<ShapeError>(can_attend(a), op, ": expected heads of 1 to 128 numbers, got ", a.D);
}

}  // namespace

std::span<const AttentionContender> attention_contenders() {
  static const std::vector<AttentionContender> all = [] {
    std::vector<AttentionContender> contenders = {
        {"own", can_flash, run_flash, can_flash_backward, run_flash_backward}};
    for (const AttentionContender* c : vendor::attentions()) contenders.push_back(*c);
    return contenders;
  }();
  return all;
}

bool can_attend(const FastAttention& a) { return can_flash(a); }

void run_attention(const FastAttention& a, Stream stream) {
  check_width(a, "attention");
  run_chosen("attention", shape_of(a), attention_contenders(), a, stream, [&] { return a; });
}

void run_attention_backward(const FastAttentionGradient& g, Stream stream) {
  check_width(g.forward, "attention_backward");
  static const std::vector<BackwardContender> all = [] {
    std::vector<BackwardContender> contenders;
    for (const AttentionContender& c : attention_contenders()) {
      contenders.push_back({c.name, c.can_backward, c.run_backward});
    }
    return contenders;
  }();
  run_chosen("attention_backward", shape_of(g.forward), std::span<const BackwardContender>(all), g,
             stream, [&] { return g; });
}

}  // namespace chainline::cuda
