// Path safety: opening files that only trusted users could have put there.
#pragma once

#include <sys/types.h>

#include <string>

#include "base/diagnostic.hpp"
#include "base/file.hpp"
#include "base/result.hpp"
#include "discovery/candidate.hpp"

namespace tenon::host {

/// Whose files are trusted: root, the effective uid, and the owner of the tenond executable if its own path passes.
struct TrustedOwners {
  uid_t effective_uid = 0;
  gid_t effective_gid = 0;
  bool has_executable_owner = false;
  uid_t executable_owner = 0;
  [[nodiscard]] bool trusts(uid_t uid) const;
  /// Of this process. `executable`: its path (/proc/self/exe resolved).
  static TrustedOwners of_process(const std::string& executable);
};

/// A directory (root) that passed the checks, pinned by its descriptor. `path` is resolved.
struct SafeRoot {
  std::string path;
  UniqueFd fd;
};

/// Resolves `path` once and checks every component (file_only: the directory itself only): owned by a trusted owner, not writable by others unless
/// sticky and root's; group-writable only if the group is the effective one and we are not root. Error: permission_denied, exit 77,
/// naming component, owner, mode and the command that mends it; not_found if absent.
Result<SafeRoot> open_safe_root(const std::string& path, const TrustedOwners& owners, PathChecks checks);

/// Opens `name` (may contain '/', never leaves the root: openat2 RESOLVE_BENEATH; symbolic links inside are followed) and
/// checks the file, and each directory below the root. A regular file; more than one link is allowed. `resolved_path`: where it really is.
Result<UniqueFd> open_beneath(const SafeRoot& root, const std::string& name, const TrustedOwners& owners, PathChecks checks,
                              std::string* resolved_path);

}  // namespace tenon::host
