#include "daemon/look.hpp"

#include "daemon/state_dir.hpp"
#include "kernel/log_file.hpp"

namespace tenon::host {

ExitCode look_at_own_files(const HostSettings& settings, Diagnostics& findings) {
  ExitCode exit = ExitCode::ok;
  const auto add = [&](const Result<void>& looked) {
    if (looked) return;
    findings.error("daemon.not_started", {}, looked.error().message).exit = looked.error().exit;
    exit = worse(exit, looked.error().exit);
  };
  if (settings.log.file) add(look_at_log_file(settings.log.file->path));
  add(look_at_state_dir(settings.state_dir));
  return exit;
}

}  // namespace tenon::host
