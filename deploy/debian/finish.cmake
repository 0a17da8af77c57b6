# SPDX-License-Identifier: Apache-2.0
# CPack runs it, with everything installed below CPACK_TEMPORARY_DIRECTORY: changes that Debian requires.

set(usr ${CPACK_TEMPORARY_DIRECTORY}/usr)

function(run)
  execute_process(COMMAND ${ARGV} RESULT_VARIABLE failed)
  if(failed)
    message(FATAL_ERROR "${ARGV}: ${failed}")
  endif()
endfunction()

# Independent of the umask of the build.
run(find ${CPACK_TEMPORARY_DIRECTORY} -type d -exec chmod 755 {} +)
# Without symbols, and without the compiler's name.
run(${CPACK_EPHEMERA_STRIP} --strip-unneeded --remove-section=.comment --remove-section=.note
  ${usr}/bin/ephemera)
# Compressed, with the same bytes each time: -n leaves out name and time.
foreach(name share/man/man8/ephemera.8 share/doc/ephemera/changelog share/doc/ephemera/CHANGELOG.md)
  run(gzip -9nf ${usr}/${name})
endforeach()
