// What ABI 1.0 is, to the byte: sizes, offsets, types, numbers, names. Append-only: a line that does not compile any more is a module somewhere that
// crashes. What is added in a later minor version is added here behind the rest; only `size_at_1_0` may then be smaller than sizeof.
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

#include <cstddef>
#include <type_traits>

// Tenon runs on 64-bit Linux; there all supported machines (x86-64, AArch64, RISC-V) lay these structs out alike.
static_assert(sizeof(void*) == 8 && sizeof(size_t) == 8);

// Frozen for ever: neither size nor members change.
#define FROZEN(type, size) \
  static_assert(sizeof(type) == (size) && alignof(type) == 8 && std::is_trivial_v<type> && std::is_standard_layout_v<type>)
// May grow at the end: what stood at 1.0 stays.
#define GROWS(type, size_at_1_0) static_assert(sizeof(type) >= (size_at_1_0) && std::is_trivial_v<type> && std::is_standard_layout_v<type>)
#define MEMBER(type, member, offset, ...) \
  static_assert(offsetof(type, member) == (offset) && std::is_same_v<decltype(type::member), __VA_ARGS__>)
#define NUMBER(name, value) static_assert((name) == (value))

// ---- tenon/core.h

FROZEN(tenon_str, 16);
MEMBER(tenon_str, ptr, 0, const char*);
MEMBER(tenon_str, len, 8, size_t);

FROZEN(tenon_bytes, 16);
MEMBER(tenon_bytes, ptr, 0, const uint8_t*);
MEMBER(tenon_bytes, len, 8, size_t);

FROZEN(tenon_kv, 32);
MEMBER(tenon_kv, key, 0, tenon_str);
MEMBER(tenon_kv, value, 16, tenon_str);

FROZEN(tenon_blob, 32);
MEMBER(tenon_blob, ptr, 0, const uint8_t*);
MEMBER(tenon_blob, len, 8, size_t);
MEMBER(tenon_blob, release, 16, void (*)(void* owner) noexcept);
MEMBER(tenon_blob, owner, 24, void*);

GROWS(tenon_error, 256);
MEMBER(tenon_error, struct_size, 0, uint32_t);
MEMBER(tenon_error, status, 4, tenon_status);
MEMBER(tenon_error, sys_errno, 8, int32_t);
MEMBER(tenon_error, message_len, 12, uint32_t);
MEMBER(tenon_error, reason, 16, char[48]);
MEMBER(tenon_error, message, 64, char[192]);

GROWS(tenon_lifecycle, 64);
MEMBER(tenon_lifecycle, struct_size, 0, uint32_t);
MEMBER(tenon_lifecycle, reserved, 4, uint32_t);
MEMBER(tenon_lifecycle, create, 8, tenon_status (*)(tenon_ctx* ctx, tenon_call* call, void** self, tenon_error* err) noexcept);
MEMBER(tenon_lifecycle, pre_init, 16, tenon_status (*)(void* self, tenon_call* call, tenon_error* err) noexcept);
MEMBER(tenon_lifecycle, init, 24, tenon_status (*)(void* self, tenon_call* call, tenon_error* err) noexcept);
MEMBER(tenon_lifecycle, post_init, 32, tenon_status (*)(void* self, tenon_call* call, tenon_error* err) noexcept);
MEMBER(tenon_lifecycle, start, 40, tenon_status (*)(void* self, tenon_call* call, tenon_error* err) noexcept);
MEMBER(tenon_lifecycle, stop, 48, tenon_status (*)(void* self, tenon_call* call, tenon_error* err) noexcept);
MEMBER(tenon_lifecycle, destroy, 56, void (*)(void* self) noexcept);

GROWS(tenon_need, 32);
MEMBER(tenon_need, struct_size, 0, uint32_t);
MEMBER(tenon_need, min_size, 4, uint32_t);
MEMBER(tenon_need, optional, 8, uint32_t);
MEMBER(tenon_need, reserved, 12, uint32_t);
MEMBER(tenon_need, id, 16, tenon_str);

GROWS(tenon_module, 72);
MEMBER(tenon_module, struct_size, 0, uint32_t);
MEMBER(tenon_module, flags, 4, uint32_t);
MEMBER(tenon_module, name, 8, tenon_str);
MEMBER(tenon_module, version, 24, tenon_str);
MEMBER(tenon_module, needs, 40, const tenon_need* const*);
MEMBER(tenon_module, need_count, 48, size_t);
MEMBER(tenon_module, lifecycle, 56, const tenon_lifecycle*);
MEMBER(tenon_module, query, 64, const void* (*)(tenon_str id) noexcept);

GROWS(tenon_entry, 32);
MEMBER(tenon_entry, magic, 0, uint64_t);
MEMBER(tenon_entry, struct_size, 8, uint32_t);
MEMBER(tenon_entry, abi_major, 12, uint16_t);
MEMBER(tenon_entry, abi_minor, 14, uint16_t);
MEMBER(tenon_entry, modules, 16, const tenon_module* const*);
MEMBER(tenon_entry, module_count, 24, size_t);

GROWS(tenon_host, 64);
MEMBER(tenon_host, struct_size, 0, uint32_t);
MEMBER(tenon_host, abi_major, 4, uint16_t);
MEMBER(tenon_host, abi_minor, 6, uint16_t);
MEMBER(tenon_host, name, 8, tenon_str);
MEMBER(tenon_host, version, 24, tenon_str);
MEMBER(tenon_host, instance_id, 40, tenon_str);
MEMBER(tenon_host, query, 56, const void* (*)(tenon_ctx* ctx, tenon_str id) noexcept);

GROWS(tenon_ctx, 8);
MEMBER(tenon_ctx, host, 0, const tenon_host*);

// ---- tenon/log.h

GROWS(tenon_log, 16);
MEMBER(tenon_log, struct_size, 0, uint32_t);
MEMBER(tenon_log, min_level, 4, int32_t);
MEMBER(tenon_log, write, 8, void (*)(tenon_ctx* ctx, int32_t level, tenon_str message, const tenon_kv* kv, size_t n) noexcept);

// ---- tenon/config.h

