# What `cmake --install` lays down: the public headers, the library with its CMake and pkg-config files, the program.
include(CMakePackageConfigHelpers)

install(DIRECTORY ${PROJECT_SOURCE_DIR}/include/kilter DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
install(TARGETS kilter_library EXPORT kilter_targets)

set(package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/kilter)
install(EXPORT kilter_targets NAMESPACE kilter:: DESTINATION ${package_dir})
configure_package_config_file(${PROJECT_SOURCE_DIR}/cmake/kilter-config.cmake.in
  ${PROJECT_BINARY_DIR}/package/kilter-config.cmake INSTALL_DESTINATION ${package_dir})
write_basic_package_version_file(${PROJECT_BINARY_DIR}/package/kilter-config-version.cmake
  COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/package/kilter-config.cmake
  ${PROJECT_BINARY_DIR}/package/kilter-config-version.cmake DESTINATION ${package_dir})

# ${pcfiledir} makes the installed tree movable: the prefix is found from where kilter.pc lies.
file(RELATIVE_PATH prefix_from_pc /${CMAKE_INSTALL_LIBDIR}/pkgconfig /)
configure_file(${PROJECT_SOURCE_DIR}/cmake/kilter.pc.in ${PROJECT_BINARY_DIR}/package/kilter.pc @ONLY)
install(FILES ${PROJECT_BINARY_DIR}/package/kilter.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)

if(TARGET kilter)
  install(TARGETS kilter)
  if(NOT CMAKE_CROSSCOMPILING)
    # The program knows its own options: it writes the completion scripts when it is installed.
    set(KILTER_PROGRAM $<TARGET_FILE:kilter>)
    configure_file(${PROJECT_SOURCE_DIR}/cmake/install_completions.cmake.in
      ${PROJECT_BINARY_DIR}/package/install_completions.cmake.in @ONLY)
    file(GENERATE OUTPUT ${PROJECT_BINARY_DIR}/package/install_completions.cmake
      INPUT ${PROJECT_BINARY_DIR}/package/install_completions.cmake.in)
    install(SCRIPT ${PROJECT_BINARY_DIR}/package/install_completions.cmake)
  endif()
endif()
