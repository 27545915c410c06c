# The files of kernels are compiled once for each instruction set (tensor/isa.h), with CHAINLINE_ISA
# as the namespace of their functions. First for the set that every processor has, as sources of
# chainline_tensor like any other:
file(GLOB kernels CONFIGURE_DEPENDS tensor/gemm.cpp tensor/ops/*.cpp)
target_compile_definitions(chainline_tensor PRIVATE CHAINLINE_ISA=scalar)

if(CHAINLINE_FREE_ORDER)
  if(CHAINLINE_TESTS OR NOT CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64|AMD64")
    message(FATAL_ERROR "CHAINLINE_FREE_ORDER: expected a build for x86-64 without tests")
  endif()
  add_compile_definitions(CHAINLINE_FREE_ORDER)
endif()

# ... then once more for each better one. A function that two files have in common, a template of
# the standard library say, is kept once by the linker, whichever file it comes from: the one
# compiled for AVX-512 would then run on processors without it. So all objects of a set are linked
# into one object that shows nothing but its kernels. GNU ld does it, whatever linker the compiler
# has as its own: lld would leave the common functions to a later linker.
function(chainline_isa isa)
  add_library(chainline_${isa} OBJECT ${kernels})
  target_compile_definitions(chainline_${isa} PRIVATE CHAINLINE_ISA=${isa})
  # "Unique" symbols of GNU, which inline variables get, would stay visible.
  target_compile_options(chainline_${isa} PRIVATE ${ARGN} $<$<CXX_COMPILER_ID:GNU>:-fno-gnu-unique>)
  target_include_directories(chainline_${isa} PRIVATE ${PROJECT_SOURCE_DIR})
  target_link_libraries(chainline_${isa} PRIVATE chainline_flags)
  set(object ${PROJECT_BINARY_DIR}/chainline_${isa}${CMAKE_CXX_OUTPUT_EXTENSION})
  add_custom_command(OUTPUT ${object}
    COMMAND ${CMAKE_CXX_COMPILER} -fuse-ld=bfd -r -nostdlib -Wl,--force-group-allocation
            -o ${object}.all $<TARGET_OBJECTS:chainline_${isa}>
    COMMAND ${CMAKE_OBJCOPY} --wildcard --keep-global-symbol=*9chainline3cpu*${isa}*
            ${object}.all ${object}
    DEPENDS chainline_${isa} $<TARGET_OBJECTS:chainline_${isa}>
    COMMENT "Linking the kernels for ${isa}" COMMAND_EXPAND_LISTS VERBATIM)
  target_sources(chainline_tensor PRIVATE ${object})
  set_property(GLOBAL APPEND PROPERTY chainline_isas ${isa})  # for tests/CMakeLists.txt
endfunction()

if(CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64|AMD64")
  chainline_isa(avx2 -march=x86-64-v3)
  chainline_isa(avx512 -march=x86-64-v4 -mprefer-vector-width=512)
  if(CHAINLINE_FREE_ORDER)
    # What the rules of docs/numerics.md cost is measured against this: the kernels for AVX-512 once
    # more, with sums in any order (tensor/free_order.h) and multiply-adds fused by the compiler.
    chainline_isa(free_order -march=x86-64-v4 -mprefer-vector-width=512)
    add_library(chainline_free_order_flags INTERFACE)
    target_compile_definitions(chainline_free_order_flags INTERFACE CHAINLINE_SUMS_IN_ANY_ORDER)
    target_compile_options(chainline_free_order_flags INTERFACE -ffp-contract=fast)
    # After chainline_flags, so that this -ffp-contract is the last.
    target_link_libraries(chainline_free_order PRIVATE chainline_free_order_flags)
  endif()
elseif(CMAKE_SYSTEM_PROCESSOR MATCHES "aarch64|arm64")
  chainline_isa(neon)
endif()