GROWS(tenon_config, 144);
MEMBER(tenon_config, struct_size, 0, uint32_t);
MEMBER(tenon_config, reserved, 4, uint32_t);
MEMBER(tenon_config, has, 8, int32_t (*)(tenon_ctx* ctx, tenon_str path) noexcept);
MEMBER(tenon_config, require_bool, 16, tenon_status (*)(tenon_ctx*, tenon_str path, int32_t* out, tenon_error*) noexcept);
MEMBER(tenon_config, require_i64, 24, tenon_status (*)(tenon_ctx*, tenon_str path, int64_t* out, tenon_error*) noexcept);
MEMBER(tenon_config, require_f64, 32, tenon_status (*)(tenon_ctx*, tenon_str path, double* out, tenon_error*) noexcept);
MEMBER(tenon_config, require_str, 40, tenon_status (*)(tenon_ctx*, tenon_str path, tenon_str* out, tenon_error*) noexcept);
MEMBER(tenon_config, require_duration, 48, tenon_status (*)(tenon_ctx*, tenon_str path, int64_t* out_ns, tenon_error*) noexcept);
MEMBER(tenon_config, require_size, 56, tenon_status (*)(tenon_ctx*, tenon_str path, uint64_t* out, tenon_error*) noexcept);
MEMBER(tenon_config, optional_bool, 64,
       tenon_status (*)(tenon_ctx*, tenon_str path, int32_t fallback, int32_t* out, tenon_error*) noexcept);
MEMBER(tenon_config, optional_i64, 72, tenon_status (*)(tenon_ctx*, tenon_str path, int64_t fallback, int64_t* out, tenon_error*) noexcept);
MEMBER(tenon_config, optional_f64, 80, tenon_status (*)(tenon_ctx*, tenon_str path, double fallback, double* out, tenon_error*) noexcept);
MEMBER(tenon_config, optional_str, 88,
       tenon_status (*)(tenon_ctx*, tenon_str path, tenon_str fallback, tenon_str* out, tenon_error*) noexcept);
MEMBER(tenon_config, optional_duration, 96,
       tenon_status (*)(tenon_ctx*, tenon_str path, int64_t fallback_ns, int64_t* out_ns, tenon_error*) noexcept);
MEMBER(tenon_config, optional_size, 104,
       tenon_status (*)(tenon_ctx*, tenon_str path, uint64_t fallback, uint64_t* out, tenon_error*) noexcept);
MEMBER(tenon_config, json, 112, tenon_status (*)(tenon_ctx*, tenon_str path, tenon_str* out, tenon_error*) noexcept);
MEMBER(tenon_config, count, 120, tenon_status (*)(tenon_ctx*, tenon_str path, size_t* out, tenon_error*) noexcept);
MEMBER(tenon_config, on_change, 128,
       tenon_status (*)(tenon_ctx*, tenon_str path, tenon_config_changed fn, void* data, void (*release)(void* data) noexcept,
                        tenon_id* out, tenon_error*) noexcept);
MEMBER(tenon_config, unsubscribe, 136, tenon_status (*)(tenon_ctx*, tenon_id id) noexcept);

// ---- tenon/calls.h

GROWS(tenon_calls, 72);
MEMBER(tenon_calls, struct_size, 0, uint32_t);
MEMBER(tenon_calls, reserved, 4, uint32_t);
MEMBER(tenon_calls, deadline_ns, 8, int64_t (*)(tenon_call* call) noexcept);
MEMBER(tenon_calls, cancelled, 16, int32_t (*)(tenon_call* call) noexcept);
MEMBER(tenon_calls, wait, 24, int32_t (*)(tenon_call* call, int64_t until_ns) noexcept);
MEMBER(tenon_calls, reserve, 32, uint8_t* (*)(tenon_call* call, size_t n) noexcept);
MEMBER(tenon_calls, defer, 40, tenon_status (*)(tenon_call* call, tenon_id* out) noexcept);
MEMBER(tenon_calls, complete, 48,
       tenon_status (*)(tenon_ctx* ctx, tenon_id id, tenon_status status, const tenon_error* error, tenon_blob* body) noexcept);
MEMBER(tenon_calls, id_cancelled, 56, int32_t (*)(tenon_ctx* ctx, tenon_id id) noexcept);
MEMBER(tenon_calls, on_cancel, 64, tenon_status (*)(tenon_ctx* ctx, tenon_id id, tenon_call_ended fn, void* data) noexcept);

// ---- tenon/check.h

GROWS(tenon_check, 32);
MEMBER(tenon_check, struct_size, 0, uint32_t);
MEMBER(tenon_check, reserved, 4, uint32_t);
MEMBER(tenon_check, thread, 8, int32_t (*)(tenon_ctx* ctx) noexcept);
MEMBER(tenon_check, phase, 16, int32_t (*)(tenon_ctx* ctx) noexcept);
MEMBER(tenon_check, violation, 24, void (*)(tenon_ctx* ctx, tenon_str rule, tenon_str message) noexcept);

// ---- tenon/log_sink.h

GROWS(tenon_log_record, 104);
MEMBER(tenon_log_record, struct_size, 0, uint32_t);
MEMBER(tenon_log_record, level, 4, int32_t);
MEMBER(tenon_log_record, seq, 8, uint64_t);
MEMBER(tenon_log_record, time_ns, 16, int64_t);
MEMBER(tenon_log_record, call_id, 24, uint64_t);
MEMBER(tenon_log_record, thread_id, 32, uint64_t);
MEMBER(tenon_log_record, module, 40, tenon_str);
MEMBER(tenon_log_record, phase, 56, tenon_str);
MEMBER(tenon_log_record, message, 72, tenon_str);
MEMBER(tenon_log_record, kv, 88, const tenon_kv*);
MEMBER(tenon_log_record, kv_count, 96, size_t);

GROWS(tenon_log_receiver, 24);
MEMBER(tenon_log_receiver, struct_size, 0, uint32_t);
MEMBER(tenon_log_receiver, reserved, 4, uint32_t);
MEMBER(tenon_log_receiver, record, 8, void (*)(void* data, const tenon_log_record* record) noexcept);
MEMBER(tenon_log_receiver, dump, 16, void (*)(void* data, size_t count, tenon_log_emit emit, void* emit_data) noexcept);

