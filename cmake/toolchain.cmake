# Flags that hold for every target: warnings, hardening, sanitizers, ccache, linker.

find_program(CCACHE ccache)
if(CCACHE)
  # Precompiled headers need the sloppiness; base_dir lets two checkouts share; in depend mode nothing is preprocessed first.
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CMAKE_COMMAND} -E env CCACHE_BASEDIR=${CMAKE_SOURCE_DIR}
      CCACHE_NOHASHDIR=1 CCACHE_DEPEND=1 CCACHE_SLOPPINESS=pch_defines,time_macros,include_file_mtime,include_file_ctime
      ${CCACHE})
endif()

add_compile_options(-Wall -Wextra -Wpedantic -Wshadow -Wnon-virtual-dtor -Wold-style-cast -Wundef
                    $<$<COMPILE_LANGUAGE:CXX>:-Woverloaded-virtual> -Werror=return-type)
if(CMAKE_CXX_COMPILER_ID MATCHES "Clang")
  add_compile_options(-Wno-unused-command-line-argument "$<$<COMPILE_LANGUAGE:CXX>:SHELL:-Xclang -fno-pch-timestamp>")
  # As CMake's own, but as options of the driver: behind -Xclang ccache would not make their paths relative, and no two
  # checkouts would share a precompiled header nor anything that is compiled with one. Another extension, because the
  # driver takes a .pch that lies beside a header in its stead, even where it makes a new one.
  set(CMAKE_PCH_EXTENSION .clang-pch)
  set(CMAKE_CXX_COMPILE_OPTIONS_CREATE_PCH -Xclang -emit-pch -include <PCH_HEADER> -x c++-header)
  set(CMAKE_CXX_COMPILE_OPTIONS_USE_PCH -include-pch <PCH_FILE>)
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
