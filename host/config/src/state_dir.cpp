#include "base/text.hpp"
#include "config/config.hpp"

namespace tenon::host {

Result<std::string> resolve_state_dir(const StateDirSources& sources) {
  if (!sources.configured.empty()) return sources.configured;
  if (std::string first = sources.state_directory.substr(0, sources.state_directory.find(':')); !first.empty()) {
    if (first.starts_with('/')) return first;
    return Error{Code::invalid_argument, "$STATE_DIRECTORY is `" + printable(first, 200) + "`, which is no absolute path",
                 "STATE_DIRECTORY", 0, ExitCode::config};
  }
  if (sources.root) return std::string("/var/lib/tenon");
  // The XDG base directory specification: relative paths are to be ignored.
  if (sources.xdg_state_home.starts_with('/')) return sources.xdg_state_home + "/tenon";
  if (sources.home.starts_with('/')) return sources.home + "/.local/state/tenon";
  return Error{Code::failed_precondition, "there is no place for the state: none of $STATE_DIRECTORY, $XDG_STATE_HOME and $HOME is set",
               "NO_STATE_DIRECTORY", 0, ExitCode::cannot_create};
}

}  // namespace tenon::host
