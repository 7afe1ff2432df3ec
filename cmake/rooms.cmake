# What the sanitizers' builds need: the programs of ctest, and the fuzzers.
add_custom_target(unit_tests)
add_custom_target(fuzzers)

# sluice_precompile(TARGET): of a target of many files that mostly include these, parsed once instead of once a file. The
# target links asio, fmt and nlohmann_json.
function(sluice_precompile target)
  target_precompile_headers(${target} PRIVATE <functional> <map> <memory> <string> <vector> <fmt/format.h>
                            <boost/asio/io_context.hpp> <boost/asio/ip/tcp.hpp> <nlohmann/json.hpp>)
endfunction()

# sluice_room(NAME DEPS... ): one library per room of the house; its sources are the .cpp files of
# its folder. Links say which rooms it may include; tests/layers checks the #include lines too.
function(sluice_room name)
  cmake_parse_arguments(ARG "" "" "LINK" ${ARGN})
  file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/*.cpp)
  add_library(sluice_${name} STATIC ${sources})
  target_include_directories(sluice_${name} PUBLIC ${CMAKE_SOURCE_DIR} ${CMAKE_SOURCE_DIR}/daemon)
  target_link_libraries(sluice_${name} PUBLIC ${ARG_LINK})
endfunction()

# sluice_test(NAME LINK rooms...): all .cpp files of the folder, as one GoogleTest program.
function(sluice_test name)
  cmake_parse_arguments(ARG "" "" "LINK" ${ARGN})
  file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/*.cpp)
  if(NOT sources)
    return()
  endif()
  add_executable(test_${name} ${sources})
  target_include_directories(test_${name} PRIVATE ${CMAKE_SOURCE_DIR} ${CMAKE_SOURCE_DIR}/daemon)
  target_link_libraries(test_${name} PRIVATE ${ARG_LINK} GTest::gtest GTest::gtest_main)
  # GoogleTest and the standard containers, parsed once a program instead of once a file.
  target_precompile_headers(test_${name} PRIVATE <gtest/gtest.h> <functional> <map> <memory> <string> <vector>)
  add_dependencies(unit_tests test_${name})
  add_test(NAME ${name} COMMAND test_${name})
  set_tests_properties(${name} PROPERTIES TIMEOUT 300)
endfunction()

# sluice_fuzz(NAME SOURCE LINK rooms...): one libFuzzer program.
function(sluice_fuzz name source)
  cmake_parse_arguments(ARG "" "" "LINK" ${ARGN})
  add_executable(fuzz_${name} ${source})
  target_include_directories(fuzz_${name} PRIVATE ${CMAKE_SOURCE_DIR} ${CMAKE_SOURCE_DIR}/daemon)
  target_link_libraries(fuzz_${name} PRIVATE ${ARG_LINK})
  target_link_options(fuzz_${name} PRIVATE -fsanitize=fuzzer)
  add_dependencies(fuzzers fuzz_${name})
endfunction()