GROWS(tenon_log_sink, 40);
MEMBER(tenon_log_sink, struct_size, 0, uint32_t);
MEMBER(tenon_log_sink, reserved, 4, uint32_t);
MEMBER(tenon_log_sink, attach, 8,
       tenon_status (*)(tenon_ctx*, const tenon_log_receiver* receiver, void* data, void (*release)(void* data) noexcept, tenon_id* out,
                        tenon_error*) noexcept);
MEMBER(tenon_log_sink, detach, 16, tenon_status (*)(tenon_ctx*, tenon_id id) noexcept);
MEMBER(tenon_log_sink, level, 24, tenon_status (*)(tenon_ctx*, tenon_str name, int32_t* out, tenon_error*) noexcept);
MEMBER(tenon_log_sink, set_level, 32, tenon_status (*)(tenon_ctx*, tenon_str name, int32_t level, tenon_error*) noexcept);

// ---- tenon/metrics.h

GROWS(tenon_metrics, 64);
MEMBER(tenon_metrics, struct_size, 0, uint32_t);
MEMBER(tenon_metrics, reserved, 4, uint32_t);
MEMBER(tenon_metrics, counter, 8,
       tenon_status (*)(tenon_ctx*, tenon_str, tenon_str, const tenon_kv*, size_t, tenon_counter**, tenon_error*) noexcept);
MEMBER(tenon_metrics, gauge, 16,
       tenon_status (*)(tenon_ctx*, tenon_str, tenon_str, const tenon_kv*, size_t, tenon_gauge**, tenon_error*) noexcept);
MEMBER(tenon_metrics, histogram, 24,
       tenon_status (*)(tenon_ctx*, tenon_str, tenon_str, const double*, size_t, const tenon_kv*, size_t, tenon_histogram**,
                        tenon_error*) noexcept);
MEMBER(tenon_metrics, add, 32, void (*)(tenon_counter*, uint64_t) noexcept);
MEMBER(tenon_metrics, set, 40, void (*)(tenon_gauge*, double) noexcept);
MEMBER(tenon_metrics, change, 48, void (*)(tenon_gauge*, double) noexcept);
MEMBER(tenon_metrics, observe, 56, void (*)(tenon_histogram*, double) noexcept);

// ---- tenon/audit.h

GROWS(tenon_audit_event, 88);
MEMBER(tenon_audit_event, struct_size, 0, uint32_t);
MEMBER(tenon_audit_event, level, 4, int32_t);
MEMBER(tenon_audit_event, type, 8, tenon_str);
MEMBER(tenon_audit_event, target, 24, tenon_str);
MEMBER(tenon_audit_event, request_id, 40, tenon_str);
MEMBER(tenon_audit_event, outcome, 56, tenon_str);
MEMBER(tenon_audit_event, meta, 72, const tenon_kv*);
MEMBER(tenon_audit_event, meta_count, 80, size_t);

GROWS(tenon_audit, 16);
MEMBER(tenon_audit, struct_size, 0, uint32_t);
MEMBER(tenon_audit, reserved, 4, uint32_t);
MEMBER(tenon_audit, record, 8, tenon_status (*)(tenon_ctx*, const tenon_audit_event*, tenon_error*) noexcept);

// ---- tenon/health.h

GROWS(tenon_health_check, 48);
MEMBER(tenon_health_check, struct_size, 0, uint32_t);
MEMBER(tenon_health_check, required, 4, uint32_t);
MEMBER(tenon_health_check, timeout_ns, 8, int64_t);
MEMBER(tenon_health_check, interval_ns, 16, int64_t);
MEMBER(tenon_health_check, name, 24, tenon_str);
MEMBER(tenon_health_check, check, 40, tenon_status (*)(void* self, tenon_call*, tenon_error*) noexcept);

GROWS(tenon_health, 24);
MEMBER(tenon_health, struct_size, 0, uint32_t);
MEMBER(tenon_health, reserved, 4, uint32_t);
MEMBER(tenon_health, checks, 8, const tenon_health_check* const*);
MEMBER(tenon_health, check_count, 16, size_t);

// ---- numbers and names

NUMBER(TENON_ABI_MAJOR, 1u);
NUMBER(TENON_OK, 0);
NUMBER(TENON_CANCELLED, 1);
NUMBER(TENON_UNKNOWN, 2);
NUMBER(TENON_INVALID_ARGUMENT, 3);
NUMBER(TENON_DEADLINE_EXCEEDED, 4);
NUMBER(TENON_NOT_FOUND, 5);
NUMBER(TENON_ALREADY_EXISTS, 6);
NUMBER(TENON_PERMISSION_DENIED, 7);
NUMBER(TENON_RESOURCE_EXHAUSTED, 8);
NUMBER(TENON_FAILED_PRECONDITION, 9);
NUMBER(TENON_ABORTED, 10);
NUMBER(TENON_OUT_OF_RANGE, 11);
NUMBER(TENON_UNIMPLEMENTED, 12);
NUMBER(TENON_INTERNAL, 13);
NUMBER(TENON_UNAVAILABLE, 14);
NUMBER(TENON_DATA_LOSS, 15);
NUMBER(TENON_UNAUTHENTICATED, 16);
NUMBER(TENON_PENDING, 1000);
NUMBER(TENON_SERIAL, 0x1u);
NUMBER(TENON_MAGIC, UINT64_C(0x31562d4e4f4e4554));
NUMBER(TENON_NOTE_TYPE, 0x544e0001u);
NUMBER(TENON_NOTE_MAX, 262144u);
NUMBER(TENON_LEVEL_TRACE, 0);
NUMBER(TENON_LEVEL_DEBUG, 10);
NUMBER(TENON_LEVEL_INFO, 20);
NUMBER(TENON_LEVEL_WARN, 30);
NUMBER(TENON_LEVEL_ERROR, 40);
NUMBER(TENON_LEVEL_FATAL, 50);
NUMBER(TENON_LEVEL_DEFAULT, -1);
NUMBER(TENON_LOG_MAX_KV, 64u);
NUMBER(TENON_LOG_MAX_BYTES, 16384u);
NUMBER(TENON_THREAD_OTHER, 0);
NUMBER(TENON_THREAD_CONTROL, 1);
NUMBER(TENON_THREAD_WORKER, 2);
NUMBER(TENON_PHASE_NONE, 0);
NUMBER(TENON_PHASE_CREATE, 1);
NUMBER(TENON_PHASE_PRE_INIT, 2);
NUMBER(TENON_PHASE_INIT, 3);
NUMBER(TENON_PHASE_POST_INIT, 4);
NUMBER(TENON_PHASE_START, 5);
NUMBER(TENON_PHASE_RUN, 6);
NUMBER(TENON_PHASE_STOP, 7);
NUMBER(TENON_PHASE_DESTROY, 8);
static_assert(TENON_ABI_MINOR >= 0);

