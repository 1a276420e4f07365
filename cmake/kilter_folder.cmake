# kilter_folder(NAME SOURCES ... FLOORS ... LIBRARIES ...): one folder of src/ as one target, kilter_NAME.
# FLOORS are the folders below that it may include; LIBRARIES are foreign ones.
function(kilter_folder name)
  cmake_parse_arguments(ARG "" "" "SOURCES;FLOORS;LIBRARIES" ${ARGN})
  add_library(kilter_${name} STATIC ${ARG_SOURCES})
  target_include_directories(kilter_${name} PUBLIC
    $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/include> $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/src>)
  list(TRANSFORM ARG_FLOORS PREPEND kilter_)
  target_link_libraries(kilter_${name} PUBLIC ${ARG_FLOORS} ${ARG_LIBRARIES} PRIVATE kilter_flags)
  set_property(GLOBAL APPEND PROPERTY KILTER_FOLDERS kilter_${name})
  set_property(GLOBAL APPEND PROPERTY KILTER_FOREIGN_LIBRARIES ${ARG_LIBRARIES})
endfunction()

# kilter_combined_library(NAME): the folders made so far as one static library, which is what others install and link.
function(kilter_combined_library name)
  get_property(folders GLOBAL PROPERTY KILTER_FOLDERS)
  get_property(libraries GLOBAL PROPERTY KILTER_FOREIGN_LIBRARIES)
  list(REMOVE_DUPLICATES libraries)
  list(TRANSFORM folders REPLACE "(.+)" "$<TARGET_OBJECTS:\\1>" OUTPUT_VARIABLE objects)
  add_library(${name} STATIC ${objects})
  set_target_properties(${name} PROPERTIES OUTPUT_NAME kilter EXPORT_NAME kilter LINKER_LANGUAGE CXX)
  target_include_directories(${name} INTERFACE
    $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/include> $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>)
  target_compile_features(${name} INTERFACE cxx_std_20)
  target_link_libraries(${name} PRIVATE ${libraries})
  add_library(kilter::kilter ALIAS ${name})
endfunction()

# kilter_test(NAME SOURCES ... LINK ... [SHARDS n]): one GoogleTest program, run by ctest as a whole, or as n entries
# that share its tests and may run at the same time.
# Data files are found relative to the folder in the macro KILTER_TEST_DATA.
function(kilter_test name)
  cmake_parse_arguments(ARG "" "SHARDS" "SOURCES;LINK" ${ARGN})
  add_executable(${name} ${ARG_SOURCES})
  target_link_libraries(${name} PRIVATE ${ARG_LINK} kilter_flags GTest::gtest GTest::gtest_main)
  target_compile_definitions(${name} PRIVATE KILTER_TEST_DATA="${CMAKE_CURRENT_SOURCE_DIR}")
  if(NOT ARG_SHARDS)
    add_test(NAME ${name} COMMAND ${name})
    return()
  endif()
  foreach(shard RANGE 1 ${ARG_SHARDS})
    math(EXPR index "${shard} - 1")
    add_test(NAME ${name}_${shard} COMMAND ${name})
    set_tests_properties(${name}_${shard} PROPERTIES
      ENVIRONMENT "GTEST_TOTAL_SHARDS=${ARG_SHARDS};GTEST_SHARD_INDEX=${index}")
  endforeach()
endfunction()
