// /etc/ld.so.cache, as ldconfig of glibc writes it.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "bytes.hpp"

namespace tenon::host {

/// Paths the cache gives for `name` on this machine, plain ones before those for particular processors. Empty if there is none, or if the cache is
/// damaged. Knows the format "glibc-ld.so.cache1.1", alone or behind the older one.
std::vector<std::string> paths_in_cache(Bytes cache, std::string_view name);

}  // namespace tenon::host
