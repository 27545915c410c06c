#include "experiments/bench/computes.h"

#include <map>

namespace chainline::experiments {

std::string computes(const std::string& op) {
  static const std::map<std::string, std::string> lines = {
      {"add", "x + y, as blocks add what they computed to what they were given"},
      {"attention",
       "softmax(scale q k^T) v for every head, scores never stored; backward dq, dk, dv"},
      {"cross_entropy",
       "log(sum_j exp(x_j)) - x_target, summed over each sample's labelled tokens"},
      {"gelu", "x Phi(x), by erf or by tanh"},
      {"layer_norm", "(x - mean) / sqrt(variance + eps) * weight + bias over the last dimension"},
      {"linear", "x w^T + bias; backward dx, dw as a sum of the samples' sums, and dbias"},
      {"log_softmax", "x - log(sum_j exp(x_j)) over the last dimension"},
      {"matmul", "products M x N x K: nt y = x w^T, nn dx = g w, tn dw = g^T x; some batched"},
      {"optimizer_step",
       "one step of AdamW, or of SGD with momentum, over all parameters in place"},
      {"rms_norm", "x / sqrt(mean(x^2) + eps) * weight over the last dimension"},
      {"rope", "pairs of numbers of a head turned by angles that grow with the position"},
      {"silu", "x sigmoid(x)"},
      {"silu_gate", "silu(gate) * up"},
      {"softmax", "exp(x_i) / sum_j exp(x_j) over the last dimension"},
      {"scaling", "the training step at other sizes, two layers on either side: cost against work"},
      {"train_step", "forward, backward, clipping and AdamW of the benchmark model"},
  };
  const auto found = lines.find(op);
  return found == lines.end() ? "" : found->second;
}

}  // namespace chainline::experiments