constexpr bool same(const char* a, const char* b) { return *a == *b && (*a == '\0' || same(a + 1, b + 1)); }
static_assert(same(TENON_NOTE_SECTION, ".note.tenon.manifest") && same(TENON_NOTE_OWNER, "TENON"));
static_assert(same(TENON_LOG, "tenon.log/1"));
static_assert(same(TENON_CONFIG, "tenon.config/1"));
static_assert(same(TENON_CALLS, "tenon.calls/1"));
static_assert(same(TENON_CHECK, "tenon.check/1"));
static_assert(same(TENON_LOG_SINK, "tenon.log_sink/1"));
static_assert(same(TENON_LEASE, "tenon.lease/1"));
static_assert(same(TENON_CONTAINER, "tenon.container/1"));
static_assert(same(TENON_METRICS, "tenon.metrics/1"));
static_assert(same(TENON_AUDIT, "tenon.audit/1"));
static_assert(same(TENON_HEALTH, "tenon.health/1"));
NUMBER(TENON_AUDIT_INFO, 20);
NUMBER(TENON_AUDIT_WARN, 30);
NUMBER(TENON_AUDIT_ERROR, 40);

// ---- types of their own

static_assert(std::is_same_v<tenon_status, int32_t> && std::is_same_v<tenon_id, uint64_t>);
static_assert(
    std::is_same_v<tenon_config_changed, tenon_status (*)(void* data, tenon_call* call, tenon_str path, tenon_error* err) noexcept>);
static_assert(std::is_same_v<tenon_call_ended, void (*)(void* data, tenon_status why) noexcept>);
static_assert(std::is_same_v<tenon_log_emit, void (*)(void* emit_data, const tenon_log_record* record) noexcept>);
static_assert(std::is_same_v<decltype(tenon_entry_v1), const tenon_entry>);

// ---- tenon/lease.h, tenon/container.h

GROWS(tenon_token, 40);
MEMBER(tenon_token, struct_size, 0, uint32_t);
MEMBER(tenon_token, min_size, 4, uint32_t);
MEMBER(tenon_token, name, 8, tenon_str);
MEMBER(tenon_token, key, 24, tenon_str);

GROWS(tenon_leased, 32);
MEMBER(tenon_leased, struct_size, 0, uint32_t);
MEMBER(tenon_leased, reserved, 4, uint32_t);
MEMBER(tenon_leased, id, 8, tenon_id);
MEMBER(tenon_leased, table, 16, const void*);
MEMBER(tenon_leased, self, 24, void*);

GROWS(tenon_scope, 64);
MEMBER(tenon_scope, struct_size, 0, uint32_t);
MEMBER(tenon_scope, kind, 4, uint32_t);
MEMBER(tenon_scope, request_id, 8, tenon_str);
MEMBER(tenon_scope, tenant, 24, tenon_str);
MEMBER(tenon_scope, auth, 40, tenon_str);
MEMBER(tenon_scope, deadline_ns, 56, int64_t);

GROWS(tenon_lease, 56);
MEMBER(tenon_lease, struct_size, 0, uint32_t);
MEMBER(tenon_lease, reserved, 4, uint32_t);
MEMBER(tenon_lease, acquire, 8,
       tenon_status (*)(tenon_ctx* ctx, const tenon_token* token, tenon_id scope, tenon_leased* out, tenon_error* err) noexcept);
MEMBER(tenon_lease, release, 16, tenon_status (*)(tenon_ctx* ctx, tenon_id lease) noexcept);
MEMBER(tenon_lease, call_scope, 24,
       tenon_status (*)(tenon_ctx* ctx, tenon_call* call, const tenon_scope* said, tenon_id* out, tenon_error* err) noexcept);
MEMBER(tenon_lease, open_scope, 32,
       tenon_status (*)(tenon_ctx* ctx, tenon_id outer, const tenon_scope* said, tenon_id* out, tenon_error* err) noexcept);
MEMBER(tenon_lease, close_scope, 40, tenon_status (*)(tenon_ctx* ctx, tenon_id scope) noexcept);
MEMBER(tenon_lease, describe_scope, 48, tenon_status (*)(tenon_ctx* ctx, tenon_id scope, tenon_scope* out, tenon_error* err) noexcept);

GROWS(tenon_instance, 24);
MEMBER(tenon_instance, struct_size, 0, uint32_t);
MEMBER(tenon_instance, reserved, 4, uint32_t);
MEMBER(tenon_instance, table, 8, const void*);
MEMBER(tenon_instance, self, 16, void*);

GROWS(tenon_factory, 24);
MEMBER(tenon_factory, struct_size, 0, uint32_t);
MEMBER(tenon_factory, lifetime, 4, uint32_t);
MEMBER(tenon_factory, make, 8,
       tenon_status (*)(void* data, tenon_call* call, tenon_id scope, tenon_instance* out, tenon_error* err) noexcept);
MEMBER(tenon_factory, dispose, 16, void (*)(void* data, void* self) noexcept);

GROWS(tenon_container, 40);
MEMBER(tenon_container, struct_size, 0, uint32_t);
MEMBER(tenon_container, reserved, 4, uint32_t);
MEMBER(tenon_container, provide, 8,
       tenon_status (*)(tenon_ctx* ctx, const tenon_token* token, const tenon_instance* instance, uint32_t flags, void* data,
                        void (*release)(void* data) noexcept, tenon_id* out, tenon_error* err) noexcept);
