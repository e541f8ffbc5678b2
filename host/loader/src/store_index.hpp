// StoreIndex: what the module store remembers about its copies from one start to the next.
#pragma once

#include <sys/stat.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/sha256.hpp"

namespace tenon::host {

/// Which bytes a copy had when its digest was last computed, as far as the file system tells: content cannot change without the time of the last
/// status change (ctime), which nobody but the kernel sets.
struct CopyStamp {
  std::uint64_t inode = 0;
  std::int64_t changed_ns = 0;  ///< st_ctim, since 1970
  static CopyStamp of(const struct stat& st);
  bool operator==(const CopyStamp&) const = default;
};

/// The file a copy was last made of, or found to be equal to. Only a hint where to look: the bytes decide.
struct CopySource {
  std::uint64_t device = 0, inode = 0;
  bool operator==(const CopySource&) const = default;
};

struct IndexEntry {
  std::string digest;  ///< 64 hexadecimal digits
  std::string module;
  std::optional<CopyStamp> stamp;
  std::optional<CopySource> source{};  ///< only beside a stamp
  bool operator==(const IndexEntry&) const = default;
};

/// The file `index`: `boot <id>`, then a line `<sha256> <module> [<inode> <ctime> [<source's device> <source's inode>]]` per stored copy, oldest first. Stamps hold only while the
/// machine is up: what the page cache lost in a crash shows no trace in the ctime, so every copy is hashed once after each boot.
struct StoreIndex {
  std::string boot;  ///< /proc/sys/kernel/random/boot_id; empty: unknown, then stamps are neither kept nor believed
  std::vector<IndexEntry> copies;

  /// Lines that do not look like that are dropped; stamps of another boot as well.
  static StoreIndex parse(std::string_view text, std::string boot);
  [[nodiscard]] std::string render() const;
};

/// Of 64 lower-case hexadecimal digits, else all zero.
Digest digest_from_hex(std::string_view hex);

/// Identifies this boot of the machine; empty if the kernel does not tell.
std::string read_boot_id();

}  // namespace tenon::host
