/* tenon/log_sink.h - every record the host writes, as it is written, and the levels that decide which. RuntimeModules only: for a plugin query()
 * gives NULL.
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

#define TENON_LEVEL_DEFAULT (-1) /* set_level: no level of its own */

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
  /* The least level that lines of `name` need to be written, one of TENON_LEVEL_*: of a module, of "host" for the host's own lines, or of "" for all that
   * have no level of their own. NOT_FOUND `NO_MODULE`: no module of that name has been loaded. [any] */
  tenon_status (*level)(tenon_ctx*, tenon_str name, int32_t* out, tenon_error*) TENON_NOEXCEPT;
  /* Sets it, for all lines from now on, until the process ends. A level between the named ones counts as the next lower one. TENON_LEVEL_DEFAULT takes it
   * back: a module then has the level of "", and "" that of the configuration. What the operator's configuration gives a level to (`log.level`,
   * `log.modules`) has that one again after a reload. NOT_FOUND `NO_MODULE`; INVALID_ARGUMENT `LEVEL` below TENON_LEVEL_TRACE or above
   * TENON_LEVEL_FATAL. [any] */
  tenon_status (*set_level)(tenon_ctx*, tenon_str name, int32_t level, tenon_error*) TENON_NOEXCEPT;
} tenon_log_sink;

#ifdef __cplusplus
}
#endif
#endif /* TENON_LOG_SINK_H */
