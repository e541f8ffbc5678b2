// The audit file, looked at without an audit log.
#pragma once

#include <cstdint>
#include <string>

#include "base/result.hpp"

namespace tenon::host {

/// What AuditLog::open would say of this file in a process of the user `owner`, as far as that shows without making or locking it. AUDIT_CHANGED only if
/// set_aside_audit could make room for a new one. Changes nothing. `path` is absolute.
Result<void> look_at_audit_file(const std::string& path, std::uint32_t owner);

}  // namespace tenon::host
