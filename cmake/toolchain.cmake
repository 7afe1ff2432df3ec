# Flags that hold for every target: warnings, hardening, sanitizers, ccache, linker.

find_program(CCACHE ccache)
if(CCACHE)
  # The depend mode of precompiled headers needs these; base_dir lets two checkouts share.
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CMAKE_COMMAND} -E env CCACHE_BASEDIR=${CMAKE_SOURCE_DIR}
      CCACHE_NOHASHDIR=1 CCACHE_SLOPPINESS=pch_defines,time_macros,include_file_mtime,include_file_ctime
      ${CCACHE})
endif()

add_compile_options(-Wall -Wextra -Wpedantic -Wshadow -Wnon-virtual-dtor -Wold-style-cast -Wundef
                    $<$<COMPILE_LANGUAGE:CXX>:-Woverloaded-virtual> -Werror=return-type)
if(CMAKE_CXX_COMPILER_ID MATCHES "Clang")
  add_compile_options(-Wno-unused-command-line-argument $<$<COMPILE_LANGUAGE:CXX>:-Xclang=-fno-pch-timestamp>)
  find_program(LLD NAMES ld.lld-19 ld.lld)
  if(LLD)
    add_link_options(-fuse-ld=${LLD})
  endif()
endif()

if(SLUICE_FUZZ)
  add_compile_options(-fsanitize=fuzzer-no-link)  # without coverage of the rooms a fuzzer is blind
endif()

if(SLUICE_SANITIZE)
  add_compile_options(-fsanitize=${SLUICE_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=all)
  add_link_options(-fsanitize=${SLUICE_SANITIZE})
else()
  add_compile_options(-fstack-protector-strong -fstack-clash-protection -fcf-protection
                      -ftrivial-auto-var-init=zero)
  add_compile_definitions($<$<CONFIG:Release,RelWithDebInfo>:_FORTIFY_SOURCE=3> _GLIBCXX_ASSERTIONS)
  add_link_options(-Wl,-z,relro,-z,now)
endif()
