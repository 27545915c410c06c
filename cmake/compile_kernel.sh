#!/bin/sh
# compile_kernel.sh OBJECT NVCC ARGUMENT...: compiles a kernel file into OBJECT, and keeps what ptxas
# says about its registers in OBJECT.resources (tests/repository/kernel_registers.sh).
object=$1
shift
"$@" -Xptxas -v -o "$object" 2> "$object.resources"
status=$?
grep -vE '^ptxas info|^ +[0-9]+ bytes stack frame' "$object.resources" >&2
exit $status
