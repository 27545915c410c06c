#!/bin/sh
# kernel_registers.sh ROOT BUILD [print]: no kernel spills registers into local memory, and none takes
# more than cuda/registers.txt allows, in code for every architecture that nvcc compiled. With print
# it shows what each kernel takes, which is where the limits come from.
limits=$1/cuda/registers.txt
found=$(ls "$2"/nvcc/cuda_*.resources 2>/dev/null) || { echo "$2/nvcc: no .resources; build nvcc_compiles"; exit 2; }
[ -r "$limits" ] || { echo "$limits is missing"; exit 2; }
rows=$(
  for file in $found; do
    name=$(basename "$file" .o.resources)
    c++filt < "$file" | awk -v file="$name" '
      /Compiling entry function/ {
        architecture = $NF
        gsub(/\047/, "", architecture)
        kernel = $0
        sub(/^[^\047]*\047/, "", kernel)
        gsub(/\(anonymous namespace\)::/, "", kernel)
        sub(/^void /, "", kernel)
        sub(/[<(].*/, "", kernel)
        sub(/.*::/, "", kernel)
      }
      /bytes spill stores/ { spilled = $5 + $9 }
      /Used [0-9]+ registers/ {
        for (i = 1; i < NF; ++i) if ($i == "Used") registers = $(i + 1)
        shared = 0
        for (i = 1; i < NF; ++i) if ($(i + 2) ~ /^smem/) shared = $i
        print file, kernel, architecture, registers, spilled, shared
      }'
  done | sort | awk '
    # The worst of a template for each architecture.
    { key = $1 " " $2 " " $3
      if (!(key in registers)) order[++n] = key
      if ($4 + 0 > registers[key]) registers[key] = $4 + 0
      if ($5 + 0 > spilled[key]) spilled[key] = $5 + 0
      if ($6 + 0 > shared[key]) shared[key] = $6 + 0 }
    END { for (i = 1; i <= n; ++i) print order[i], registers[order[i]], spilled[order[i]] + 0, shared[order[i]] + 0 }')
if [ "$3" = print ]; then
  printf '%-28s %-24s %-8s %9s %7s %7s\n' file kernel code registers spilled shared
  printf '%s\n' "$rows" | awk '{ printf "%-28s %-24s %-8s %9d %7d %7d\n", $1, $2, $3, $4, $5, $6 }'
fi
printf '%s\n' "$rows" | awk -v limits="$limits" '
  BEGIN {
    while ((getline line < limits) > 0) {
      if (line ~ /^#/ || split(line, word, " ") < 3) continue
      limit[word[1] " " word[2]] = word[3]
    }
  }
  {
    key = $1 " " $2
    if (!(key in limit)) key = $1 " *"
    if (!(key in limit)) { print $1 ": " $2 " has no limit in cuda/registers.txt"; ++wrong; next }
    if ($4 > limit[key] + 0) { print $1 ": " $2 " takes " $4 " registers for " $3 ", allowed are " limit[key]; ++wrong }
    if ($5 > 0) { print $1 ": " $2 " spills " $5 " bytes for " $3; ++wrong }
    ++kernels
  }
  END { if (kernels < 10) { print "only " kernels + 0 " kernels"; ++wrong } exit wrong > 0 }'
