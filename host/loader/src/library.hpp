// Library: dlopen of one file through Boost.DLL, for good.
#pragma once

#include <string>

#include "base/result.hpp"
#include "loader/descriptor.hpp"

namespace tenon::host {

struct OpenedLibrary {
  const tenon_entry* entry = nullptr;
  MappedImage image;
};

/// RTLD_NOW | RTLD_LOCAL; runs the constructors of the file. Never closed. Errors carry the dynamic loader's own words. [control]
Result<OpenedLibrary> open_library(const std::string& path);

}  // namespace tenon::host
