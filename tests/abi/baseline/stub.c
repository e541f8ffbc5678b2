/* One object of every struct that crosses the boundary: from the entry alone, tables behind `query` would be invisible to abidiff. */
#include <tenon/audit.h>
#include <tenon/calls.h>
#include <tenon/check.h>
#include <tenon/config.h>
#include <tenon/container.h>
#include <tenon/core.h>
#include <tenon/events.h>
#include <tenon/health.h>
#include <tenon/lease.h>
#include <tenon/log.h>
#include <tenon/log_sink.h>
#include <tenon/metrics.h>
#include <tenon/services.h>
#include <tenon/state.h>
#include <tenon/storage.h>
#include <tenon/tasks.h>

static const tenon_module* const none[1];
const tenon_entry tenon_entry_v1 = {TENON_MAGIC, sizeof(tenon_entry), TENON_ABI_MAJOR, TENON_ABI_MINOR, none, 0};

#define ONE(type) TENON_EXPORT type stub_##type
ONE(tenon_str);
ONE(tenon_bytes);
ONE(tenon_kv);
ONE(tenon_blob);
ONE(tenon_error);
ONE(tenon_host);
ONE(tenon_need);
ONE(tenon_module);
ONE(tenon_lifecycle);
TENON_EXPORT struct tenon_ctx stub_tenon_ctx;
ONE(tenon_log);
ONE(tenon_config);
ONE(tenon_config_changed);
ONE(tenon_calls);
ONE(tenon_call_ended);
ONE(tenon_check);
ONE(tenon_log_record);
ONE(tenon_log_emit);
ONE(tenon_log_receiver);
ONE(tenon_log_sink);
ONE(tenon_audit_event);
ONE(tenon_audit);
ONE(tenon_instance);
ONE(tenon_factory);
ONE(tenon_container);
ONE(tenon_event_draft);
ONE(tenon_event);
ONE(tenon_event_options);
ONE(tenon_event_stats);
ONE(tenon_events);
ONE(tenon_event_handler);
ONE(tenon_health_check);
ONE(tenon_health);
ONE(tenon_token);
ONE(tenon_leased);
ONE(tenon_scope);
ONE(tenon_lease);
ONE(tenon_metrics);
ONE(tenon_request);
ONE(tenon_reply);
ONE(tenon_service);
ONE(tenon_call_options);
ONE(tenon_call_info);
ONE(tenon_services);
ONE(tenon_service_handler);
ONE(tenon_service_done);
ONE(tenon_state_change);
ONE(tenon_state);
ONE(tenon_state_changed);
ONE(tenon_value_info);
ONE(tenon_put_options);
ONE(tenon_storage_op);
ONE(tenon_storage_row);
ONE(tenon_storage_stats);
ONE(tenon_storage);
ONE(tenon_storage_done);
ONE(tenon_task);
ONE(tenon_loop_options);
ONE(tenon_task_status);
ONE(tenon_tasks);
ONE(tenon_task_run);
