# Installs the public headers: those in MONGE_PUBLIC_HEADERS and the headers of this project that they include. All
# others are internal. The install step runs this, so that a new include needs neither a list nor a new configuration.
#   MONGE_SOURCE_DIR, MONGE_INCLUDE_DIR (below the prefix), MONGE_PUBLIC_HEADERS (relative to MONGE_SOURCE_DIR)
cmake_policy(VERSION 3.25)  # an install script has no policy of its own
set(waiting ${MONGE_PUBLIC_HEADERS})
set(done)
while(waiting)
  list(POP_FRONT waiting header)
  if(header IN_LIST done)
    continue()
  endif()
  list(APPEND done ${header})
  get_filename_component(folder ${header} DIRECTORY)
  file(INSTALL DESTINATION "${CMAKE_INSTALL_PREFIX}/${MONGE_INCLUDE_DIR}/${folder}" TYPE FILE
    FILES "${MONGE_SOURCE_DIR}/${header}")
  file(STRINGS "${MONGE_SOURCE_DIR}/${header}" includes REGEX "^#include \"monge/")
  foreach(line IN LISTS includes)
    string(REGEX REPLACE "^#include \"(.*)\".*$" "\\1" next "${line}")
    list(APPEND waiting ${next})
  endforeach()
endwhile()
