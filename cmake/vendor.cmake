# NVIDIA's libraries that contend with the kernels of the fast class (cuda/vendor/): each is compiled
# against where its header and its shared library lie side by side, in pip's packages, in the toolkit
# or in the system. Nothing is linked: the library is opened when it is first asked for, so that a
# build also runs where it is missing.
set(CHAINLINE_NVIDIA_PACKAGES "" CACHE PATH "A site-packages folder with pip's nvidia/*/include and \
lib, to look for cuBLASLt and cuDNN before the toolkit")

# chainline_find_vendor(CALLED VARIABLE HEADER LIBRARY VERSION_HEADER PREFIX OLDEST ROOT...) looks for
# CALLED, not older than the release OLDEST, as the option CHAINLINE_<VARIABLE> (AUTO, ON, OFF) says.
# VERSION_HEADER defines <PREFIX>_MAJOR, _MINOR and the patch level. Sets in the caller, empty where
# it is not found or not wanted:
#
#   chainline_<VARIABLE>_include   the folder of HEADER
#   chainline_<VARIABLE>_library   the library's file
#   chainline_<VARIABLE>_soname    what the dynamic linker calls it
#   chainline_<VARIABLE>_version   by the header
function(chainline_find_vendor called variable header library version_header prefix oldest)
  set(CHAINLINE_${variable} AUTO CACHE STRING "${called} in the fast class of a CUDA build: ON, OFF, or \
AUTO, where it is found")
  set(wanted ${CHAINLINE_${variable}})
  foreach(part IN ITEMS include library soname version)
    set(chainline_${variable}_${part} "" PARENT_SCOPE)
  endforeach()
  if(NOT wanted MATCHES "^(AUTO|ON|OFF)$")
    message(FATAL_ERROR "CHAINLINE_${variable}: expected AUTO, ON or OFF, got ${wanted}")
  endif()
  if(wanted STREQUAL "OFF")
    return()
  endif()
  set(packages)
  if(CHAINLINE_NVIDIA_PACKAGES)
    file(GLOB packages LIST_DIRECTORIES true ${CHAINLINE_NVIDIA_PACKAGES}/nvidia/*)
    if(NOT packages)
      message(FATAL_ERROR "CHAINLINE_NVIDIA_PACKAGES: expected a folder that holds nvidia/*/include, "
                          "got ${CHAINLINE_NVIDIA_PACKAGES}")
    endif()
  endif()
  foreach(root IN LISTS packages ARGN)
    if(NOT EXISTS ${root}/include/${header} OR NOT EXISTS ${root}/include/${version_header})
      continue()
    endif()
    file(STRINGS ${root}/include/${version_header} lines REGEX "#define ${prefix}_[A-Z]+ +[0-9]+")
    string(REGEX MATCH "${prefix}_MAJOR +([0-9]+)" major "${lines}")
    set(major ${CMAKE_MATCH_1})
    string(REGEX MATCH "${prefix}_MINOR +([0-9]+)" minor "${lines}")
    set(minor ${CMAKE_MATCH_1})
    string(REGEX MATCH "${prefix}_PATCH[A-Z]* +([0-9]+)" patch "${lines}")
    set(patch ${CMAKE_MATCH_1})
    if("${major}.${minor}.${patch}" VERSION_LESS oldest)
      continue()
    endif()
    # Pip's packages have the name with the number alone, and no link without it.
    set(soname ${library}.${major})
    foreach(folder IN ITEMS lib lib64 lib/${CMAKE_LIBRARY_ARCHITECTURE})
      if(NOT EXISTS ${root}/${folder}/${soname})
        continue()
      endif()
      set(chainline_${variable}_include ${root}/include PARENT_SCOPE)
      set(chainline_${variable}_library ${root}/${folder}/${soname} PARENT_SCOPE)
      set(chainline_${variable}_soname ${soname} PARENT_SCOPE)
      set(chainline_${variable}_version ${major}.${minor}.${patch} PARENT_SCOPE)
      return()
    endforeach()
  endforeach()
  if(wanted STREQUAL "ON")
    list(JOIN ARGN ", " places)
    if(packages)
      string(PREPEND places "${CHAINLINE_NVIDIA_PACKAGES}, ")
    endif()
    message(FATAL_ERROR "CHAINLINE_${variable}: expected ${header} and ${library} for ON, of ${oldest} or later, "
                        "found no two that belong together in ${places}; set CUDAToolkit_ROOT or CHAINLINE_NVIDIA_PACKAGES")
  endif()
endfunction()

# chainline_vendors(TOOLKIT_ROOT) looks for both and says what was found and what follows.
macro(chainline_vendors toolkit)
  chainline_find_vendor(cuBLASLt CUBLASLT cublasLt.h libcublasLt.so cublas_api.h CUBLAS_VER
                        12.0 ${toolkit} /usr)
  # Until 9.15 gradients of attention needed a padding mask where keys are no multiple of 128.
  chainline_find_vendor(cuDNN CUDNN cudnn_graph.h libcudnn.so cudnn_version.h CUDNN
                        9.16 ${toolkit} /usr)
  if(chainline_CUBLASLT_version)
    message(STATUS "cuBLASLt ${chainline_CUBLASLT_version}: contender of matrix products")
  else()
    message(STATUS "cuBLASLt: none; matrix products of the fast class run our kernel alone")
  endif()
  if(chainline_CUDNN_version)
    message(STATUS "cuDNN ${chainline_CUDNN_version}: contender of attention")
  else()
    message(STATUS "cuDNN: none; attention of the fast class runs our kernel alone")
  endif()
endmacro()
