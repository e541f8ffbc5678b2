// The last step of a safe open.
#pragma once

#include <string>

#include "base/file.hpp"

namespace tenon::host {

/// Opens `path` (no links in it) below the directory `root` for reading, by openat2 with RESOLVE_BENEATH, RESOLVE_NO_MAGICLINKS and
/// RESOLVE_NO_SYMLINKS. Where the kernel or a system call filter does not have that, opens `leaf` in `parent`, the same file reached step by step.
/// -1 and errno on failure. Does not block on FIFOs.
UniqueFd open_resolved(int root, const std::string& path, int parent, const std::string& leaf);

/// The step-by-step variant alone.
UniqueFd open_leaf(int parent, const std::string& leaf);

}  // namespace tenon::host
