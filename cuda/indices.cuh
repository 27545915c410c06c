#pragma once

#include <string>
#include <string_view>

#include "cuda/first.cuh"
#include "tensor/device_graph.h"
#include "tensor/ops/indices.h"

namespace chainline::cuda {

struct IsOutside {
  const std::int64_t* index;
  std::int64_t low, end;
  __device__ bool operator()(std::int64_t i) const { return index[i] < low || index[i] >= end; }
};

/// Refuses the first element of `index` (dense, i64) outside of [low, end), as cpu::check_indices
/// does, before anything is written. The host looks where it knows the numbers; else the device does,
/// and the host waits for its answer.
inline void check_indices(const Tensor& index, std::int64_t low, std::int64_t end,
                          std::string_view op, std::string_view argument) {
  const auto check_values = [=, op = std::string(op),
                             argument = std::string(argument)](const Tensor& known) {
    cpu::check_indices(known, low, end, op, argument);
  };
  if (check_on_host(index, op, argument, check_values)) return;
  const std::int64_t n = index.numel();
  const std::int64_t i =
      first_where(n, IsOutside{index.device_data<std::int64_t>(), low, end}, index.device());
  if (i < n) refuse_index(index.shape(), i, element(index, i), low, end, op, argument);
}

}  // namespace chainline::cuda
