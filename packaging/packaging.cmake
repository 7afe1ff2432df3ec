# What is installed, and the Debian package of it: cmake --build build/release --target sluiced sluicectl adapters && cpack -B build/package
# --config build/release/CPackConfig.cmake

include(GNUInstallDirs)
# Only what ships is built and installed, not the tests.
set(CMAKE_SKIP_INSTALL_ALL_DEPENDENCY TRUE)

install(TARGETS sluiced sluicectl RUNTIME DESTINATION bin COMPONENT sluice)
install(FILES ${CMAKE_SOURCE_DIR}/systemd/sluiced.service DESTINATION lib/systemd/system COMPONENT sluice)
install(FILES ${CMAKE_SOURCE_DIR}/systemd/sluice.sysusers DESTINATION lib/sysusers.d RENAME sluice.conf COMPONENT sluice)
install(FILES ${CMAKE_SOURCE_DIR}/systemd/sluice.tmpfiles DESTINATION lib/tmpfiles.d RENAME sluice.conf COMPONENT sluice)
install(FILES ${CMAKE_SOURCE_DIR}/config/sluice.yaml ${CMAKE_SOURCE_DIR}/config/full.yaml
              ${CMAKE_SOURCE_DIR}/config/mqtt-adapters.yaml
              ${CMAKE_SOURCE_DIR}/systemd/devices.conf ${CMAKE_SOURCE_DIR}/docs/adapter_example.py
        DESTINATION share/doc/sluice/examples COMPONENT sluice)
install(FILES ${CMAKE_SOURCE_DIR}/README.md ${CMAKE_SOURCE_DIR}/docs/install.md ${CMAKE_SOURCE_DIR}/docs/configure.md
              ${CMAKE_SOURCE_DIR}/docs/config.md ${CMAKE_SOURCE_DIR}/docs/troubleshoot.md
              ${CMAKE_SOURCE_DIR}/docs/sluicectl.md ${CMAKE_SOURCE_DIR}/docs/adapters.md ${CMAKE_SOURCE_DIR}/docs/serial.md
              ${CMAKE_SOURCE_DIR}/docs/smp.md ${CMAKE_SOURCE_DIR}/docs/modbus.md ${CMAKE_SOURCE_DIR}/docs/mqtt-adapter.md
              ${CMAKE_SOURCE_DIR}/docs/provision.md ${CMAKE_SOURCE_DIR}/docs/credentials.md
        DESTINATION share/doc/sluice COMPONENT sluice)
install(FILES ${CMAKE_SOURCE_DIR}/plugins/codec.h DESTINATION include/sluice COMPONENT sluice)
install(FILES ${CMAKE_SOURCE_DIR}/packaging/debian/copyright DESTINATION share/doc/sluice COMPONENT sluice)
install(FILES ${CMAKE_SOURCE_DIR}/packaging/debian/lintian-overrides DESTINATION share/lintian/overrides RENAME sluice
        COMPONENT sluice)

# Debian wants these compressed, without time stamps.
set(compressed ${CMAKE_BINARY_DIR}/packaging)
file(MAKE_DIRECTORY ${compressed})
foreach(page debian/changelog man/sluiced.8 man/sluicectl.1)
  get_filename_component(name ${page} NAME)
  configure_file(${CMAKE_SOURCE_DIR}/packaging/${page}.in ${compressed}/${name} @ONLY)
  execute_process(COMMAND gzip -9nf ${compressed}/${name} COMMAND_ERROR_IS_FATAL ANY)
endforeach()
install(FILES ${compressed}/changelog.gz DESTINATION share/doc/sluice COMPONENT sluice)
install(FILES ${compressed}/sluiced.8.gz DESTINATION share/man/man8 COMPONENT sluice)
install(FILES ${compressed}/sluicectl.1.gz DESTINATION share/man/man1 COMPONENT sluice)

set(CPACK_GENERATOR DEB)
set(CPACK_COMPONENTS_ALL sluice)
set(CPACK_COMPONENTS_GROUPING ALL_COMPONENTS_IN_ONE)
set(CPACK_DEB_COMPONENT_INSTALL ON)
set(CPACK_PACKAGE_NAME sluice)
set(CPACK_PACKAGE_VERSION ${PROJECT_VERSION})
set(CPACK_PACKAGE_VENDOR "The Sluice authors")
set(CPACK_PACKAGE_CONTACT "The Sluice authors <sluice@localhost>")
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_STRIP_FILES ON)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_COMPRESSION_TYPE xz)
set(CPACK_DEBIAN_PACKAGE_SECTION net)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_DEPENDS "init-system-helpers (>= 1.52), systemd | systemd-standalone-sysusers")
# Loaded when they are first needed (aws/late_library), so shlibdeps does not see them. libcurl: CURLOPT_PROTOCOLS_STR.
string(APPEND CPACK_DEBIAN_PACKAGE_DEPENDS ", libcurl4 (>= 7.85)")
if(TSS2_FOUND)
  string(APPEND CPACK_DEBIAN_PACKAGE_DEPENDS ", libtss2-esys-3.0.2-0, libtss2-mu0, libtss2-rc0, libtss2-tctildr0")
endif()
set(CPACK_DEBIAN_PACKAGE_SUGGESTS "libtss2-tcti-device0")  # sealing with a TPM 2.0
set(CPACK_DEBIAN_PACKAGE_RECOMMENDS "ca-certificates, chrony | systemd-timesyncd | time-daemon")
set(CPACK_DEBIAN_PACKAGE_DESCRIPTION
    "edge gateway for AWS IoT
 Devices speak MQTT to sluiced; it writes what they say to disk, acknowledges
 it, and carries it to AWS IoT Core at the rate that AWS takes. An
 acknowledgement means that the reading is on disk; without a way to the cloud
 readings wait, and what leaves otherwise is counted.")
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)
set(CPACK_DEBIAN_PACKAGE_CONTROL_EXTRA ${CMAKE_SOURCE_DIR}/packaging/debian/postinst
    ${CMAKE_SOURCE_DIR}/packaging/debian/prerm ${CMAKE_SOURCE_DIR}/packaging/debian/postrm)
set(CPACK_INSTALL_DEFAULT_DIRECTORY_PERMISSIONS OWNER_READ OWNER_WRITE OWNER_EXECUTE GROUP_READ GROUP_EXECUTE WORLD_READ
    WORLD_EXECUTE)
include(CPack)
