#!/usr/bin/env bash
# gpu_check.sh BUILD OUT.md: everything that a GPU must show, in one run on the machine that has it,
# from the folder of the project. BUILD is the preset cuda, built here or elsewhere; beyond it this
# needs a driver and CUDA's compute-sanitizer, no compiler and no network. OUT.md gets the results of
# tests, sanitizers, two short trainings and the benchmarks.
# Exit code 1 when something fails, 4 when something is missing.
set -uo pipefail
export LC_ALL=C  # a point in EPOCHREALTIME
[[ -d tests/ops ]] || { echo "gpu-check: expected to run in the folder of the project" >&2 && exit 2; }
build=$1 out=$2
failures=0

stop() {
  printf 'gpu-check: %s\n' "$1" >&2
  exit 4
}
[[ -f $build/tests/on_each_device.txt ]] ||
  stop "$build: expected the preset cuda, built (cmake --preset cuda && cmake --build --preset cuda), got nothing"
gpu=$(nvidia-smi -i 0 --query-gpu=name,driver_version,memory.total --format=csv,noheader 2>/dev/null) ||
  stop "expected an NVIDIA driver, got none (nvidia-smi)"
[[ -n $gpu ]] || stop "expected an NVIDIA driver, got none (nvidia-smi)"
sanitizer=$(command -v compute-sanitizer || echo /usr/local/cuda/bin/compute-sanitizer)
[[ -x $sanitizer ]] || stop "expected compute-sanitizer of the CUDA toolkit, found none"
mapfile -t tests < "$build/tests/on_each_device.txt"

log=$(mktemp -d) && trap 'rm -rf "$log"' EXIT
mkdir -p "$(dirname "$out")"
say() { printf '%s\n' "$1" >> "$log/report.md"; }

# row NAME COMMAND...: runs it, and adds a row of the table: name, verdict, seconds.
row() {
  local name=$1 begin=$EPOCHREALTIME verdict
  shift
  if "$@" > "$log/${name// /_}.log" 2>&1; then
    verdict=passed
    grep -q 'SKIPPED' "$log/${name// /_}.log" && verdict='passed, some skipped'
  else
    verdict="**failed**, exit code $?"
    ((++failures))
    tail -n 20 "$log/${name// /_}.log" >&2
  fi
  say "| $name | $verdict | $(awk "BEGIN {printf \"%.1f\", $EPOCHREALTIME - $begin}") |"
  printf '%-40s %s\n' "$name" "$verdict"
}

# show COMMAND...: runs it, and puts what it prints into the report as it is.
show() {
  say '```'
  if ! "$@" > "$log/shown" 2> "$log/errors"; then
    ((++failures))
    printf '**failed**\n' >> "$log/shown"
    tail -n 20 "$log/errors" | tee -a "$log/shown" >&2
  fi
  cat "$log/shown" >> "$log/report.md"
  say '```'
}

# train NAME OPTIONS...: a short training; its weights are $log/NAME/checkpoint/model.safetensors.
train() {
  local name=$1
  shift
  "$build/bin/chainline" train --data shapes:train=200,test=50 --steps 20 --out "$log/$name" "$@"
}
same_weights() { cmp "$log/$1/checkpoint/model.safetensors" "$log/$2/checkpoint/model.safetensors"; }

say "# Measured on ${gpu%%,*}"
say ""
say "Driver, memory: ${gpu#*, }. Commit $(git rev-parse --short HEAD 2>/dev/null || echo unknown). Written by \`./run gpu-check\`."
say ""
say "## Tests, with the bits of the CPU"
say ""
say "| test | | seconds |"
say "|---|---|---|"
export CHAINLINE_TEST_DEVICE=cuda
for test in "${tests[@]}"; do row "$test" "$build/tests/$test"; done
row device_tensor_test "$build/tests/device_tensor_test"
row ladder_test "$build/tests/cuda/gemm/ladder_test"
for test in device_graph_test recorded_steps_test choice_test limits_test product_test; do
  row "$test" "$build/tests/$test"
done
for test in cublaslt_test cudnn_test; do  # of the libraries that the build found
  [[ -x $build/tests/$test ]] && row "$test" "$build/tests/$test"
done
# What this GPU's instructions leave in their registers becomes what the emulator is held to.
row twin_certificate_test env CHAINLINE_WRITE_TWINS=1 "$build/tests/cuda/twin_certificate_test"

say ""
say "## compute-sanitizer over the tests of the ops"
say ""
say "| tool and test | | seconds |"
say "|---|---|---|"
for tool in memcheck racecheck initcheck synccheck; do
  for test in "${tests[@]}"; do
    [[ -f tests/ops/$test.cpp ]] || continue
    row "$tool $test" "$sanitizer" --tool "$tool" --error-exitcode 9 "$build/tests/$test"
  done
done

say ""
say "## Training"
say ""
say "| 20 steps on the built-in pictures | | seconds |"
say "|---|---|---|"
unset CHAINLINE_TEST_DEVICE
row "train on the CPU" train cpu
row "train on the GPU" train gpu --device=cuda
row "the GPU has the weights of the CPU" same_weights cpu gpu
row "train fast" train fast --device=cuda --math=fast
row "train fast with the kernels of that run" train again --device=cuda --math=fast \
    --kernels "$log/fast/checkpoint/kernels.json"
row "the weights are the same" same_weights fast again

say ""
say "## The ladder of matrix products, 4000 x 4100 x 4096"
say ""
say '```'
grep GFLOP "$log/ladder_test.log" >> "$log/report.md"
say '```'

say ""
say "## Benchmarks"
say ""
bench=(bench --device=cuda --repetitions 5 --min-time 0.01)
say "\`chainline ${bench[*]}\` ([docs/benchmarks.md](../benchmarks.md)):"
say ""
show "$build/bin/chainline" "${bench[@]}"

say ""
((failures == 0)) && say "Everything passed." || say "**$failures failed.**"
mv "$log/report.md" "$out"
printf 'gpu-check: %s, %d failed\n' "$out" "$failures"
((failures == 0))
