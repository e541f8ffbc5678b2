// Markers: what one process leaves behind for the next, about a module that took it down while loading.
#pragma once

#include <string>
#include <vector>

#include "base/sha256.hpp"

namespace tenon::host {

/// `<state>/load.marker`: "<sha256> <module>" per line, of files whose load never returned. Such a file is not loaded again while it is
/// the same and its module optional; removing the marker, or replacing the file, lifts it.
struct LoadMarker {
  std::string digest;  ///< hexadecimal
  std::string module;
};
std::vector<LoadMarker> read_load_markers(const std::string& state_dir);
/// Appends, in the directory of that descriptor; async-signal-safe enough for a process about to end: one open, one write.
void write_load_marker(int state_dir, const std::string& module, const Digest& digest);

inline constexpr const char* load_marker_name = "load.marker";

}  // namespace tenon::host
