/* One object of every struct that crosses the boundary: from the entry alone, tables behind `query` would be invisible to abidiff. */
#include <tenon/calls.h>
#include <tenon/check.h>
#include <tenon/config.h>
#include <tenon/core.h>
#include <tenon/log.h>
#include <tenon/log_sink.h>

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
