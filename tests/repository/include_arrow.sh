#!/bin/sh
# include_arrow.sh ROOT: holds every #include against the arrow tensor <- autograd <- nn <-
# experiments. cuda/ stands beside autograd/: it includes tensor/, and nothing includes it but its
# own tests. Prints file:line of each #include that points upwards.
cd "$1" || exit 2
find tensor autograd nn experiments cuda tests bench -name '*.h' -o -name '*.cpp' -o -name '*.cu' \
     -o -name '*.cuh' 2>/dev/null | LC_ALL=C sort | xargs awk '
  BEGIN {
    below["tensor"] = "tensor"
    below["autograd"] = "tensor autograd"
    below["nn"] = "tensor autograd nn"
    below["experiments"] = "tensor autograd nn experiments"
    below["cuda"] = "tensor cuda"
    below["tests"] = "tensor autograd nn experiments tests"
    below["bench"] = "tensor autograd nn experiments tests bench"
    below["tests/cuda"] = "tensor autograd nn experiments tests cuda"
  }
  FNR == 1 {
    layer = FILENAME
    if (!sub(/^tests\/cuda\/.*/, "tests/cuda", layer)) sub(/\/.*/, "", layer)
    if (layer == "tensor" || layer == "autograd" || layer == "nn") ++files[layer]
  }
  /^[ \t]*#[ \t]*include[ \t]*["<]/ {
    name = $0
    sub(/^[^"<]*/, "", name)
    quoted = name ~ /^"/
    sub(/^["<]/, "", name)
    sub(/[">].*$/, "", name)
    part = name
    sub(/\/.*/, "", part)
    if (!quoted && !(part in below)) next  # a header of the system or of a library
    if (index(" " below[layer] " ", " " part " ") && name ~ /\//) next
    printf "%s:%d: %s/ may include %s by their path from the root, not %s\n", FILENAME, FNR, layer,
           below[layer], name
    ++wrong
  }
  END {
    if (!files["tensor"] || !files["autograd"] || !files["nn"]) {
      print "include_arrow: layers are missing in " ENVIRON["PWD"]
      exit 2
    }
    exit wrong > 0
  }'