MEMBER(tenon_container, provide_factory, 16,
       tenon_status (*)(tenon_ctx* ctx, const tenon_token* token, const tenon_factory* factory, uint32_t flags, void* data,
                        void (*release)(void* data) noexcept, tenon_id* out, tenon_error* err) noexcept);
MEMBER(tenon_container, withdraw, 24, tenon_status (*)(tenon_ctx* ctx, tenon_id id) noexcept);
MEMBER(tenon_container, withdraw_wait, 32, tenon_status (*)(tenon_ctx* ctx, tenon_id id, int64_t deadline_ns) noexcept);
NUMBER(TENON_SCOPE_ROOT, 0u);
NUMBER(TENON_SCOPE_REQUEST, 1u);
NUMBER(TENON_SCOPE_JOB, 2u);
NUMBER(TENON_SINGLETON, 0u);
NUMBER(TENON_SCOPED, 1u);
NUMBER(TENON_TRANSIENT, 2u);
NUMBER(TENON_PROVIDE_REPLACE, 0x1u);

// ---- tenon/events.h

GROWS(tenon_event_draft, 72);
MEMBER(tenon_event_draft, struct_size, 0, uint32_t);
MEMBER(tenon_event_draft, flags, 4, uint32_t);
MEMBER(tenon_event_draft, topic, 8, tenon_str);
MEMBER(tenon_event_draft, payload, 24, tenon_bytes);
MEMBER(tenon_event_draft, content_type, 40, tenon_str);
MEMBER(tenon_event_draft, traceparent, 56, tenon_str);

GROWS(tenon_event, 88);
MEMBER(tenon_event, struct_size, 0, uint32_t);
MEMBER(tenon_event, flags, 4, uint32_t);
MEMBER(tenon_event, id, 8, uint64_t);
MEMBER(tenon_event, time_ns, 16, int64_t);
MEMBER(tenon_event, topic, 24, tenon_str);
MEMBER(tenon_event, payload, 40, tenon_bytes);
MEMBER(tenon_event, content_type, 56, tenon_str);
MEMBER(tenon_event, traceparent, 72, tenon_str);

GROWS(tenon_event_options, 24);
MEMBER(tenon_event_options, struct_size, 0, uint32_t);
MEMBER(tenon_event_options, when_full, 4, int32_t);
MEMBER(tenon_event_options, queue_events, 8, uint32_t);
MEMBER(tenon_event_options, drain, 12, uint32_t);
MEMBER(tenon_event_options, queue_bytes, 16, uint64_t);

GROWS(tenon_event_stats, 48);
MEMBER(tenon_event_stats, struct_size, 0, uint32_t);
MEMBER(tenon_event_stats, reserved, 4, uint32_t);
MEMBER(tenon_event_stats, delivered, 8, uint64_t);
MEMBER(tenon_event_stats, failed, 16, uint64_t);
MEMBER(tenon_event_stats, dropped, 24, uint64_t);
MEMBER(tenon_event_stats, queued, 32, uint64_t);
MEMBER(tenon_event_stats, queued_bytes, 40, uint64_t);

GROWS(tenon_events, 56);
MEMBER(tenon_events, struct_size, 0, uint32_t);
MEMBER(tenon_events, reserved, 4, uint32_t);
MEMBER(tenon_events, publish, 8, tenon_status (*)(tenon_ctx*, const tenon_event_draft* draft, uint64_t* out_id, tenon_error*) noexcept);
MEMBER(tenon_events, forget, 16, tenon_status (*)(tenon_ctx*, tenon_str topic, tenon_error*) noexcept);
MEMBER(tenon_events, subscribe, 24,
       tenon_status (*)(tenon_ctx*, tenon_str pattern, tenon_event_handler fn, void* data, void (*release)(void* data) noexcept,
                        const tenon_event_options* options, tenon_id* out, tenon_error*) noexcept);
MEMBER(tenon_events, unsubscribe, 32, tenon_status (*)(tenon_ctx*, tenon_id id) noexcept);
MEMBER(tenon_events, unsubscribe_wait, 40, tenon_status (*)(tenon_ctx*, tenon_id id, int64_t deadline_ns, tenon_error*) noexcept);
MEMBER(tenon_events, stats, 48, tenon_status (*)(tenon_ctx*, tenon_id id, tenon_event_stats* out) noexcept);

static_assert(same(TENON_EVENTS, "tenon.events/1"));
NUMBER(TENON_EVENT_MAX_PAYLOAD, 262144u);
NUMBER(TENON_EVENT_MAX_CONTENT_TYPE, 127u);
static_assert(same(TENON_TOPIC_MODULE_STATE, "tenon.module.state"));
static_assert(same(TENON_TOPIC_CONFIG_CHANGED, "tenon.config.changed"));
static_assert(same(TENON_TOPIC_SHUTDOWN, "tenon.shutdown"));
NUMBER(TENON_EVENT_RETAIN, 0x1u);
NUMBER(TENON_EVENT_RETAINED, 0x1u);
NUMBER(TENON_WHEN_FULL_DROP_OLDEST, 0);
NUMBER(TENON_WHEN_FULL_DROP_NEWEST, 1);
NUMBER(TENON_WHEN_FULL_REFUSE, 2);

// ---- tenon/tasks.h

GROWS(tenon_task, 56);
MEMBER(tenon_task, struct_size, 0, uint32_t);
MEMBER(tenon_task, flags, 4, uint32_t);
MEMBER(tenon_task, run, 8, tenon_task_run);
MEMBER(tenon_task, data, 16, void*);
MEMBER(tenon_task, release, 24, void (*)(void* data) noexcept);
MEMBER(tenon_task, name, 32, tenon_str);
MEMBER(tenon_task, timeout_ns, 48, int64_t);

GROWS(tenon_loop_options, 24);
MEMBER(tenon_loop_options, struct_size, 0, uint32_t);
MEMBER(tenon_loop_options, policy, 4, int32_t);
MEMBER(tenon_loop_options, backoff_ns, 8, int64_t);
MEMBER(tenon_loop_options, max_backoff_ns, 16, int64_t);

