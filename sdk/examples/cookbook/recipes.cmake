# The recipes: each is a module of its own, lib<recipe>.so.
set(cookbook_cpp price_list shop renderer alarms ledger janitor catalog basket turnstile refunds tally dimmer)
set(cookbook_c echo sessions)

# cookbook_add_modules(): the modules, as anybody builds them.
function(cookbook_add_modules)
  foreach(recipe ${cookbook_cpp})
    tenon_add_module(NAME cookbook_${recipe} MANIFEST ${cookbook_dir}/${recipe}.yaml SOURCES ${cookbook_dir}/${recipe}.cpp)
  endforeach()
  foreach(recipe ${cookbook_c})
    tenon_add_module(NAME cookbook_${recipe} MANIFEST ${cookbook_dir}/${recipe}.yaml SOURCES ${cookbook_dir}/${recipe}.c LANGUAGE C)
  endforeach()
endfunction()

# cookbook_link_recipes(target): all of them in one test, each with an entry of its own name: cookbook_<recipe>.
function(cookbook_link_recipes target)
  foreach(recipe ${cookbook_cpp} ${cookbook_c})
    set(extension cpp)
    if(recipe IN_LIST cookbook_c)
      set(extension c)
    endif()
    add_library(cookbook_object_${recipe} OBJECT ${cookbook_dir}/${recipe}.${extension})
    target_compile_definitions(cookbook_object_${recipe} PRIVATE
      tenon_entry_v1=cookbook_${recipe} TENON_MODULE_NAME="${recipe}" TENON_MODULE_VERSION="1.0.0")
    target_compile_features(cookbook_object_${recipe} PRIVATE cxx_std_17)
    target_link_libraries(cookbook_object_${recipe} PRIVATE tenon::sdk)
    target_sources(${target} PRIVATE $<TARGET_OBJECTS:cookbook_object_${recipe}>)
  endforeach()
endfunction()

set(cookbook_dir ${CMAKE_CURRENT_LIST_DIR})
