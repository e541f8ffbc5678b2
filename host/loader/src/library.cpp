#include "library.hpp"

#include <dlfcn.h>

#include <boost/dll/shared_library.hpp>

#include "base/sanitizer.hpp"
#include "base/text.hpp"

namespace tenon::host {
namespace {

// What the file occupies. Constant time, unlike dl_iterate_phdr, and independent of what the file's headers claim.
MappedImage image_of(const void* address) {
  dl_find_object found{};
  if (::_dl_find_object(const_cast<void*>(address), &found) != 0) return {};
  return {reinterpret_cast<std::uintptr_t>(found.dlfo_map_start), reinterpret_cast<std::uintptr_t>(found.dlfo_map_end)};
}

Error load_error(std::string what) { return {Code::failed_precondition, std::move(what), "LOAD", 0, ExitCode::unavailable}; }

}  // namespace

Result<OpenedLibrary> open_library(const std::string& path) {
  // Not destroyed: its destructor would dlclose, and code is never unmapped while the process runs.
  auto* const library = new boost::dll::shared_library;
  boost::dll::fs::error_code failed;
  library->load(path, boost::dll::load_mode::rtld_now | boost::dll::load_mode::rtld_local, failed);
  if (failed) {
    const char* reason = ::dlerror();
    delete library;
    return load_error(reason != nullptr ? "the dynamic loader refuses it: " + printable(reason, 400) : "cannot load: " + failed.message());
  }
  never_freed(library);
  OpenedLibrary out;
  if (!library->has("tenon_entry_v1")) return load_error("`tenon_entry_v1` vanished between the check and the load");
  out.entry = &library->get<const tenon_entry>("tenon_entry_v1");
  out.image = image_of(out.entry);
  return out;
}

}  // namespace tenon::host
