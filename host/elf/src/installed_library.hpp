// The version definitions of a library of this machine, read in a few pieces: libraries can be large.
#pragma once

#include <memory>
#include <string>

#include "elf/needed_libraries.hpp"

namespace tenon::host {

/// Null if `path` is no shared library for this machine (the loader then looks on).
std::unique_ptr<InstalledLibrary> read_installed_library(const std::string& path);

}  // namespace tenon::host
