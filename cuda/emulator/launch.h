#pragma once

#include <tuple>
#include <type_traits>
#include <utility>

#include "cuda/emulator/memory.h"
#include "cuda/emulator/recording.h"
#include "cuda/emulator/scheduler.h"
#include "tensor/error.h"

namespace chainline::emulator {

/// A kernel can't reach memory of the host on a GPU, so it may not get it here.
template <class T>
void check_argument([[maybe_unused]] const T& argument, [[maybe_unused]] int number) {
  if constexpr (std::is_pointer_v<T> && !std::is_function_v<std::remove_pointer_t<T>>) {
    check<DeviceError>(argument == nullptr || find_allocation(argument).begin != nullptr,
                       "launch: argument ", number,
                       ": expected memory of the device, got a pointer to something else");
  }
}

template <class... Parameters, class... Arguments>
void launch(const Grid& grid, void (*kernel)(Parameters...), Arguments&&... arguments) {
  // Converted once, as a launch copies its arguments, not once for each thread.
  struct Call {
    void (*kernel)(Parameters...);
    std::tuple<std::decay_t<Parameters>...> arguments;
  };
  const Call call{kernel, {static_cast<Parameters>(std::forward<Arguments>(arguments))...}};
  std::apply(
      [](const auto&... a) {
        [[maybe_unused]] int number = 0;
        (check_argument(a, ++number), ...);
      },
      call.arguments);
  const auto run = [grid, call] {
    run_grid(
        grid,
        [](const void* p) {
          const Call& c = *static_cast<const Call*>(p);
          std::apply(c.kernel, c.arguments);
        },
        &call);
  };
  if (auto* const recorded = recording()) {
    recorded->push_back(run);
  } else {
    run();
  }
}

}  // namespace chainline::emulator
