// Everything found on disk, before it is joined to candidates.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "library.hpp"
#include "manifest_texts.hpp"
#include "roots.hpp"

namespace tenon::host {

inline constexpr std::size_t none = static_cast<std::size_t>(-1);

/// A manifest that stands in a directory of its own right, outside any library.
struct ManifestFile {
  Entry entry;
  std::string path;
  std::string text;              ///< until it is handed to the texts
  std::size_t parsed = none;     ///< in Collection::texts
  std::optional<Error> failure;  ///< it could not be read
  bool gone = false;             ///< vanished between listing and opening
  std::size_t library = none;    ///< in Collection::libraries
  std::string not_found;         ///< why there is none: one sentence
};

struct Collection {
  std::vector<Root> roots;
  std::vector<Library> libraries;                  ///< scanned ones, then those only a manifest led to
  std::vector<std::vector<std::size_t>> embedded;  ///< per library: its notes, in texts
  std::vector<ManifestFile> manifests;
  ManifestTexts texts;
};

/// Finds the library of every manifest: relative to the manifest, then in the plugin directories (RuntimeModules: in the runtime
/// directory only). Libraries that were not scanned are appended to `libraries`, not yet examined.
void locate_libraries(Collection& collection, const TrustedOwners& owners, PathChecks checks);

/// One candidate per library file and module name, and one per manifest without a library. Not sorted. What belongs to no candidate goes to
/// `diagnostics`.
std::vector<Candidate> join(const Collection& collection, Diagnostics& diagnostics);

}  // namespace tenon::host
