/* tenon/log_sink.h - every record the host writes, as it is written. RuntimeModules only: for a plugin query() gives NULL.
 *
 * Records come in the order of their sequence numbers, which have no gaps per attachment: what was logged before attach() is replayed
 * from the host's early buffer first. */
#ifndef TENON_LOG_SINK_H
#define TENON_LOG_SINK_H
#include "tenon/core.h"
#ifdef __cplusplus
extern "C" {
#endif

#define TENON_LOG_SINK "tenon.log_sink/1"

typedef struct tenon_log_record {
  uint32_t struct_size;
  int32_t level;      /* TENON_LEVEL_* */
  uint64_t seq;       /* from 1, per process */
  int64_t time_ns;    /* CLOCK_REALTIME */
  uint64_t call_id;   /* 0 = none */
  uint64_t thread_id; /* gettid() */
  tenon_str module;   /* "host" for the host's own */
  tenon_str phase;    /* "init", "run"; empty for the host's own */
  tenon_str message;
  const tenon_kv* kv;
  size_t kv_count;
} tenon_log_record;

typedef void (*tenon_log_emit)(void* emit_data, const tenon_log_record* record) TENON_NOEXCEPT;

typedef struct tenon_log_receiver {
  uint32_t struct_size;
  uint32_t reserved;
  /* One record, on the thread that logs, one at a time. Must be quick and must not log. The record is borrowed. [any] */
  void (*record)(void* data, const tenon_log_record* record) TENON_NOEXCEPT;
  /* Emits the last `count` records kept, oldest first: what SIGQUIT prints. May be NULL. [any] */
  void (*dump)(void* data, size_t count, tenon_log_emit emit, void* emit_data) TENON_NOEXCEPT;
} tenon_log_receiver;

typedef struct tenon_log_sink {
  uint32_t struct_size;
  uint32_t reserved;
  /* In create, pre_init or init; one per instance. Detached by the host after stop, at the latest; then release(data). [control] */
  tenon_status (*attach)(tenon_ctx*, const tenon_log_receiver* receiver, void* data, void (*release)(void* data) TENON_NOEXCEPT,
                         tenon_id* out, tenon_error*) TENON_NOEXCEPT;
  tenon_status (*detach)(tenon_ctx*, tenon_id id) TENON_NOEXCEPT; /* nothing new after it returned. [any] */
} tenon_log_sink;

#ifdef __cplusplus
}
#endif
#endif /* TENON_LOG_SINK_H */
