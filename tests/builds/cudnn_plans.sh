#!/bin/sh
# cudnn_plans.sh TEST CXX TOOLKIT WORK_DIR: has cuDNN make its plans for a GPU that is not here. What it
# compiles it hands to the driver, of which this makes one that takes everything and runs nothing: the
# names are those of the toolkit's stub.
set -eu
test=$1 cxx=$2 toolkit=$3 work=$4
stub=$(ls "$toolkit"/lib*/stubs/libcuda.so 2>/dev/null | head -n 1)
[ -n "$stub" ] || { echo "$toolkit: no stub of the driver: SKIPPED"; exit 77; }
rm -rf "$work" && mkdir -p "$work"

# What hands out something hands out the address of a number.
takes='cuLibraryLoadData cuLibraryGetKernel cuLibraryGetModule cuKernelGetFunction cuModuleLoadData
       cuModuleLoadDataEx cuModuleGetFunction'
succeeds='cuLibraryUnload cuModuleUnload cuKernelSetAttribute cuFuncSetAttribute'
{
  echo 'static int thing;'
  echo 'extern "C" {'
  for name in $takes; do echo "int $name(void** to) { *to = &thing; return 0; }"; done
  for name in $succeeds; do echo "int $name(void) { return 0; }"; done
  for name in cuKernelGetAttribute cuFuncGetAttribute; do
    echo "int $name(int* to) { *to = 0; return 0; }"
  done
  echo 'int cuDriverGetVersion(int* to) { *to = 13000; return 0; }'
  for name in cuGetErrorName cuGetErrorString; do
    echo "int $name(int e, const char** to) { *to = \"a driver for tests\"; return 0; }"
  done
  echo '}'
} > "$work/some.cpp"
# All others find no device.
nm -D --defined-only "$stub" | awk '$3 ~ /^cu[A-Z]/ { sub(/@.*/, "", $3); print $3 }' | sort -u |
  while read -r name; do
    grep -q " $name(" "$work/some.cpp" || echo "extern \"C\" int $name(void) { return 100; }"
  done > "$work/others.cpp"
"$cxx" -w -shared -fPIC -fno-builtin -Wl,-soname,libcuda.so.1 "$work/some.cpp" "$work/others.cpp" \
  -o "$work/libcuda.so.1"
LD_LIBRARY_PATH=$work${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH} CHAINLINE_FAKE_DRIVER=1 \
  "$test" --gtest_filter=Cudnn.HasKernelsForHopper
