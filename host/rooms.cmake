# How code of the project is compiled, and what a room is.

find_package(Threads REQUIRED)
find_package(PkgConfig REQUIRED)
include(CheckCXXCompilerFlag)

add_library(tenon_options INTERFACE)
target_compile_options(tenon_options INTERFACE -Wall -Wextra -Wpedantic -Wshadow $<$<COMPILE_LANGUAGE:CXX>:-Wnon-virtual-dtor>)
if(NOT TENON_DISTRIBUTION_BUILD)
  target_compile_options(tenon_options INTERFACE -Werror)
endif()
target_link_libraries(tenon_options INTERFACE Threads::Threads)
if(TENON_SANITIZE)
  target_compile_options(tenon_options INTERFACE -fsanitize=${TENON_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=all)
  target_link_options(tenon_options INTERFACE -fsanitize=${TENON_SANITIZE})
endif()

# Modules are built by strangers, for whom only the SDK's rules hold; inside this tree they get warnings and sanitizers too.

# Host code only: an executable that exports nothing must not reach its own data through the GOT of others.
add_library(tenon_host_options INTERFACE)
target_link_libraries(tenon_host_options INTERFACE tenon_options)
check_cxx_compiler_flag(-mno-direct-extern-access TENON_HAS_NO_DIRECT_EXTERN_ACCESS)
if(TENON_HAS_NO_DIRECT_EXTERN_ACCESS AND CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  target_compile_options(tenon_host_options INTERFACE -mno-direct-extern-access)
endif()

# Sources on the path of every call: on processors with the erratum SKX102 a jump across 32 bytes costs decoding its line again, so that a call takes
# up to a fifth longer, or not, with where the linker happens to put it.
set(TENON_HOT_OPTIONS)
if(CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64|AMD64")
  check_cxx_compiler_flag(-Wa,-mbranches-within-32B-boundaries TENON_HAS_BRANCHES_WITHIN_32B)
  if(TENON_HAS_BRANCHES_WITHIN_32B)
    set(TENON_HOT_OPTIONS -Wa,-mbranches-within-32B-boundaries)
  endif()
endif()
# tenon_hot(src/a.cpp ...)
function(tenon_hot)
  set_source_files_properties(${ARGN} PROPERTIES COMPILE_OPTIONS "${TENON_HOT_OPTIONS}")
endfunction()

# tenon_room(NAME SOURCES src/a.cpp ... PUBLIC room|target ... PRIVATE room|target ...)
# A room is a static library with include/<room>; only who links it sees its headers. PUBLIC: named in its own headers.
# Other rooms are given by their plain name.
function(tenon_room name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "SOURCES;PUBLIC;PRIVATE")
  set(target tenon_${name})
  add_library(${target} STATIC ${arg_SOURCES})
  add_library(tenon::${name} ALIAS ${target})
  target_include_directories(${target} PUBLIC ${CMAKE_CURRENT_SOURCE_DIR}/include)
  target_link_libraries(${target} PRIVATE tenon_host_options)
  foreach(visibility PUBLIC PRIVATE)
    foreach(dependency ${arg_${visibility}})
      if(dependency MATCHES "^[a-z]+$" AND IS_DIRECTORY ${PROJECT_SOURCE_DIR}/host/${dependency})
        set(dependency tenon_${dependency})
      endif()
      target_link_libraries(${target} ${visibility} ${dependency})
    endforeach()
  endforeach()
endfunction()
