// StateDir: the daemon's own directory, made, checked, pinned and locked.
#pragma once

#include <string>

#include "base/file.hpp"
#include "base/result.hpp"

namespace tenon::host {

/// Held for the life of the process: the lock goes with it.
struct StateDir {
  std::string path;  ///< resolved
  UniqueFd fd;       ///< pins the directory
  UniqueFd lock;     ///< flock on `run.lock`: one daemon per state directory
};

/// Makes the directory (and missing parents) if needed, checks that nobody else can write to it, and takes the lock. As root on a directory of another
/// uid the process becomes that uid first. Errors: cannot_create (73), no_permission (77), try_again (75: another daemon, naming its pid).
Result<StateDir> open_state_dir(const std::string& path);

}  // namespace tenon::host
