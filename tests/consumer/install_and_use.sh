#!/bin/sh
# install_and_use.sh CMAKE BUILD_DIR WORK_DIR CXX: installs BUILD_DIR into an empty folder, moves
# the installation, and builds the project beside this script against it, by find_package and by
# pkg-config where that is installed.
set -e
cmake=$1 build=$2 work=$3 cxx=$4
project=$(cd "$(dirname "$0")" && pwd)
expect='[6., 8.]'

rm -rf "$work" && mkdir -p "$work"
"$cmake" --install "$build" --prefix "$work/first" >/dev/null
mv "$work/first" "$work/moved"

expect_output() {
  got=$("$1" | head -n 1)
  [ "$got" = "$expect" ] || { echo "$1: expected $expect, got $got"; exit 1; }
}
"$cmake" -S "$project" -B "$work/build" -DCMAKE_PREFIX_PATH="$work/moved" \
         -DCMAKE_CXX_COMPILER="$cxx" >/dev/null
"$cmake" --build "$work/build" >/dev/null
expect_output "$work/build/consumer"

if command -v pkg-config >/dev/null; then
  PKG_CONFIG_PATH=$(dirname "$(find "$work/moved" -name chainline.pc)")
  export PKG_CONFIG_PATH
  # shellcheck disable=SC2046  # the flags are words
  "$cxx" "$project/main.cpp" -o "$work/by_pkg_config" $(pkg-config --cflags --libs chainline)
  expect_output "$work/by_pkg_config"
fi
