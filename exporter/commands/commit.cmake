# SPDX-License-Identifier: Apache-2.0
# cmake -DSOURCE=DIRECTORY -DHEADER=FILE -P commit.cmake: writes the commit of the sources into a header.
# Packages and images are built from sources without .git, and from the same sources they must be the
# same: there it is "unknown". Other git directories further up say nothing of these sources.
cmake_minimum_required(VERSION 3.22)

set(commit unknown)
find_program(git git)
if(git AND EXISTS ${SOURCE}/.git)
  execute_process(
    COMMAND ${git} --no-optional-locks -C ${SOURCE} describe --always --exclude=* --abbrev=12 --dirty=-modified
    OUTPUT_VARIABLE described OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
  if(described MATCHES "^[0-9a-f]+(-modified)?$")
    set(commit ${described})
  endif()
endif()
# It keeps its time if the commit is the same, so nothing is compiled anew.
file(CONFIGURE OUTPUT ${HEADER} CONTENT "#define EPHEMERA_COMMIT \"@commit@\"\n" @ONLY)
