# The installed package: headers under include/chainline, for CMake find_package(chainline) and for
# everything else chainline.pc. tests/consumer is a project that uses both.
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)
set(package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/chainline)

install(TARGETS chainline_tensor chainline_cuda chainline_autograd chainline_nn EXPORT chainline
        FILE_SET HEADERS DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/chainline)
if(chainline_cuda_end MATCHES "^(EMULATED|CHECKED)$")
  install(TARGETS chainline_emulator EXPORT chainline)
  set(chainline_cuda_libraries "-lchainline_cuda -lchainline_emulator")
elseif(chainline_cuda_end STREQUAL "ON")
  set(chainline_cuda_libraries
      "-lchainline_cuda -L${CUDAToolkit_LIBRARY_DIR} -lcudart_static -lrt -ldl")
  set(chainline_cuda_dependency "find_dependency(CUDAToolkit)")
else()
  set(chainline_cuda_libraries -lchainline_cuda)
endif()
install(EXPORT chainline NAMESPACE chainline:: DESTINATION ${package_dir}
        FILE chainlineTargets.cmake)

configure_package_config_file(cmake/chainlineConfig.cmake.in
  ${PROJECT_BINARY_DIR}/chainlineConfig.cmake INSTALL_DESTINATION ${package_dir})
write_basic_package_version_file(${PROJECT_BINARY_DIR}/chainlineConfigVersion.cmake
  COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/chainlineConfig.cmake
              ${PROJECT_BINARY_DIR}/chainlineConfigVersion.cmake DESTINATION ${package_dir})

file(RELATIVE_PATH up_to_prefix /${CMAKE_INSTALL_LIBDIR}/pkgconfig /)
configure_file(cmake/chainline.pc.in ${PROJECT_BINARY_DIR}/chainline.pc @ONLY)
install(FILES ${PROJECT_BINARY_DIR}/chainline.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
