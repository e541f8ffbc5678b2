// The log's file, looked at without a log.
#pragma once

#include <string>

#include "base/result.hpp"

namespace tenon::host {

/// What LogCore::open would say of this file, as far as that shows without making it. Changes nothing.
Result<void> look_at_log_file(const std::string& path);

}  // namespace tenon::host
