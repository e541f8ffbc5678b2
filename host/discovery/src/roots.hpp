// The directories that are scanned, and what stands directly in them.
#pragma once

#include <string>
#include <vector>

#include "base/diagnostic.hpp"
#include "discovery/candidate.hpp"
#include "discovery/path_safety.hpp"

namespace tenon::host {

struct Root {
  SafeRoot directory;
  Origin origin = Origin::plugin;
  bool has_libraries = true;  ///< false: only manifests are taken from it
};

/// One name to look at, in the order (root, name).
struct Entry {
  std::size_t root = 0;
  std::string name;
};

struct Roots {
  std::vector<Root> all;  ///< runtime directory, manifest directories, plugin directories
  std::vector<Entry> libraries, manifests;
};

/// Opens and lists the directories of `options`. An absent one is a note, an unsafe or unreadable one an error with exit 77; one that is given twice
/// counts once. Scanned: *.so, *.yaml, *.yml directly inside, no dot-files.
Roots open_roots(const DiscoveryOptions& options, const TrustedOwners& owners, Diagnostics& diagnostics);

/// A place in the file `path` as a whole, for diagnostics.
Where in_file(const std::string& path);

}  // namespace tenon::host
