// One library file: opened, read once, gated, hashed.
#pragma once

#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "elf/needed_libraries.hpp"
#include "roots.hpp"

namespace tenon::host {

/// A library as it was found. Without `file` it could not be read; `failure` says why.
struct Library {
  Entry entry;
  std::string path;  ///< resolved, as far as that went
  std::optional<LibraryFile> file;
  bool gone = false;  ///< vanished between listing and opening
  std::optional<Error> failure;
  std::uint64_t links = 1;
  std::vector<ElfFinding> findings;
  bool whole = false;  ///< of this kind of machine, not cut off, nothing in it left unread: what was not found is really missing
  std::vector<ElfManifest> manifests;
};

/// What examining needs; one for all threads.
class Examiner {
 public:
  Examiner(const DiscoveryOptions& options, const TrustedOwners& owners, const std::vector<Root>& roots)
      : options_(options), owners_(owners), roots_(roots) {}

  /// Reads the file into memory, and looks only at those bytes: gate, manifests, digest. Fills everything but `entry`. Thread-safe.
  void examine(Library& library);

 private:
  void read(Library& library, int fd);

  const DiscoveryOptions& options_;
  const TrustedOwners& owners_;
  const std::vector<Root>& roots_;
  NeededLibraries needed_;
  std::mutex one_large_file_;  ///< so that many cores do not hold many large files at once
};

/// Is `error` of open_beneath() that `name` itself is no longer there (and not that it is a link that leads nowhere)?
bool vanished(const SafeRoot& root, const std::string& name, const Error& error);

/// Largest library that is examined.
inline constexpr std::uint64_t max_library_bytes = std::uint64_t{256} * 1024 * 1024;

}  // namespace tenon::host
