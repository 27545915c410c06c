#!/bin/sh
# code_version.sh CMAKE ROOT WORK_DIR: which changes give other hashes of the sources, and that a
# header which says so already is left alone.
set -eu
cmake=$1 root=$2 work=$3
rm -rf "$work" && mkdir -p "$work/source" && cd "$work/source"
for file in tensor/gemm.cpp cuda/gelu.cu cuda/emulator/block.cpp experiments/chainline.cpp \
            experiments/plan/plan.cpp experiments/report/html.cpp experiments/training/loss.cpp \
            experiments/training/progress.h experiments/probing/probe.cpp \
            experiments/measures/users.h experiments/study/reproduce.cpp; do
  mkdir -p "$(dirname $file)"
  echo "int x;" > $file
done

write() {
  "$cmake" -D "SOURCE=$work/source" -D "OUT=$work/code_version.h" \
           -P "$root/experiments/code_version.cmake"
}
hash_of() { sed -n "s/#define CHAINLINE_$1 \"\([0-9a-f]\{64\}\)\"/\1/p" "$work/code_version.h"; }

# expect CLAIM RESULTS TRAINING: what happened since the last call, "same" or "new", to each hash.
expect() {
  cp "$work/code_version.h" "$work/before.h"
  all=$(hash_of CODE_VERSION) training=$(hash_of TRAINING_CODE_VERSION)
  write
  got=
  [ "$(hash_of CODE_VERSION)" = "$all" ] && got="same" || got="new"
  [ "$(hash_of TRAINING_CODE_VERSION)" = "$training" ] && got="$got same" || got="$got new"
  [ "$got" = "$2 $3" ] || { echo "$1: expected $2 $3, got $got"; exit 1; }
}

write
[ -n "$(hash_of CODE_VERSION)" ] && [ -n "$(hash_of TRAINING_CODE_VERSION)" ] ||
  { echo "no hashes in:"; cat "$work/code_version.h"; exit 1; }
touch -d "2001-01-01" "$work/code_version.h"
expect "nothing changed" same same
[ -n "$(find "$work/code_version.h" ! -newermt 2002-01-01)" ] ||
  { echo "a header that said so already was written again"; exit 1; }

for file in cuda/emulator/block.cpp experiments/chainline.cpp experiments/plan/plan.cpp \
            experiments/report/html.cpp experiments/training/progress.h \
            experiments/study/reproduce.cpp; do
  echo "int y;" > $file
  expect "$file shows, starts or waits" same same
done
for file in tensor/gemm.cpp cuda/gelu.cu experiments/training/loss.cpp; do
  echo "int y;" > $file
  expect "$file changes weights" new new
done
for file in experiments/probing/probe.cpp experiments/measures/users.h; do
  echo "int y;" > $file
  expect "$file looks at weights" new same
done
mkdir experiments/novel && echo "int x;" > experiments/novel/novel.cpp
expect "a new folder counts until it is named" new new
mv experiments/novel/novel.cpp experiments/novel/other.cpp
expect "a name is part of it" new new
echo "a note" > experiments/novel/README.md
expect "text is no source" same same
