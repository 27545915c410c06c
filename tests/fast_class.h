#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <string>
#include <vector>

#include "tests/support.h"

namespace chainline::test {

/// An op on activations; parameters are its own.
using OpOfActivations = std::function<std::vector<Tensor>(const std::vector<Tensor>&)>;

/// Most kernels compute bf16 activations as they compute f32 ones, and then round once. So each
/// result has the bits of the f32 op on the same numbers, rounded where it is bf16. The CPU has no such
/// kernels and says so, in the words `refusal`.
inline void expect_f32_rounded_once(const OpOfActivations& op,
                                    const std::vector<Tensor>& activations,
                                    const std::string& refusal) {
  std::vector<Tensor> halves, same_in_f32;
  for (const Tensor& x : activations) {
    halves.push_back(x.to(DType::bf16));
    same_in_f32.push_back(halves.back().to(DType::f32));
  }
  if (device() == kCpu) {
    EXPECT_EQ(message_of<DTypeError>([&] { op(halves); }), refusal);
    return;
  }
  const std::vector<Tensor> fast = op(halves), exact = op(same_in_f32);
  ASSERT_EQ(fast.size(), exact.size());
  for (std::size_t i = 0; i < fast.size(); ++i) {
    EXPECT_TRUE(same_bits(fast[i], exact[i].to(fast[i].dtype()))) << "output " << i;
  }
}

}  // namespace chainline::test
