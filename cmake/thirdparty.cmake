# Every third party, found once, from Debian 12's packages.

find_package(Threads REQUIRED)
find_package(Boost 1.81 REQUIRED COMPONENTS program_options)
find_package(OpenSSL 3.0 REQUIRED)
find_package(nlohmann_json REQUIRED)
find_package(spdlog REQUIRED)
find_package(fmt REQUIRED)
find_package(yaml-cpp REQUIRED)
find_package(SQLite3 REQUIRED)
find_package(PkgConfig REQUIRED)
pkg_check_modules(ZSTD REQUIRED IMPORTED_TARGET libzstd)
pkg_check_modules(CURL REQUIRED IMPORTED_TARGET libcurl)
pkg_check_modules(TSS2 tss2-esys tss2-mu tss2-tctildr tss2-rc)  # optional, see daemon/identity
pkg_check_modules(MODBUS REQUIRED IMPORTED_TARGET libmodbus)

# Asio and Beast are compiled once, here, instead of in every file that includes them.
add_library(asio STATIC ${CMAKE_SOURCE_DIR}/cmake/asio.cpp ${CMAKE_SOURCE_DIR}/cmake/asio_ssl.cpp
            ${CMAKE_SOURCE_DIR}/cmake/beast.cpp)
target_compile_definitions(asio PUBLIC BOOST_ASIO_SEPARATE_COMPILATION BOOST_ASIO_NO_DEPRECATED
                           BOOST_ASIO_DISABLE_BOOST_ARRAY BOOST_BEAST_SEPARATE_COMPILATION)
target_include_directories(asio SYSTEM PUBLIC ${Boost_INCLUDE_DIRS})
target_link_libraries(asio PUBLIC Threads::Threads OpenSSL::SSL OpenSSL::Crypto)
