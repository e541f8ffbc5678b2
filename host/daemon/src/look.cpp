#include "daemon/look.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include "daemon/state_dir.hpp"
#include "kernel/audit_file.hpp"
#include "kernel/log_file.hpp"
#include "storage_file.hpp"

namespace tenon::host {
namespace {

// As whom the daemon would write: as root it becomes who owns the state directory.
uid_t user_of(const std::string& state_dir) {
  struct stat st {};
  return ::geteuid() == 0 && ::stat(state_dir.c_str(), &st) == 0 ? st.st_uid : ::geteuid();
}

// The state directory, or one above it, which is not there: a boot makes it before it opens the audit log.
bool would_be_made(const std::string& directory, const std::string& state_dir) {
  struct stat st {};
  return (state_dir + "/").starts_with(directory + "/") && ::stat(directory.c_str(), &st) != 0;
}

}  // namespace

ExitCode look_at_own_files(const Config& config, const Plan& plan, ExitCode found, Diagnostics& findings) {
  const HostSettings& settings = config.host;
  const auto add = [&](const Result<void>& looked) {
    if (looked) return;
    findings.error("daemon.not_started", {}, looked.error().message).exit = looked.error().exit;
    found = worse(found, looked.error().exit);
  };
  if (settings.log.file) add(look_at_log_file(settings.log.file->path));
  const Result<void> state = look_at_state_dir(settings.state_dir);
  add(state);
  const bool opens_audit = found == ExitCode::ok && settings.audit_writer == "file";
  if (state && needs_storage(plan) && serves_storage_url(config)) add(look_at_storage(config, user_of(settings.state_dir)));
  // As the boot, which opens the audit log when nothing else is wrong.
  if (!opens_audit) return found;
  const std::string& audit = settings.audit_path;
  if (would_be_made(audit.substr(0, audit.rfind('/')), settings.state_dir)) return found;
  const Result<void> looked = look_at_audit_file(audit, user_of(settings.state_dir));
  if (looked || looked.error().reason != "AUDIT_CHANGED")
    add(looked);
  else
    findings.warning("daemon.audit_changed", {}, looked.error().message, "the daemon would set it aside and begin a new one");
  return found;
}

}  // namespace tenon::host
