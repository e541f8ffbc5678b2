# cmake -DMANIFEST=x.yaml -DOUTPUT=x.c -DSYMBOL=name -P tenon-embed-manifest.cmake: writes a C file (also C++) with the manifest as ELF note.
#
# An array of bytes and not .incbin: it needs no assembler language in the author's project, survives LTO, and compiler caches see
# the content.
cmake_minimum_required(VERSION 3.16)

file(READ "${MANIFEST}" hex HEX)
string(LENGTH "${hex}" digits)
math(EXPR size "${digits} / 2")
if(size EQUAL 0)
  message(FATAL_ERROR "${MANIFEST}: the manifest is empty")
endif()
if(size GREATER 262144)
  message(FATAL_ERROR "${MANIFEST}: the manifest has ${size} bytes; a note holds up to 262144 (256 KiB)")
endif()
string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1," bytes "${hex}")
if(bytes MATCHES "0x00,")
  message(FATAL_ERROR "${MANIFEST}: the manifest contains a NUL byte; it has to be UTF-8 text")
endif()
math(EXPR padded "(${size} + 3) / 4 * 4")
get_filename_component(file_name "${MANIFEST}" NAME)
file(WRITE "${OUTPUT}" "/* Made from ${file_name} by tenon_add_module(): change that file instead. */
#include \"tenon/core.h\"

__attribute__((TENON_NOTE_ATTR)) static const struct {
  uint32_t namesz, descsz, type;
  char name[8];
  unsigned char desc[${padded}];
} ${SYMBOL} = {6u, ${size}u, TENON_NOTE_TYPE, TENON_NOTE_OWNER, {${bytes}}};
")
