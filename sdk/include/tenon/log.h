/* tenon/log.h - structured log lines: level, message, key/values.
 *
 * The host adds time, sequence number, module, phase, the id of a call that is known by one (asynchronous, offloaded, deferred), and, as a last pair
 * `tenon.trace_id`, the trace of the call or event that is handled. Lines are written before write() returns, or dropped and counted when
 * the module exceeds its rate (operator's `log.rate`); drops are reported once per second. Text that is not UTF-8, and control
 * characters, are escaped. Usable in every phase, from create until destroy has returned, and from the module's own threads. */
#ifndef TENON_LOG_H
#define TENON_LOG_H
#include "tenon/core.h"
#ifdef __cplusplus
extern "C" {
#endif

#define TENON_LOG "tenon.log/1"

#define TENON_LEVEL_TRACE 0
#define TENON_LEVEL_DEBUG 10
#define TENON_LEVEL_INFO 20
#define TENON_LEVEL_WARN 30
#define TENON_LEVEL_ERROR 40
#define TENON_LEVEL_FATAL 50 /* a level only: the host does not stop because of it */

#define TENON_LOG_MAX_KV 64u       /* further pairs are dropped and counted in the line */
#define TENON_LOG_MAX_BYTES 16384u /* of message plus pairs; the rest is cut */

typedef struct tenon_log {
  uint32_t struct_size;
  /* Lines below it are discarded: do not even format them. The host changes it at run time: read it with TENON_LOG_ENABLED. */
  int32_t min_level;
  /* Never fails. Levels between the named ones count as the next lower name. kv may be NULL if n is 0. [any] */
  void (*write)(tenon_ctx* ctx, int32_t level, tenon_str message, const tenon_kv* kv, size_t n) TENON_NOEXCEPT;
} tenon_log;

/* True if a line of this level would be kept. One relaxed load. */
#define TENON_LOG_ENABLED(table, level) ((level) >= __atomic_load_n(&(table)->min_level, __ATOMIC_RELAXED))

#ifdef __cplusplus
}
#endif
#endif /* TENON_LOG_H */
