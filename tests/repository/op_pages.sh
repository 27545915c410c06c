#!/bin/sh
# op_pages.sh ROOT: every page tensor/ops/X.h that declares a kernel says its Shapes, Errors and
# Bits in its doc comments, and has its X.cpp and its tests/ops/X_test.cpp.
cd "$1/tensor/ops" || exit 2
wrong=0
pages=$(grep -l '^CHAINLINE_KERNEL(' -- *.h) || exit 2
for page in $pages; do
  for word in Shapes Errors Bits; do
    grep -q "^ *///.*\b$word\b" "$page" || { echo "tensor/ops/$page:1: no word $word"; wrong=1; }
  done
  op=${page%.h}
  for file in "tensor/ops/$op.cpp" "tests/ops/${op}_test.cpp"; do
    [ -f "../../$file" ] || { echo "tensor/ops/$page:1: $file is missing"; wrong=1; }
  done
done
exit $wrong
