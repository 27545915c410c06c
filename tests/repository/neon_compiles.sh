#!/bin/sh
# neon_compiles.sh CXX ROOT: the kernels compile without a warning for 64-bit ARM, where they use
# NEON. What they compute there is the matter of the preset aarch64.
cd "$2" || exit 2
ls tensor/gemm.cpp tensor/ops/*.cpp | xargs -P "$(nproc)" -n 4 "$1" -std=c++20 -ffp-contract=off \
  -fno-math-errno -Wall -Wextra -Wpedantic -Wshadow -Werror -fsyntax-only -DCHAINLINE_ISA=neon -I.
