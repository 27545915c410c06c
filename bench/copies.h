#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "bench/harness.h"
#include "tensor/ops/cat.h"

/// The model's batches fit the caches of large processors, so that a share of the copy bandwidth
/// says little at them. What memory bounds is timed a second time at so many copies of the batch
/// that each tensor alone is larger than a cache; the names end in `_x32`.
namespace chainline::bench {

inline constexpr std::int64_t kCopies = 32;

/// The batch x, one copy behind the other.
inline Tensor copies(const Tensor& x) {
  return ops::cat(std::vector<Tensor>(static_cast<std::size_t>(kCopies), x), 0);
}

/// The inputs of an op on rows: those that have the batch's rows, and those that all rows share.
struct Batch {
  Tensors rows, shared;
};

/// An op on rows, at one batch.
struct OnRows {
  std::string name;
  double bytes = 0;
  std::function<Batch()> inputs;
  std::function<Tensors(const Batch&)> run;
  std::function<Judge(const Batch&)> judge;
  /// For gradients of what all rows share, the last answers: what they come to over the copies.
  std::function<Tensors(const Batch&)> sums_of_copies = {};
};

/// Judges the answer at copies of a batch: again and again the bits of the answer at one, then the
/// sums.
inline Judge copies_of(const Tensors& one, const Tensors& sums) {
  return [=](const Tensors& answer) -> std::string {
    const std::size_t by_row = one.size() - sums.size();
    for (std::size_t i = 0; i < by_row; ++i) {
      const std::int64_t rows = one[i].shape()[0];
      for (std::int64_t c = 0; c < kCopies; ++c) {
        if (!same_bits(answer[i].narrow(0, c * rows, rows), one[i])) {
          return "output " + std::to_string(i) + ": wrong bits in copy " + std::to_string(c);
        }
      }
    }
    return same_as(sums)(
        Tensors(answer.begin() + static_cast<std::ptrdiff_t>(by_row), answer.end()));
  };
}

/// Registers the op at the batch, and at copies of it. There the answer at one copy is judged first.
inline void add_with_copies(const OnRows& op) {
  add({op.name, 0, op.bytes, [op] {
         const Batch batch = op.inputs();
         return Trial{[op, batch] { return op.run(batch); }, op.judge(batch)};
       }});
  add({op.name + "_x" + std::to_string(kCopies), 0, op.bytes * static_cast<double>(kCopies), [op] {
         const Batch batch = op.inputs();
         Batch many{{}, batch.shared};
         for (const Tensor& x : batch.rows) many.rows.push_back(copies(x));
         const Tensors one = op.run(batch);
         const Judge judge = op.judge(batch);
         const Tensors sums = op.sums_of_copies ? op.sums_of_copies(batch) : Tensors{};
         return Trial{[op, many] { return op.run(many); },
                      [=](const Tensors& answer) {
                        const std::string wrong = judge(one);
                        return wrong.empty() ? copies_of(one, sums)(answer) : "one copy: " + wrong;
                      }};
       }});
}

}  // namespace chainline::bench
