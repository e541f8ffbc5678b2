// The host's tables, as modules see them. Constant for the process; what differs per instance hangs on its ctx.
#pragma once

#include <memory>

#include "tenon/audit.h"
#include "tenon/calls.h"
#include "tenon/check.h"
#include "tenon/config.h"
#include "tenon/log.h"
#include "tenon/log_sink.h"
#include "tenon/metrics.h"
#include "tenon/services.h"
#include "tenon/state.h"
#include "tenon/storage.h"

namespace tenon::host {

class Instance;
class Part;

/// Set in ids of deferred lifecycle calls; those of service calls never have it, so that tenon_calls knows whom an id belongs to.
inline constexpr tenon_id lifecycle_id = tenon_id{1} << 63U;

tenon_log make_log_table(std::int32_t min_level);
extern const tenon_config config_table;
extern const tenon_calls calls_table;
extern const tenon_check check_table;
extern const tenon_log_sink log_sink_table;
extern const tenon_state state_table;
extern const tenon_storage storage_table;
extern const tenon_services services_table;
extern const tenon_audit audit_table;
extern const tenon_metrics metrics_table;
std::unique_ptr<Part> make_metrics_part(Instance& instance);

}  // namespace tenon::host
