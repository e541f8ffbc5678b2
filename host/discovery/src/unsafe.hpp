// Who could change a file or directory, from its status alone.
#pragma once

#include <sys/stat.h>

#include <optional>
#include <string>

#include "base/result.hpp"
#include "discovery/trust.hpp"

namespace tenon::host {

/// Why somebody who is not trusted could change what `status` describes (its owner, its group, or everyone); nullopt: nobody could.
/// A directory with the sticky bit that belongs to root may be writable: what stands in it is still its owner's. Group bits include what
/// an access control list grants (they are its mask). Symbolic links have an owner only.
std::optional<Error> who_could_change(const struct stat& status, const std::string& path, const TrustedOwners& owners);

}  // namespace tenon::host