GROWS(tenon_task_status, 64);
MEMBER(tenon_task_status, struct_size, 0, uint32_t);
MEMBER(tenon_task_status, kind, 4, int32_t);
MEMBER(tenon_task_status, state, 8, int32_t);
MEMBER(tenon_task_status, health, 12, int32_t);
MEMBER(tenon_task_status, last, 16, tenon_status);
MEMBER(tenon_task_status, reserved, 20, uint32_t);
MEMBER(tenon_task_status, runs, 24, uint64_t);
MEMBER(tenon_task_status, failures, 32, uint64_t);
MEMBER(tenon_task_status, missed, 40, uint64_t);
MEMBER(tenon_task_status, restarts, 48, uint64_t);
MEMBER(tenon_task_status, next_ns, 56, int64_t);

GROWS(tenon_tasks, 72);
MEMBER(tenon_tasks, struct_size, 0, uint32_t);
MEMBER(tenon_tasks, reserved, 4, uint32_t);
MEMBER(tenon_tasks, post, 8, tenon_status (*)(tenon_ctx*, const tenon_task* task, tenon_id* out, tenon_error*) noexcept);
MEMBER(tenon_tasks, after, 16,
       tenon_status (*)(tenon_ctx*, int64_t delay_ns, const tenon_task* task, tenon_id* out, tenon_error*) noexcept);
MEMBER(tenon_tasks, every, 24,
       tenon_status (*)(tenon_ctx*, int64_t interval_ns, const tenon_task* task, tenon_id* out, tenon_error*) noexcept);
MEMBER(tenon_tasks, cron, 32,
       tenon_status (*)(tenon_ctx*, tenon_str schedule, int32_t zone, const tenon_task* task, tenon_id* out, tenon_error*) noexcept);
MEMBER(tenon_tasks, loop, 40,
       tenon_status (*)(tenon_ctx*, const tenon_task* task, const tenon_loop_options* options, tenon_id* out, tenon_error*) noexcept);
MEMBER(tenon_tasks, cancel, 48, tenon_status (*)(tenon_ctx*, tenon_id id) noexcept);
MEMBER(tenon_tasks, cancel_wait, 56, tenon_status (*)(tenon_ctx*, tenon_id id, int64_t deadline_ns, tenon_error*) noexcept);
MEMBER(tenon_tasks, status, 64, tenon_status (*)(tenon_ctx*, tenon_id id, tenon_task_status* out) noexcept);

static_assert(same(TENON_TASKS, "tenon.tasks/1"));
NUMBER(TENON_TASK_MAX_NAME, 63u);
NUMBER(TENON_ZONE_UTC, 0);
NUMBER(TENON_ZONE_LOCAL, 1);
NUMBER(TENON_LOOP_FAIL, 0);
NUMBER(TENON_LOOP_RESTART, 1);
NUMBER(TENON_LOOP_IGNORE, 2);
NUMBER(TENON_TASK_POST, 0);
NUMBER(TENON_TASK_AFTER, 1);
NUMBER(TENON_TASK_EVERY, 2);
NUMBER(TENON_TASK_CRON, 3);
NUMBER(TENON_TASK_LOOP, 4);
NUMBER(TENON_TASK_NOT_STARTED, 0);
NUMBER(TENON_TASK_WAITING, 1);
NUMBER(TENON_TASK_QUEUED, 2);
NUMBER(TENON_TASK_RUNNING, 3);
NUMBER(TENON_TASK_ENDED, 4);
NUMBER(TENON_TASK_OK, 0);
NUMBER(TENON_TASK_DEGRADED, 1);
NUMBER(TENON_TASK_FAILED, 2);

static_assert(std::is_same_v<tenon_event_handler,
                             tenon_status (*)(void* data, tenon_call* call, const tenon_event* event, tenon_error* err) noexcept>);
static_assert(std::is_same_v<tenon_task_run, tenon_status (*)(void* data, tenon_call* call, tenon_error* err) noexcept>);
// ---- tenon/services.h

static_assert(same(TENON_SERVICES, "tenon.services/1"));
NUMBER(TENON_MESSAGE_MAX, 67108864u);
NUMBER(TENON_CONTENT_TYPE_MAX, 127u);
NUMBER(TENON_METADATA_MAX, 64u);
NUMBER(TENON_METADATA_MAX_BYTES, 16384u);
NUMBER(TENON_SERVICE_OFFLOAD, 0x1u);
NUMBER(TENON_SERVICE_DEPRECATED, 0x10000u);

static_assert(std::is_same_v<tenon_service_handler, tenon_status (*)(void* data, tenon_call* call, const tenon_request* request,
                                                                     tenon_reply* reply, tenon_error* err) noexcept>);
static_assert(std::is_same_v<tenon_service_done, void (*)(void* data, tenon_id id, tenon_status status, tenon_reply* reply,
                                                          const tenon_error* error) noexcept>);

GROWS(tenon_request, 56);
MEMBER(tenon_request, struct_size, 0, uint32_t);
MEMBER(tenon_request, reserved, 4, uint32_t);
MEMBER(tenon_request, payload, 8, tenon_bytes);
MEMBER(tenon_request, content_type, 24, tenon_str);
MEMBER(tenon_request, metadata, 40, const tenon_kv*);
MEMBER(tenon_request, metadata_count, 48, size_t);

GROWS(tenon_reply, 88);
MEMBER(tenon_reply, struct_size, 0, uint32_t);
MEMBER(tenon_reply, reserved, 4, uint32_t);
MEMBER(tenon_reply, buffer, 8, uint8_t*);
MEMBER(tenon_reply, capacity, 16, size_t);
MEMBER(tenon_reply, payload, 24, tenon_blob);
MEMBER(tenon_reply, content_type, 56, tenon_str);
MEMBER(tenon_reply, metadata, 72, const tenon_kv*);
MEMBER(tenon_reply, metadata_count, 80, size_t);

GROWS(tenon_service, 48);
MEMBER(tenon_service, struct_size, 0, uint32_t);
MEMBER(tenon_service, flags, 4, uint32_t);
MEMBER(tenon_service, name, 8, tenon_str);
MEMBER(tenon_service, handle, 24, tenon_service_handler);
MEMBER(tenon_service, data, 32, void*);
MEMBER(tenon_service, release, 40, void (*)(void* data) noexcept);

