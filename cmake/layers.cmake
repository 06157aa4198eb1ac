# stampede_layer(NAME DEPENDS libs...): one static library from src/NAME/**.cc and *.proto, and one
# test program NAME_test from src/NAME/**_test.cc. Every layer shares one precompiled header.
set(STAMPEDE_GENERATED ${CMAKE_BINARY_DIR}/gen)
add_custom_target(unit_tests)  # builds every test program, and nothing else

function(stampede_layer name)
  cmake_parse_arguments(ARG "" "" "DEPENDS" ${ARGN})
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/src/${name}/*.cc)
  file(GLOB_RECURSE protos CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/src/${name}/*.proto)
  set(tests ${sources})
  list(FILTER tests INCLUDE REGEX "_test\\.cc$")
  list(FILTER sources EXCLUDE REGEX "_test\\.cc$")

  set(generated "")
  foreach(proto ${protos})
    file(RELATIVE_PATH relative ${CMAKE_SOURCE_DIR}/src ${proto})
    string(REGEX REPLACE "\\.proto$" ".pb" stem ${relative})
    add_custom_command(
      OUTPUT ${STAMPEDE_GENERATED}/${stem}.cc ${STAMPEDE_GENERATED}/${stem}.h
      COMMAND ${CMAKE_COMMAND} -E make_directory ${STAMPEDE_GENERATED}
      COMMAND protobuf::protoc --cpp_out=${STAMPEDE_GENERATED} -I${CMAKE_SOURCE_DIR}/src ${proto}
      DEPENDS ${proto} VERBATIM)
    list(APPEND generated ${STAMPEDE_GENERATED}/${stem}.cc)
    set_source_files_properties(${STAMPEDE_GENERATED}/${stem}.cc PROPERTIES
      COMPILE_OPTIONS -w SKIP_PRECOMPILE_HEADERS ON)
  endforeach()

  if(NOT sources AND NOT generated)
    message(FATAL_ERROR "layer ${name} has no sources")
  endif()
  add_library(stampede_${name} STATIC ${sources} ${generated})
  target_include_directories(stampede_${name} PUBLIC ${CMAKE_SOURCE_DIR}/src)
  target_include_directories(stampede_${name} SYSTEM PUBLIC ${STAMPEDE_GENERATED})
  target_link_libraries(stampede_${name} PUBLIC ${ARG_DEPENDS})
  if(name STREQUAL "base")
    target_precompile_headers(stampede_base PRIVATE ${CMAKE_SOURCE_DIR}/src/base/precompiled.h)
  else()
    target_precompile_headers(stampede_${name} REUSE_FROM stampede_base)
  endif()

  if(tests)
    add_executable(${name}_test ${tests})
    target_link_libraries(${name}_test PRIVATE stampede_${name} GTest::gtest GTest::gmock GTest::gtest_main)
    target_precompile_headers(${name}_test REUSE_FROM stampede_base)
    add_test(NAME ${name} COMMAND ${name}_test)
    add_dependencies(unit_tests ${name}_test)
  endif()
endfunction()
