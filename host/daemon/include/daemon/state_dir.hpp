// StateDir: the daemon's own directory, made, checked, pinned and locked.
#pragma once

#include <cstdint>
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

/// The errors open_state_dir() would give, but for those of a lock that is held and of what root becomes, without making anything.
Result<void> look_at_state_dir(const std::string& path);

/// The pid of the daemon that holds the state directory: 0 = nobody does, -1 = somebody who has not said yet. The answer does not depend on whether a
/// process of that number exists, so a number used again deceives nobody. An error where the lock may not be opened. Takes the lock for a moment, for
/// which open_state_dir() waits.
Result<std::int64_t> state_dir_holder(const std::string& path);

}  // namespace tenon::host
