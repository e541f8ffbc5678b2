/* tenon/health.h - checks a module offers the host: does it work, now? Capability `health`: tenon_module.query("tenon.health/1") gives a tenon_health.
 *
 * The host asks each check on a worker: the first time as soon as the module is started, then every `interval_ns` after the last answer, and keeps the answer for
 * whoever wants to know. Asking therefore costs nothing and never waits. A check that misses its deadline is unhealthy, and is not asked
 * again before it has returned. A check is unknown until its first answer.
 *  - A required check that is not healthy: the host is not ready (it should get no work). Unknown counts as not ready, too, during startup.
 *  - An optional check that is unhealthy: the host is degraded, but ready.
 *  - Liveness is the host's own: no check of a module gets it restarted. */
#ifndef TENON_HEALTH_H
#define TENON_HEALTH_H
#include "tenon/core.h"
#ifdef __cplusplus
extern "C" {
#endif

#define TENON_HEALTH "tenon.health/1"

typedef struct tenon_health_check {
  uint32_t struct_size;
  uint32_t required;   /* 1: without it the module is of no use; 0: it only works worse */
  int64_t timeout_ns;  /* deadline of one answer, 1 ms to 60 s; 0 = 5 s */
  int64_t interval_ns; /* pause between two, 100 ms to 1 h; 0 = 10 s */
  tenon_str name;      /* one word [A-Za-z0-9_-]+ of at most 63 bytes, unlike the module's other checks' */
  /* OK = healthy. Anything else is unhealthy; err says why, for people. PENDING is not allowed. [worker] */
  tenon_status (*check)(void* self, tenon_call* call, tenon_error* err) TENON_NOEXCEPT;
} tenon_health_check;

/* Constant data, read once before create. At most 64 checks. */
typedef struct tenon_health {
  uint32_t struct_size;
  uint32_t reserved;
  const tenon_health_check* const* checks;
  size_t check_count;
} tenon_health;

#ifdef __cplusplus
}
#endif
#endif /* TENON_HEALTH_H */
