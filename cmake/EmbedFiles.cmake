# Writes a source file that holds text files, for a page or a program that needs no other file.
#   ROOM    a room; the function is monge::ROOM::embedded_file, which monge/ROOM/embedded_files.h declares
#   FILES   the files, separated by |
#   OUT     the source file to write
cmake_policy(VERSION 3.25)
string(REPLACE "|" ";" FILES "${FILES}")
set(content "#include \"monge/${ROOM}/embedded_files.h\"\n\n#include \"monge/core/error.h\"\n\nnamespace monge::${ROOM} {\n\n")
string(APPEND content "std::string_view embedded_file(std::string_view name) {\n")
foreach(file IN LISTS FILES)
  get_filename_component(name "${file}" NAME)
  file(READ "${file}" text)
  # The map of a minified file is not there.
  string(REGEX REPLACE "//# sourceMappingURL=[^\n]*" "" text "${text}")
  string(APPEND content "  if (name == \"${name}\") return R\"monge_file(${text})monge_file\";\n")
endforeach()
string(APPEND content "  throw SystemError(text(\"this build holds no file \", name));\n}\n\n}  // namespace monge::${ROOM}\n")
file(WRITE "${OUT}" "${content}")
