# SPDX-License-Identifier: Apache-2.0
# Run by CPack, with everything installed below CPACK_TEMPORARY_DIRECTORY: what Debian has otherwise.

set(usr ${CPACK_TEMPORARY_DIRECTORY}/usr)

function(run)
  execute_process(COMMAND ${ARGV} RESULT_VARIABLE failed)
  if(failed)
    message(FATAL_ERROR "${ARGV}: ${failed}")
  endif()
endfunction()

# Whatever the umask of who builds it.
run(find ${CPACK_TEMPORARY_DIRECTORY} -type d -exec chmod 755 {} +)
# Without symbols, and without the compiler's name.
run(${CPACK_EPHEMERA_STRIP} --strip-unneeded --remove-section=.comment --remove-section=.note
  ${usr}/bin/ephemera)
# Compressed, and the same each time: -n leaves out name and time.
foreach(name share/man/man8/ephemera.8 share/doc/ephemera/changelog share/doc/ephemera/CHANGELOG.md)
  run(gzip -9nf ${usr}/${name})
endforeach()