GROWS(tenon_call_options, 32);
MEMBER(tenon_call_options, struct_size, 0, uint32_t);
MEMBER(tenon_call_options, reserved, 4, uint32_t);
MEMBER(tenon_call_options, deadline_ns, 8, int64_t);
MEMBER(tenon_call_options, traceparent, 16, tenon_str);

GROWS(tenon_call_info, 64);
MEMBER(tenon_call_info, struct_size, 0, uint32_t);
MEMBER(tenon_call_info, reserved, 4, uint32_t);
MEMBER(tenon_call_info, caller_generation, 8, uint64_t);
MEMBER(tenon_call_info, caller, 16, tenon_str);
MEMBER(tenon_call_info, service, 32, tenon_str);
MEMBER(tenon_call_info, traceparent, 48, tenon_str);

GROWS(tenon_services, 112);
MEMBER(tenon_services, struct_size, 0, uint32_t);
MEMBER(tenon_services, reserved, 4, uint32_t);
MEMBER(tenon_services, register_service, 8, tenon_status (*)(tenon_ctx*, const tenon_service*, tenon_id*, tenon_error*) noexcept);
MEMBER(tenon_services, unregister, 16, tenon_status (*)(tenon_ctx*, tenon_id) noexcept);
MEMBER(tenon_services, unregister_wait, 24, tenon_status (*)(tenon_ctx*, tenon_id, int64_t) noexcept);
MEMBER(tenon_services, has, 32, int32_t (*)(tenon_ctx*, tenon_str) noexcept);
MEMBER(tenon_services, resolve, 40, tenon_status (*)(tenon_ctx*, tenon_str, tenon_id*, tenon_error*) noexcept);
MEMBER(tenon_services, release_handle, 48, tenon_status (*)(tenon_ctx*, tenon_id) noexcept);
MEMBER(tenon_services, call, 56,
       tenon_status (*)(tenon_ctx*, tenon_id, const tenon_request*, tenon_reply*, const tenon_call_options*, tenon_error*) noexcept);
MEMBER(tenon_services, call_by_name, 64,
       tenon_status (*)(tenon_ctx*, tenon_str, const tenon_request*, tenon_reply*, const tenon_call_options*, tenon_error*) noexcept);
MEMBER(tenon_services, call_async, 72,
       tenon_status (*)(tenon_ctx*, tenon_id, const tenon_request*, const tenon_call_options*, tenon_service_done, void*, tenon_id*,
                        tenon_error*) noexcept);
MEMBER(tenon_services, call_async_by_name, 80,
       tenon_status (*)(tenon_ctx*, tenon_str, const tenon_request*, const tenon_call_options*, tenon_service_done, void*, tenon_id*,
                        tenon_error*) noexcept);
MEMBER(tenon_services, cancel, 88, tenon_status (*)(tenon_ctx*, tenon_id) noexcept);
MEMBER(tenon_services, complete, 96, tenon_status (*)(tenon_ctx*, tenon_id, tenon_status, const tenon_error*, tenon_reply*) noexcept);
MEMBER(tenon_services, info, 104, tenon_status (*)(tenon_call*, tenon_call_info*) noexcept);

// ---- tenon/storage.h

GROWS(tenon_value_info, 160);
MEMBER(tenon_value_info, struct_size, 0, uint32_t);
MEMBER(tenon_value_info, content_type_len, 4, uint32_t);
MEMBER(tenon_value_info, revision, 8, uint64_t);
MEMBER(tenon_value_info, expires_ns, 16, int64_t);
MEMBER(tenon_value_info, size, 24, uint64_t);
MEMBER(tenon_value_info, content_type, 32, char[128]);

GROWS(tenon_put_options, 32);
MEMBER(tenon_put_options, struct_size, 0, uint32_t);
MEMBER(tenon_put_options, reserved, 4, uint32_t);
MEMBER(tenon_put_options, content_type, 8, tenon_str);
MEMBER(tenon_put_options, ttl_ns, 24, int64_t);

GROWS(tenon_storage_op, 80);
MEMBER(tenon_storage_op, struct_size, 0, uint32_t);
MEMBER(tenon_storage_op, kind, 4, uint32_t);
MEMBER(tenon_storage_op, flags, 8, uint32_t);
MEMBER(tenon_storage_op, reserved, 12, uint32_t);
MEMBER(tenon_storage_op, expected, 16, uint64_t);
MEMBER(tenon_storage_op, key, 24, tenon_bytes);
MEMBER(tenon_storage_op, value, 40, tenon_bytes);
MEMBER(tenon_storage_op, content_type, 56, tenon_str);
MEMBER(tenon_storage_op, ttl_ns, 72, int64_t);

GROWS(tenon_storage_row, 72);
MEMBER(tenon_storage_row, struct_size, 0, uint32_t);
MEMBER(tenon_storage_row, reserved, 4, uint32_t);
MEMBER(tenon_storage_row, key, 8, tenon_bytes);
MEMBER(tenon_storage_row, value, 24, tenon_bytes);
MEMBER(tenon_storage_row, content_type, 40, tenon_str);
MEMBER(tenon_storage_row, revision, 56, uint64_t);
MEMBER(tenon_storage_row, expires_ns, 64, int64_t);

GROWS(tenon_storage_stats, 24);
MEMBER(tenon_storage_stats, struct_size, 0, uint32_t);
MEMBER(tenon_storage_stats, disk_full, 4, int32_t);
MEMBER(tenon_storage_stats, bytes, 8, uint64_t);
MEMBER(tenon_storage_stats, quota, 16, uint64_t);

GROWS(tenon_storage, 104);
MEMBER(tenon_storage, struct_size, 0, uint32_t);
MEMBER(tenon_storage, reserved, 4, uint32_t);
MEMBER(tenon_storage, open, 8, tenon_status (*)(tenon_ctx* ctx, tenon_str name, uint32_t flags, tenon_id* out, tenon_error* err) noexcept);
MEMBER(tenon_storage, get, 16,
       tenon_status (*)(tenon_ctx* ctx, tenon_id space, tenon_bytes key, uint8_t* buffer, size_t capacity, tenon_value_info* info,
                        tenon_error* err) noexcept);
