#!/bin/sh
# vendor_discovery.sh CMAKE ROOT WORK_DIR: what cmake/vendor.cmake finds in folders that hold a
# toolkit, pip's packages, or halves of either, and what it says.
set -eu
cmake=$1 root=$2 work=$3
rm -rf "$work" && mkdir -p "$work" && cd "$work"

# The vendors' headers, as far as they are read.
library() {  # library FOLDER HEADER VERSION_HEADER PREFIX PATCH MAJOR MINOR SONAME
  mkdir -p "$1/include" "$1/lib"
  : > "$1/include/$2"
  printf '#define %s_MAJOR %s\n#define %s_MINOR %s\n#define %s_%s 7\n' \
         "$4" "$6" "$4" "$7" "$4" "$5" > "$1/include/$3"
  : > "$1/lib/$8"
}
cublaslt() { library "$1" cublasLt.h cublas_api.h CUBLAS_VER PATCH "$2" "$3" "libcublasLt.so.$2"; }
cudnn() { library "$1" cudnn_graph.h cudnn_version.h CUDNN PATCHLEVEL "$2" "$3" "libcudnn.so.$2"; }

cat > find.cmake <<END
include($root/cmake/vendor.cmake)
chainline_vendors(\${toolkit})
message(STATUS "include \${chainline_CUBLASLT_include}, library \${chainline_CUDNN_library}")
END

# expect CLAIM TEXT OPTION...: the configuration with the options says the text.
expect() {
  claim=$1 text=$2
  shift 2
  said=$("$cmake" -Dtoolkit="$work/toolkit" "$@" -P find.cmake 2>&1 | tr '\n' ' ' | tr -s ' ') || true
  case $said in
    *"$text"*) ;;
    *) printf '%s: expected "%s", got "%s"\n' "$claim" "$text" "$said" && exit 1 ;;
  esac
}

mkdir -p toolkit
# The system's own folder may hold both on a machine for CUDA; the test is of what is given here.
sed "s| /usr)| $work/usr)|" "$root/cmake/vendor.cmake" > vendor.cmake
sed -i "s|include(.*|include($work/vendor.cmake)|" find.cmake

expect 'none is no error' 'cuBLASLt: none; matrix products of the fast class run our kernel alone'
expect 'none is no error' 'cuDNN: none; attention of the fast class runs our kernel alone'
expect 'ON needs one' 'CHAINLINE_CUDNN: expected cudnn_graph.h and libcudnn.so for ON, of 9.16 or later, found no two' \
       -DCHAINLINE_CUDNN=ON
expect 'an option has three values' 'CHAINLINE_CUBLASLT: expected AUTO, ON or OFF, got YES' \
       -DCHAINLINE_CUBLASLT=YES
expect 'packages must be some' 'CHAINLINE_NVIDIA_PACKAGES: expected a folder that holds nvidia/*/include' \
       -DCHAINLINE_NVIDIA_PACKAGES="$work/nothing"

cublaslt toolkit 13 1
cudnn toolkit 9 19
expect 'the toolkit is found' "cuBLASLt 13.1.7: contender of matrix products"
expect 'the toolkit is found' "cuDNN 9.19.7: contender of attention"
expect 'OFF looks for none' 'cuDNN: none;' -DCHAINLINE_CUDNN=OFF -DCHAINLINE_CUBLASLT=ON

cudnn toolkit 9 15
expect 'an old release is none' 'cuDNN: none;'
cudnn toolkit 9 19

cublaslt packages/nvidia/cu13 13 4
cudnn packages/nvidia/cudnn 9 26
expect 'packages come before the toolkit' 'cuBLASLt 13.4.7: contender of matrix products' \
       -DCHAINLINE_NVIDIA_PACKAGES="$work/packages"
expect 'each package is looked at' \
       "include $work/packages/nvidia/cu13/include, library $work/packages/nvidia/cudnn/lib/libcudnn.so.9" \
       -DCHAINLINE_NVIDIA_PACKAGES="$work/packages"

# A header whose library is of another release would read other structs.
mv toolkit/lib/libcublasLt.so.13 toolkit/lib/libcublasLt.so.12
expect 'header and library belong together' 'cuBLASLt: none;'
mv toolkit/lib/libcublasLt.so.12 toolkit/lib/libcublasLt.so.13
rm packages/nvidia/cudnn/lib/libcudnn.so.9
expect 'half a package is passed over' 'cuDNN 9.19.7' -DCHAINLINE_NVIDIA_PACKAGES="$work/packages"
