// Discovery: directories -> candidates. Nothing of a candidate is run.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/diagnostic.hpp"
#include "base/sha256.hpp"
#include "discovery/trust.hpp"
#include "elf/elf_report.hpp"
#include "manifest/manifest.hpp"

namespace tenon::host {

/// Where a candidate comes from; decides trust.
enum class Origin : std::uint8_t {
  runtime,  ///< the fixed runtime directory beside the executable
  plugin,   ///< everything else
};

/// A library file as it was when it was examined. The bytes hashed are the bytes that were checked.
struct LibraryFile {
  std::string path;  ///< resolved, absolute
  dev_t device = 0;
  ino_t inode = 0;
  std::uint64_t size = 0;
  std::int64_t mtime_ns = 0;
  Digest digest{};       ///< all zero in safe mode
  std::string build_id;  ///< hexadecimal, may be empty
};

/// One library file with everything said about it, or a manifest whose library is missing. One per module name in the file.
struct Candidate {
  std::string name;  ///< from the manifest; if there is none, the file name
  Origin origin = Origin::plugin;
  std::shared_ptr<const Manifest> manifest;  ///< null: none could be read
  std::vector<std::string> manifest_paths;   ///< all places the manifest was found in, for messages
  std::optional<LibraryFile> file;
  std::vector<ElfFinding> elf;  ///< findings of the gate
  Diagnostics diagnostics;      ///< every finding about this candidate, the gate's included
  [[nodiscard]] bool refused() const { return diagnostics.has_errors(); }
};

struct DiscoveryOptions {
  std::string runtime_dir;               ///< absolute; absent = no RuntimeModules found
  std::vector<std::string> plugin_dirs;  ///< absent ones are skipped with a note
  std::vector<std::string> manifest_dirs;
  PathChecks path_checks = PathChecks::strict;
  std::optional<TrustedOwners> owners;  ///< absent = those of this process
  std::string host_sdk = "1.0";
  bool skip_plugins = false;  ///< safe mode: plugins are listed and read, not hashed
  unsigned threads = 0;       ///< 0 = all cores
  /// Knows the digest of the file from elsewhere, if it has exactly these bytes; else they are hashed. Called on several threads. Empty = nobody knows.
  std::function<std::optional<Digest>(const LibraryFile& file, std::span<const std::byte> bytes)> known_digest;
};

struct Discovery {
  std::vector<Candidate> candidates;  ///< sorted by (origin, name, path); independent of directory order and thread timing
  Diagnostics diagnostics;            ///< about directories and files that belong to no candidate
};

/// A module has one note in its library: the error for a library in `file` with `count` notes of one module.
void refuse_second_note(std::string_view module, std::size_t count, Where file, Diagnostics& diagnostics);

/// Reads all directories, every manifest, passes every library through path checks, gate and digest, in parallel; joins manifests and
/// libraries by resolved file. Writes nothing. An unsafe directory is an error in `diagnostics` (exit 77), an unsafe file refuses its candidate.
Discovery discover(const DiscoveryOptions& options);

}  // namespace tenon::host
