// Trust: whose files the host loads, and how strictly it looks.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>

namespace tenon::host {

enum class PathChecks : std::uint8_t {
  strict,     ///< every component of every path
  file_only,  ///< the file itself only, for containers
};

/// Whose files are trusted: root, the effective uid, and the owner of the tenond executable if its own path passes.
struct TrustedOwners {
  uid_t effective_uid = 0;
  gid_t effective_gid = 0;
  bool has_executable_owner = false;
  uid_t executable_owner = 0;
  std::string executable_unsafe{};  ///< why the executable's owner is not trusted, a sentence; empty if there is no other owner
  [[nodiscard]] bool trusts(uid_t uid) const;
  /// Of this process. `executable`: its path (/proc/self/exe resolved).
  static TrustedOwners of_process(const std::string& executable);
};

}  // namespace tenon::host
