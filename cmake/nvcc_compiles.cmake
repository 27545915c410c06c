# Every kernel file compiles with nvcc without a warning, where there is one: the target and the
# test nvcc_compiles. Nothing of it runs or is linked, so neither a GPU nor its driver is needed.
if(NOT CHAINLINE_NVCC OR CMAKE_CROSSCOMPILING OR CHAINLINE_SANITIZE)
  return()
endif()
file(GLOB_RECURSE kernels CONFIGURE_DEPENDS cuda/*.cu tests/cuda/*.cu)
if(chainline_cuda_end STREQUAL "ON")  # what its libraries are made of is compiled there
  list(FILTER kernels EXCLUDE REGEX "/cuda/((toolkit|fast|gemm)/)?[a-z_0-9]+\\.cu$")
endif()
chainline_nvcc_objects(objects ${kernels})
add_custom_target(nvcc_compiles DEPENDS ${objects})
add_dependencies(nvcc_compiles chainline_cuda)
add_test(NAME nvcc_compiles
         COMMAND ${CMAKE_COMMAND} --build ${PROJECT_BINARY_DIR} --target nvcc_compiles)
set_tests_properties(nvcc_compiles PROPERTIES PROCESSORS 2 FIXTURES_SETUP kernel_resources)
# No kernel spills, or takes more registers than cuda/registers.txt allows.
add_test(NAME kernel_registers
         COMMAND sh ${PROJECT_SOURCE_DIR}/tests/repository/kernel_registers.sh ${PROJECT_SOURCE_DIR}
                 ${PROJECT_BINARY_DIR})
set_tests_properties(kernel_registers PROPERTIES FIXTURES_REQUIRED kernel_resources)
