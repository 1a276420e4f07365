# How every translation unit is compiled. -ffp-contract=off: a fused multiply-add is written, never inferred, because
# the arithmetic contract pins each rounding.
set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
if(NOT CMAKE_BUILD_TYPE AND NOT CMAKE_CONFIGURATION_TYPES)
  set(CMAKE_BUILD_TYPE Release CACHE STRING "" FORCE)
endif()

# A second build of the same sources takes seconds where ccache is installed.
find_program(KILTER_CCACHE ccache)
if(KILTER_CCACHE AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
  set(CMAKE_CXX_COMPILER_LAUNCHER ${KILTER_CCACHE})
endif()

add_library(kilter_flags INTERFACE)
target_compile_options(kilter_flags INTERFACE
  -ffp-contract=off -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wsign-conversion -Werror)
# GCC 12 sees overlapping and overflowing copies inside inlined std::string and std::vector where there are none
# (GCC bugs 105651, 105762). Clang, GCC 13 and the sanitizers still look.
target_compile_options(kilter_flags INTERFACE
  $<$<AND:$<CXX_COMPILER_ID:GNU>,$<VERSION_LESS:$<CXX_COMPILER_VERSION>,13>>:-Wno-restrict;-Wno-stringop-overflow;-Wno-array-bounds>)
