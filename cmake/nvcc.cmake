# Every kernel file compiles with nvcc without a warning, where there is one: the target and the
# test nvcc_compiles. Nothing of it runs or is linked, so neither a GPU nor its driver is needed.
find_program(CHAINLINE_NVCC nvcc HINTS /usr/local/cuda/bin)
set(CHAINLINE_CUDA_ARCHITECTURES 80-real 90a-real 80-virtual CACHE STRING
    "What nvcc compiles for: code for Ampere and Hopper, and PTX for what comes after them")
if(NOT CHAINLINE_NVCC OR NOT CHAINLINE_TESTS OR CMAKE_CROSSCOMPILING OR CHAINLINE_SANITIZE)
  return()
endif()

# As on the CPU, a multiply and an add are fused only where the source says so.
set(nvcc_flags -std=c++20 --fmad=false --Werror all-warnings -I${PROJECT_SOURCE_DIR}
    -Xcompiler -Wall,-Wextra,-Wshadow,-Werror)
foreach(architecture IN LISTS CHAINLINE_CUDA_ARCHITECTURES)
  string(REGEX MATCH "^([0-9a-z]+)-(real|virtual)$" matched ${architecture})
  if(NOT matched)
    message(FATAL_ERROR "CHAINLINE_CUDA_ARCHITECTURES: expected 90-real, 90-virtual or alike, got "
                        "${architecture}")
  endif()
  string(REPLACE "real" "sm" code ${CMAKE_MATCH_2})
  string(REPLACE "virtual" "compute" code ${code})
  list(APPEND nvcc_flags -gencode arch=compute_${CMAKE_MATCH_1},code=${code}_${CMAKE_MATCH_1})
endforeach()

file(GLOB_RECURSE kernels CONFIGURE_DEPENDS cuda/*.cu tests/cuda/*.cu)
set(objects)
foreach(kernel IN LISTS kernels)
  file(RELATIVE_PATH name ${PROJECT_SOURCE_DIR} ${kernel})
  string(REPLACE "/" "_" name ${name})
  set(object ${PROJECT_BINARY_DIR}/nvcc/${name}.o)
  add_custom_command(OUTPUT ${object}
    COMMAND ${CHAINLINE_NVCC} ${nvcc_flags} -MD -MF ${object}.d -MT nvcc/${name}.o -c ${kernel}
            -o ${object}
    DEPENDS ${kernel} DEPFILE ${object}.d COMMENT "Compiling ${name} by nvcc" VERBATIM)
  list(APPEND objects ${object})
endforeach()
file(MAKE_DIRECTORY ${PROJECT_BINARY_DIR}/nvcc)
add_custom_target(nvcc_compiles DEPENDS ${objects})
add_test(NAME nvcc_compiles
         COMMAND ${CMAKE_COMMAND} --build ${PROJECT_BINARY_DIR} --target nvcc_compiles)
set_tests_properties(nvcc_compiles PROPERTIES PROCESSORS 2)
