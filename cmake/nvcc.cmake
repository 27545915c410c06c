# nvcc, where there is one.
find_program(CHAINLINE_NVCC nvcc HINTS /usr/local/cuda/bin)
set(CHAINLINE_CUDA_ARCHITECTURES 80-real 90a-real 80-virtual CACHE STRING
    "What nvcc compiles for: code for Ampere and Hopper, and PTX for what comes after them")

# As on the CPU, a multiply and an add are fused only where the source says so.
set(chainline_nvcc_flags -std=c++20 -O3 --fmad=false --Werror all-warnings -I${PROJECT_SOURCE_DIR}
    -Xcompiler -fPIC,-ffp-contract=off,-Wall,-Wextra,-Wshadow,-Werror)
foreach(architecture IN LISTS CHAINLINE_CUDA_ARCHITECTURES)
  string(REGEX MATCH "^([0-9a-z]+)-(real|virtual)$" matched ${architecture})
  if(NOT matched)
    message(FATAL_ERROR "CHAINLINE_CUDA_ARCHITECTURES: expected 90-real, 90-virtual or alike, got "
                        "${architecture}")
  endif()
  string(REPLACE "real" "sm" code ${CMAKE_MATCH_2})
  string(REPLACE "virtual" "compute" code ${code})
  list(APPEND chainline_nvcc_codes
       -gencode arch=compute_${CMAKE_MATCH_1},code=${code}_${CMAKE_MATCH_1})
endforeach()

# chainline_nvcc_objects(RESULT FILE.cu...) compiles kernel files for GPUs, for the targets of the
# folder that calls it. A file hopper.cu has instructions of sm_90a alone.
function(chainline_nvcc_objects result)
  file(MAKE_DIRECTORY ${PROJECT_BINARY_DIR}/nvcc)
  set(objects)
  foreach(kernel IN LISTS ARGN)
    file(RELATIVE_PATH name ${PROJECT_SOURCE_DIR} ${kernel})
    string(REPLACE "/" "_" name ${name})
    set(codes ${chainline_nvcc_codes})
    if(name MATCHES "hopper")
      set(codes -gencode arch=compute_90a,code=sm_90a)
    endif()
    set(object ${PROJECT_BINARY_DIR}/nvcc/${name}.o)
    add_custom_command(OUTPUT ${object}
      COMMAND sh ${PROJECT_SOURCE_DIR}/cmake/compile_kernel.sh ${object} ${CHAINLINE_NVCC}
              ${chainline_nvcc_flags} ${codes} -MD -MF ${object}.d -MT nvcc/${name}.o -c ${kernel}
      DEPENDS ${kernel} ${PROJECT_SOURCE_DIR}/cmake/compile_kernel.sh
      DEPFILE ${object}.d COMMENT "Compiling ${name} by nvcc" VERBATIM)
    list(APPEND objects ${object})
  endforeach()
  set(${result} ${objects} PARENT_SCOPE)
endfunction()
