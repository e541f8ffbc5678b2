// The daemon's own entries in the audit log: its life, and that of its modules.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "config/config.hpp"
#include "kernel/audit.hpp"
#include "kernel/log.hpp"
#include "lifecycle/module_state.hpp"

namespace tenon::host {

/// The audit log the configuration asks for. A file whose end somebody has changed is set aside and a new one begun whose first record says so; so does the
/// log. Errors: as of AuditLog::open.
Result<std::unique_ptr<AuditLog>> open_audit(const HostSettings& settings, LogCore& log);

/// Records which modules were loaded, refused, have failed or are wedged; other states are not recorded. What was loaded waits for `write`, at the latest
/// until something bad is recorded: a record takes longer than a module needs to come up, and the thread that loads has better things to do.
/// Nothing gets lost but by a process that ends in between without a word. Thread-safe.
class StateAudit {
 public:
  using DigestOf = std::function<std::string(const std::string& module)>;
  /// `digest_of`: of the module's file, in hexadecimal, empty if there is none; of what was loaded. On any thread. `wake`: something waits that did not
  /// wait before; must not block.
  StateAudit(AuditLog& audit, DigestOf digest_of, std::function<void()> wake)
      : audit_(audit), digest_of_(std::move(digest_of)), wake_(std::move(wake)) {}

  void add(const ModuleStatus& module);
  /// In the order they were added. False: nothing waited, and the next one that waits wakes again.
  bool write();

 private:
  void record(const ModuleStatus& module);
  AuditLog& audit_;
  const DigestOf digest_of_;
  const std::function<void()> wake_;
  std::mutex writing_;  ///< keeps the order; taken before the other
  std::atomic<std::thread::id> writer_{};
  std::mutex mutex_;
  std::vector<ModuleStatus> waiting_;
  bool woken_ = false;
};

/// One of them. `digest`: of the file, in hexadecimal; may be empty. Thread-safe.
void audit_state(AuditLog& audit, const ModuleStatus& module, std::string_view digest);

}  // namespace tenon::host
