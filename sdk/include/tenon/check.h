/* tenon/check.h - assertions about the host's rules, for debug builds of modules and for wrappers. Optional by nature. */
#ifndef TENON_CHECK_H
#define TENON_CHECK_H
#include "tenon/core.h"
#ifdef __cplusplus
extern "C" {
#endif

#define TENON_CHECK "tenon.check/1"

#define TENON_THREAD_OTHER 0   /* not inside a callback of this instance: a thread of its own, or of another module */
#define TENON_THREAD_CONTROL 1 /* inside a [control] callback of this instance */
#define TENON_THREAD_WORKER 2  /* inside a [worker] callback of this instance */

#define TENON_PHASE_NONE 0
#define TENON_PHASE_CREATE 1
#define TENON_PHASE_PRE_INIT 2
#define TENON_PHASE_INIT 3
#define TENON_PHASE_POST_INIT 4
#define TENON_PHASE_START 5
#define TENON_PHASE_RUN 6 /* start was called and has not failed */
#define TENON_PHASE_STOP 7
#define TENON_PHASE_DESTROY 8

typedef struct tenon_check {
  uint32_t struct_size;
  uint32_t reserved;
  int32_t (*thread)(tenon_ctx* ctx) TENON_NOEXCEPT; /* TENON_THREAD_*, of the calling thread. [any] */
  int32_t (*phase)(tenon_ctx* ctx) TENON_NOEXCEPT;  /* TENON_PHASE_*, of the instance. [any] */
  /* Logs that the module broke one of its own rules: `rule` is UPPER_SNAKE, `message` one sentence. Goes on. [any] */
  void (*violation)(tenon_ctx* ctx, tenon_str rule, tenon_str message) TENON_NOEXCEPT;
} tenon_check;

#ifdef __cplusplus
}
#endif
#endif /* TENON_CHECK_H */
