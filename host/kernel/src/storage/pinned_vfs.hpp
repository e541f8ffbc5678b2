// PinnedVfs: SQLite's own file functions, except that paths are taken as they are.
#pragma once

#include <sqlite3.h>

#include <string>

#include "base/result.hpp"

namespace tenon::host {

/// SQLite resolves links in a path once and then opens journals by what it found. A store lives below a directory that is pinned by a descriptor,
/// `/proc/self/fd/N`: that path must stay as it is, whatever is renamed above it meanwhile. Registered with SQLite for its lifetime, which must
/// be longer than that of all connections using it.
class PinnedVfs {
 public:
  PinnedVfs() = default;
  ~PinnedVfs();
  PinnedVfs(const PinnedVfs&) = delete;
  PinnedVfs& operator=(const PinnedVfs&) = delete;

  /// `below`: name of the VFS that does the work, empty = SQLite's default.
  Result<void> add(const std::string& below);
  [[nodiscard]] const char* name() const { return name_.c_str(); }

 private:
  sqlite3_vfs vfs_{};
  std::string name_;
  bool added_ = false;
};

}  // namespace tenon::host
