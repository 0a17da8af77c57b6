# SPDX-License-Identifier: Apache-2.0
# ephemera_VERSION_ARCHITECTURE.deb: the installed files, as Debian requires them.
#     cmake --preset package && cmake --build --preset package

set(EPHEMERA_PACKAGE_VERSION ${PROJECT_VERSION} CACHE STRING
  "Version of the Debian package; 0.2.0~rc1 is before 0.2.0")
foreach(tool dpkg-shlibdeps file gzip)
  # Without it CPack only warns, and the package would depend on no library.
  find_program(EPHEMERA_${tool} ${tool})
  if(NOT EPHEMERA_${tool})
    message(FATAL_ERROR "${tool} is missing: apt-get install dpkg-dev file gzip")
  endif()
endforeach()
if(NOT CMAKE_INSTALL_PREFIX STREQUAL /usr)
  message(FATAL_ERROR "The prefix of a Debian package must be /usr: -DCMAKE_INSTALL_PREFIX=/usr")
endif()

set(made ${CMAKE_CURRENT_BINARY_DIR}/debian)
set(doc ${CMAKE_INSTALL_DOCDIR})
set(data ${CMAKE_INSTALL_DATADIR}/${PROJECT_NAME})
set(maintainer "Ephemera's maintainers <ephemera-exporter@users.noreply.github.com>")

# More than other installations have. It uses $SOURCE_DATE_EPOCH.
string(TIMESTAMP date "%a, %d %b %Y %H:%M:%S +0000" UTC)
configure_file(debian/changelog.in ${made}/changelog @ONLY)
install(FILES ${made}/changelog ${PROJECT_SOURCE_DIR}/CHANGELOG.md debian/copyright
  DESTINATION ${doc})
# Whoever is on call may have no network: the pages, as they lie here, so that they lead to each other.
file(GLOB pages CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/docs/*.md)
install(FILES ${PROJECT_SOURCE_DIR}/README.md ${PROJECT_SOURCE_DIR}/SECURITY.md DESTINATION ${doc})
install(FILES ${pages} ${PROJECT_SOURCE_DIR}/docs/openapi.yaml DESTINATION ${doc}/docs)
install(DIRECTORY ${PROJECT_SOURCE_DIR}/docs/images/ DESTINATION ${doc}/docs/images)
install(FILES debian/lintian-overrides DESTINATION ${CMAKE_INSTALL_DATADIR}/lintian/overrides
  RENAME ephemera)
# The place that the provisioning file, an example here, names for Grafana.
install(DIRECTORY ${PROJECT_SOURCE_DIR}/dashboards/ DESTINATION ${data}/dashboards
  FILES_MATCHING PATTERN "*.json" PATTERN mixin EXCLUDE PATTERN rules EXCLUDE)
install(DIRECTORY grafana/provisioning/ DESTINATION ${doc}/examples/grafana)
# Users load rules/*.yaml into Prometheus, so that what is Alertmanager's is elsewhere.
install(DIRECTORY ${PROJECT_SOURCE_DIR}/dashboards/rules/ DESTINATION ${data}/rules
  FILES_MATCHING PATTERN "*.yaml" PATTERN tests EXCLUDE PATTERN "alertmanager*" EXCLUDE)
install(FILES ${PROJECT_SOURCE_DIR}/dashboards/rules/alertmanager-inhibit.yaml DESTINATION ${data})

file(WRITE ${made}/conffiles "${EPHEMERA_DEFAULTS}\n")
set(control ${made}/conffiles)
foreach(script postinst prerm postrm)
  list(APPEND control ${CMAKE_CURRENT_SOURCE_DIR}/debian/${script})
endforeach()

set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_DIRECTORY ${PROJECT_BINARY_DIR})
# /etc is not below the prefix: without this, CPack would install into this machine's /etc.
set(CPACK_SET_DESTDIR ON)
set(CPACK_EPHEMERA_STRIP ${CMAKE_STRIP})
set(CPACK_PRE_BUILD_SCRIPTS ${CMAKE_CURRENT_SOURCE_DIR}/debian/finish.cmake)
set(CPACK_PACKAGE_CONTACT ${maintainer})
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_NAME ephemera)
set(CPACK_DEBIAN_PACKAGE_VERSION ${EPHEMERA_PACKAGE_VERSION})
set(CPACK_DEBIAN_PACKAGE_SECTION net)
set(CPACK_DEBIAN_PACKAGE_PRIORITY optional)
set(CPACK_DEBIAN_PACKAGE_HOMEPAGE https://github.com/ephemera-exporter/ephemera)
set(CPACK_DEBIAN_PACKAGE_SUGGESTS "prometheus, grafana")
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_CONTROL_EXTRA ${control})
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)
set(CPACK_DEBIAN_COMPRESSION_TYPE xz)
set(CPACK_DEBIAN_PACKAGE_DESCRIPTION "\
Says how many ephemeral ports are left, towards which destinations they are
used up, which services hold them, and when they come back. It reads the
sockets of a network namespace through sock_diag, without privileges, and
serves metrics on port 10059.

Dashboards for Grafana are in /usr/share/ephemera/dashboards, alerts and
recording rules for Prometheus in /usr/share/ephemera/rules.")
include(CPack)
