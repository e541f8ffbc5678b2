// The proxies' tables: same ids, same types as those in tables.hpp.
#pragma once

#include "container_part.hpp"
#include "events_part.hpp"
#include "strict_guarded.hpp"
#include "tasks_part.hpp"

namespace tenon::host {

tenon_log make_strict_log_table(std::int32_t min_level);
extern const tenon_calls strict_calls_table;
extern const tenon_check strict_check_table;
extern const tenon_config strict_config_table;
extern const tenon_log_sink strict_log_sink_table;
extern const tenon_events strict_events_table;
extern const tenon_services strict_services_table;
extern const tenon_tasks strict_tasks_table;
extern const tenon_storage strict_storage_table;
extern const tenon_state strict_state_table;
extern const tenon_container strict_container_table;
extern const tenon_lease strict_lease_table;
extern const tenon_metrics strict_metrics_table;
extern const tenon_audit strict_audit_table;

/// The only Strict of the process, or nullptr: functions that get a tenon_call and nothing else must not look into it before they know it is one.
Strict* strict_of_process() noexcept;

}  // namespace tenon::host