MEMBER(tenon_storage, put, 24,
       tenon_status (*)(tenon_ctx* ctx, tenon_id space, tenon_bytes key, tenon_bytes value, const tenon_put_options* options,
                        uint64_t* revision, tenon_error* err) noexcept);
MEMBER(tenon_storage, erase, 32,
       tenon_status (*)(tenon_ctx* ctx, tenon_id space, tenon_bytes key, uint64_t* revision, tenon_error* err) noexcept);
MEMBER(tenon_storage, compare_and_set, 40,
       tenon_status (*)(tenon_ctx* ctx, tenon_id space, tenon_bytes key, uint64_t expected, tenon_bytes value,
                        const tenon_put_options* options, uint64_t* revision, tenon_error* err) noexcept);
MEMBER(tenon_storage, commit, 48,
       tenon_status (*)(tenon_ctx* ctx, tenon_id space, const tenon_storage_op* const* ops, size_t count, uint64_t* revision,
                        tenon_error* err) noexcept);
MEMBER(tenon_storage, commit_async, 56,
       tenon_status (*)(tenon_ctx* ctx, tenon_id space, const tenon_storage_op* const* ops, size_t count, tenon_storage_done done,
                        void* data, tenon_error* err) noexcept);
MEMBER(tenon_storage, clear, 64, tenon_status (*)(tenon_ctx* ctx, tenon_id space, uint64_t* revision, tenon_error* err) noexcept);
MEMBER(tenon_storage, scan, 72,
       tenon_status (*)(tenon_ctx* ctx, tenon_id space, tenon_bytes prefix, tenon_id* cursor, tenon_error* err) noexcept);
MEMBER(tenon_storage, next, 80,
       tenon_status (*)(tenon_ctx* ctx, tenon_id cursor, const tenon_storage_row* const** rows, size_t* count, tenon_error* err) noexcept);
MEMBER(tenon_storage, close, 88, tenon_status (*)(tenon_ctx* ctx, tenon_id cursor) noexcept);
MEMBER(tenon_storage, stats, 96, tenon_status (*)(tenon_ctx* ctx, tenon_id space, tenon_storage_stats* out, tenon_error* err) noexcept);

static_assert(
    std::is_same_v<tenon_storage_done, void (*)(void* data, tenon_status status, uint64_t revision, const tenon_error* error) noexcept>);

// ---- tenon/state.h

GROWS(tenon_state_change, 32);
MEMBER(tenon_state_change, struct_size, 0, uint32_t);
MEMBER(tenon_state_change, kind, 4, uint32_t);
MEMBER(tenon_state_change, revision, 8, uint64_t);
MEMBER(tenon_state_change, key, 16, tenon_bytes);

GROWS(tenon_state, 72);
MEMBER(tenon_state, struct_size, 0, uint32_t);
MEMBER(tenon_state, reserved, 4, uint32_t);
MEMBER(tenon_state, open, 8, tenon_status (*)(tenon_ctx* ctx, tenon_str name, tenon_id* out, tenon_error* err) noexcept);
MEMBER(tenon_state, get, 16,
       tenon_status (*)(tenon_ctx* ctx, tenon_id space, tenon_bytes key, uint8_t* buffer, size_t capacity,
                        tenon_value_info* info) noexcept);
MEMBER(tenon_state, keys, 24,
       tenon_status (*)(tenon_ctx* ctx, tenon_id space, tenon_bytes prefix, tenon_id* cursor, tenon_error* err) noexcept);
MEMBER(tenon_state, next, 32,
       tenon_status (*)(tenon_ctx* ctx, tenon_id cursor, const tenon_storage_row* const** rows, size_t* count, tenon_error* err) noexcept);
MEMBER(tenon_state, close, 40, tenon_status (*)(tenon_ctx* ctx, tenon_id cursor) noexcept);
MEMBER(tenon_state, watch, 48,
       tenon_status (*)(tenon_ctx* ctx, tenon_id space, tenon_bytes prefix, tenon_state_changed fn, void* data,
                        void (*release)(void* data) noexcept, tenon_id* out, tenon_error* err) noexcept);
MEMBER(tenon_state, unwatch, 56, tenon_status (*)(tenon_ctx* ctx, tenon_id id) noexcept);
MEMBER(tenon_state, unwatch_wait, 64, tenon_status (*)(tenon_ctx* ctx, tenon_id id, int64_t deadline_ns, tenon_error* err) noexcept);

static_assert(std::is_same_v<tenon_state_changed, tenon_status (*)(void* data, tenon_call* call, const tenon_state_change* const* changes,
                                                                   size_t count, tenon_error* err) noexcept>);

NUMBER(TENON_STORAGE_MAX_KEY, 512u);
NUMBER(TENON_STORAGE_MAX_VALUE, 1048576u);
NUMBER(TENON_STORAGE_MAX_CONTENT_TYPE, 127u);
NUMBER(TENON_STORAGE_MAX_OPS, 4096u);
NUMBER(TENON_STORAGE_MAX_TRANSACTION, 8388608u);
NUMBER(TENON_STORAGE_MAX_SPACES, 64u);
NUMBER(TENON_STORAGE_MAX_CURSORS, 64u);
NUMBER(TENON_STORAGE_ENTRY_COST, 64u);
NUMBER(TENON_STORAGE_NORMAL, 0x1u);
NUMBER(TENON_STORAGE_SECRET, 0x2u);
NUMBER(TENON_STORAGE_PUT, 1u);
NUMBER(TENON_STORAGE_ERASE, 2u);
NUMBER(TENON_STORAGE_CHECK, 3u);
NUMBER(TENON_STORAGE_EXPECT, 0x1u);
static_assert(same(TENON_STORAGE, "tenon.storage/1"));
NUMBER(TENON_STATE_MAX_SPACES, 64u);
NUMBER(TENON_STATE_MAX_CURSORS, 64u);
NUMBER(TENON_STATE_MAX_WATCHES, 64u);
NUMBER(TENON_STATE_PUT, 1u);
NUMBER(TENON_STATE_ERASED, 2u);
NUMBER(TENON_STATE_EXPIRED, 3u);
NUMBER(TENON_STATE_RESET, 4u);
static_assert(same(TENON_STATE, "tenon.state/1"));
