// Exit codes of tenond (sysexits.h) and their precedence.
#pragma once

#include <initializer_list>

namespace tenon::host {

/// What the process ends with. Values follow sysexits.h; lifecycle.md says which situation gives which.
enum class ExitCode : int {
  ok = 0,
  usage = 64,          ///< wrong command line
  data_error = 65,     ///< store corrupt, migration edited or failed
  no_input = 66,       ///< a file named on the command line is missing
  unavailable = 69,    ///< a required module is missing, refused, disabled, failed, blocked or ended
  software = 70,       ///< bug in the host, or a module called exit()
  os_error = 71,       ///< the operating system refused
  cannot_create = 73,  ///< state cannot be created
  io_error = 74,       ///< reading or writing failed
  try_again = 75,      ///< second instance on one state directory, interrupted migrate
  no_permission = 77,  ///< the host's own directories are unsafe, permission denied
  config = 78,         ///< text of configuration or manifest, cycle, duplicate name
};

/// The one to end with when several apply: the first of 64 66 77 78 65 69 75 71 73 74 70; ok loses to all.
constexpr ExitCode worse(ExitCode a, ExitCode b) {
  constexpr ExitCode order[] = {ExitCode::usage,         ExitCode::no_input,    ExitCode::no_permission, ExitCode::config,
                                ExitCode::data_error,    ExitCode::unavailable, ExitCode::try_again,     ExitCode::os_error,
                                ExitCode::cannot_create, ExitCode::io_error,    ExitCode::software};
  for (ExitCode e : order)
    if (a == e || b == e) return e;
  return ExitCode::ok;
}

}  // namespace tenon::host
