// Path safety: opening files that only trusted users could have put there.
#pragma once

#include <string>

#include "base/file.hpp"
#include "base/result.hpp"
#include "discovery/trust.hpp"

namespace tenon::host {

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
/// checks the file, and (unless file_only) each directory and link below the root. A regular file; more than one link is allowed.
/// `resolved_path`: where it really is. Never blocks, whatever stands there. Errors: not_found (also of a link that leads nowhere),
/// permission_denied (unsafe, or out of the root), failed_precondition (no regular file), and those of the system.
Result<UniqueFd> open_beneath(const SafeRoot& root, const std::string& name, const TrustedOwners& owners, PathChecks checks,
                              std::string* resolved_path);

}  // namespace tenon::host
