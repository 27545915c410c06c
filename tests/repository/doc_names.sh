#!/bin/sh
# doc_names.sh ROOT: the files and the tests that the documentation names in backquotes exist.
cd "$1" || exit 2
wrong=0
tests=$(grep -rhoE 'TEST(_F|_P)?\([A-Za-z]+, [A-Za-z0-9]+' tests | sed 's/.*(//; s/, /./')
for page in *.md docs/*.md docs/*/*.md; do
  for file in $(grep -oE '`[a-z_]+/[a-z_/]+\.(h|cpp|sh)`' "$page" | tr -d '`'); do
    [ -e "$file" ] || { echo "$page: $file is missing"; wrong=1; }
  done
  for name in $(grep -oE '`[A-Z][A-Za-z]+\.[A-Z][A-Za-z0-9]+`' "$page" | tr -d '`'); do
    printf '%s\n' "$tests" | grep -qx "$name" || { echo "$page: no test $name"; wrong=1; }
  done
done
exit $wrong
