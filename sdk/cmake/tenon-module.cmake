# tenon_add_module(NAME target MANIFEST x.yaml [more.yaml ...] SOURCES a.cpp ... [LANGUAGE C|CXX])
#
# A loadable module lib<name>.so, where <name> is the manifest's: with the manifest embedded as ELF note, linked by the rules the host checks
# before it loads anything. The sources see TENON_MODULE_NAME and TENON_MODULE_VERSION, read from the manifest, so that both are
# written once. A file with several modules has several manifests; then the names in the descriptors are the author's business, and the file is
# called after the target. LANGUAGE: of the generated file, when the project has both and one matters.
#
# Further sources, libraries and options: target_sources, target_link_libraries, target_compile_options on the target, as usual.

set(TENON_SDK_CMAKE_DIR "${CMAKE_CURRENT_LIST_DIR}" CACHE INTERNAL "where the rules of tenon_add_module are")

# The plain scalar of a top-level key, strictly: anything unusual is an error here rather than a refused module later.
function(_tenon_manifest_scalar out manifest key pattern)
  file(READ "${manifest}" text)
  string(REGEX REPLACE "[][;]" " " text "${text}")  # they mean something in CMake lists
  string(REPLACE "\r\n" "\n" text "\n${text}\n")
  string(REGEX MATCHALL "\n${key}[ \t]*:[^\n]*" lines "${text}")
  list(LENGTH lines count)
  if(NOT count EQUAL 1)
    message(FATAL_ERROR "${manifest}: expected exactly one top-level `${key}:` at the beginning of a line, found ${count}")
  endif()
  string(STRIP "${lines}" line)
  set(value "")
  if(line MATCHES "^${key}[ \t]*:[ \t]+[\"']?([^ \t\"'#]+)[\"']?[ \t]*(#.*)?$")
    set(value "${CMAKE_MATCH_1}")
  endif()
  if(NOT value MATCHES "^${pattern}$")
    message(FATAL_ERROR "${manifest}: cannot read `${line}`: expected `${key}: value` on one line, with the value as the manifest format wants it")
  endif()
  set(${out} "${value}" PARENT_SCOPE)
endfunction()

# clang links the sanitizer runtime into executables only: a module with -z defs would not link.
function(_tenon_undefined_allowed out)
  get_directory_property(options COMPILE_OPTIONS)
  set(flags "${CMAKE_C_FLAGS} ${CMAKE_CXX_FLAGS} ${CMAKE_MODULE_LINKER_FLAGS} ${options} -fsanitize=${TENON_SANITIZE}")
  if("${CMAKE_C_COMPILER_ID}${CMAKE_CXX_COMPILER_ID}" MATCHES "Clang" AND flags MATCHES "-fsanitize=[a-z]")
    set(${out} TRUE PARENT_SCOPE)
  else()
    set(${out} FALSE PARENT_SCOPE)
  endif()
endfunction()

function(tenon_add_module)
  cmake_parse_arguments(PARSE_ARGV 0 arg "" "NAME;LANGUAGE" "MANIFEST;SOURCES")
  if(arg_UNPARSED_ARGUMENTS OR NOT arg_NAME OR NOT arg_MANIFEST)
    message(FATAL_ERROR "tenon_add_module(NAME target MANIFEST x.yaml SOURCES a.cpp ...): got `${ARGV}`")
  endif()
  get_property(languages GLOBAL PROPERTY ENABLED_LANGUAGES)
  if(NOT arg_LANGUAGE)
    if("C" IN_LIST languages)
      set(arg_LANGUAGE C)
    else()
      set(arg_LANGUAGE CXX)
    endif()
  endif()
  if(NOT arg_LANGUAGE MATCHES "^(C|CXX)$" OR NOT arg_LANGUAGE IN_LIST languages)
    message(FATAL_ERROR "tenon_add_module(NAME ${arg_NAME}): LANGUAGE is C or CXX, and the project has to enable it")
  endif()
  string(REPLACE CXX cpp extension "${arg_LANGUAGE}")
  string(TOLOWER "${extension}" extension)

  add_library(${arg_NAME} MODULE ${arg_SOURCES})
  target_link_libraries(${arg_NAME} PRIVATE tenon::sdk)
  if("CXX" IN_LIST languages)
    target_compile_features(${arg_NAME} PRIVATE cxx_std_17)
  endif()
  set_target_properties(${arg_NAME} PROPERTIES
    PREFIX lib SUFFIX .so OUTPUT_NAME ${arg_NAME}
    C_VISIBILITY_PRESET hidden CXX_VISIBILITY_PRESET hidden VISIBILITY_INLINES_HIDDEN ON POSITION_INDEPENDENT_CODE ON
    # The host refuses RPATH and RUNPATH: what a module needs has to be where the system's loader looks.
    SKIP_BUILD_RPATH ON INSTALL_RPATH "" INSTALL_RPATH_USE_LINK_PATH OFF BUILD_WITH_INSTALL_RPATH ON)
  target_compile_options(${arg_NAME} PRIVATE $<$<COMPILE_LANG_AND_ID:CXX,GNU>:-fno-gnu-unique>)
  target_link_options(${arg_NAME} PRIVATE
    LINKER:-z,now LINKER:-z,relro LINKER:-z,noexecstack LINKER:-z,text LINKER:-Bsymbolic LINKER:--exclude-libs,ALL
    LINKER:--version-script=${TENON_SDK_CMAKE_DIR}/module.map LINKER:--undefined=tenon_entry_v1)
  _tenon_undefined_allowed(undefined_allowed)
  if(NOT undefined_allowed)
    target_link_options(${arg_NAME} PRIVATE LINKER:-z,defs)
  endif()
  set_property(TARGET ${arg_NAME} APPEND PROPERTY LINK_DEPENDS "${TENON_SDK_CMAKE_DIR}/module.map")

  list(LENGTH arg_MANIFEST manifests)
  foreach(manifest IN LISTS arg_MANIFEST)
    get_filename_component(manifest "${manifest}" ABSOLUTE)
    if(NOT EXISTS "${manifest}")
      message(FATAL_ERROR "tenon_add_module(NAME ${arg_NAME}): there is no manifest ${manifest}")
    endif()
    set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS "${manifest}")
    _tenon_manifest_scalar(name "${manifest}" name "[a-z][a-z0-9]*(_[a-z0-9]+)*")
    _tenon_manifest_scalar(version "${manifest}" version "[0-9]+\\.[0-9]+\\.[0-9]+(-[0-9A-Za-z.-]+)?(\\+[0-9A-Za-z.-]+)?")
    if(manifests EQUAL 1)
      target_compile_definitions(${arg_NAME} PRIVATE TENON_MODULE_NAME="${name}" TENON_MODULE_VERSION="${version}")
      set_target_properties(${arg_NAME} PROPERTIES OUTPUT_NAME ${name})
    endif()
    set(generated "${CMAKE_CURRENT_BINARY_DIR}/${arg_NAME}.tenon/${name}_manifest.${extension}")
    add_custom_command(OUTPUT "${generated}"
      COMMAND ${CMAKE_COMMAND} "-DMANIFEST=${manifest}" "-DOUTPUT=${generated}" -DSYMBOL=tenon_manifest_${name}
              -P "${TENON_SDK_CMAKE_DIR}/tenon-embed-manifest.cmake"
      DEPENDS "${manifest}" "${TENON_SDK_CMAKE_DIR}/tenon-embed-manifest.cmake"
      COMMENT "Embedding the manifest of ${name}" VERBATIM)
    target_sources(${arg_NAME} PRIVATE "${generated}")
  endforeach()
endfunction()
