// The proxies' tables: same ids, same types as those in tables.hpp.
#pragma once

#include "guarded.hpp"

namespace tenon::host {

extern const tenon_calls strict_calls_table;
extern const tenon_config strict_config_table;
extern const tenon_log_sink strict_log_sink_table;

/// The only Strict of the process, or nullptr: functions that get a tenon_call and nothing else must not look into it before they know it is one.
Strict* strict_of_process() noexcept;

}  // namespace tenon::host
