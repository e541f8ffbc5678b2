// The daemon's own entries in the audit log: its life, and that of its modules.
#pragma once

#include <memory>

#include "config/config.hpp"
#include "kernel/audit.hpp"
#include "kernel/log.hpp"
#include "lifecycle/module_state.hpp"

namespace tenon::host {

/// The audit log the configuration asks for. A file whose end somebody has changed is set aside and a new one begun whose first record says so; so does the
/// log. Errors: as of AuditLog::open.
Result<std::unique_ptr<AuditLog>> open_audit(const HostSettings& settings, LogCore& log);

/// Loaded, refused, failed, wedged; other states are not recorded. `digest`: of the file, in hexadecimal; may be empty. Thread-safe.
void audit_state(AuditLog& audit, const ModuleStatus& module, std::string_view digest);

}  // namespace tenon::host
