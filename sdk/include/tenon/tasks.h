/* tenon/tasks.h - what a module wants run later, again and again, at times of day, at once, or for as long as it lives.
 *
 * Handlers run on workers of the host, loops on threads of their own; inside the module's gate, without any lock, never two of one task at a time.
 * The call carries deadline and cancellation (tenon/calls.h). What a handler returns is counted; anything but OK is logged at most once per second
 * and task. PENDING is not allowed.
 *
 * Usable in every phase. What is registered before start has returned OK or PENDING waits until then, and its time counts from then. When the
 * module leaves, everything is cancelled, what runs is waited for, and each release(data) is called. Times are CLOCK_MONOTONIC nanoseconds;
 * only cron goes by the wall clock.
 *
 * Health: a loop that has ended by itself makes its module `degraded` (policy RESTART, while it waits for its restart) or `unhealthy` (policy FAIL)
 * in the host's health; cancelled ones and other tasks do not count. The operator's `modules.<module>.loops.<name>` wins over the policy that is
 * passed; `"*"` there means every loop that is not named. */
#ifndef TENON_TASKS_H
#define TENON_TASKS_H
#include "tenon/core.h"
#ifdef __cplusplus
extern "C" {
#endif

#define TENON_TASKS "tenon.tasks/1"

#define TENON_TASK_MAX_NAME 63u

/* [worker] */
typedef tenon_status (*tenon_task_run)(void* data, tenon_call* call, tenon_error* err) TENON_NOEXCEPT;

typedef struct tenon_task {
  uint32_t struct_size;
  uint32_t flags; /* 0 */
  tenon_task_run run;
  void* data;
  /* Exactly once, after the last run, on a thread of the host; not if the registration failed. May be NULL. [worker] */
  void (*release)(void* data) TENON_NOEXCEPT;
  tenon_str name; /* for people, at most TENON_TASK_MAX_NAME bytes; may be empty */
  int64_t
      timeout_ns; /* deadline of a run, from its beginning; 0 = 60 s. A run that is over it is not stopped, but its worker is replaced. Not for loops */
} tenon_task;

/* The clock a schedule is read by. */
#define TENON_ZONE_UTC 0
#define TENON_ZONE_LOCAL 1 /* the host's: TZ, /etc/localtime */

/* What becomes of a loop that ends by itself, whatever it returns, unless the operator decides otherwise. */
#define TENON_LOOP_FAIL 0    /* it stays ended, and the module is unhealthy */
#define TENON_LOOP_RESTART 1 /* it begins again after a pause that doubles; degraded meanwhile */
#define TENON_LOOP_IGNORE 2  /* it stays ended; health is not concerned */
typedef struct tenon_loop_options {
  uint32_t struct_size;
  int32_t policy;
  int64_t backoff_ns;     /* first pause, at least 1 ms; 0 = 1 s */
  int64_t max_backoff_ns; /* longest pause; 0 = 60 s. A loop that ran longer than this begins with the first again */
} tenon_loop_options;

#define TENON_TASK_POST 0
#define TENON_TASK_AFTER 1
#define TENON_TASK_EVERY 2
#define TENON_TASK_CRON 3
#define TENON_TASK_LOOP 4

#define TENON_TASK_NOT_STARTED 0 /* waits for the module's start */
#define TENON_TASK_WAITING 1     /* for its time, or a loop for its restart */
#define TENON_TASK_QUEUED 2      /* for a worker */
#define TENON_TASK_RUNNING 3
#define TENON_TASK_ENDED 4 /* a loop that ended by itself; or cancelled, and release is still to come */

#define TENON_TASK_OK 0
#define TENON_TASK_DEGRADED 1
#define TENON_TASK_FAILED 2

typedef struct tenon_task_status {
  uint32_t struct_size;
  int32_t kind, state;
  int32_t health;    /* of loops; others are always OK */
  tenon_status last; /* what the last run returned */
  uint32_t reserved;
  uint64_t runs, failures;
  uint64_t missed; /* due times without a run: the one before had not ended, the clock jumped, or no worker could be had */
  uint64_t restarts;
  int64_t next_ns; /* while WAITING: CLOCK_MONOTONIC, for cron CLOCK_REALTIME; else INT64_MAX */
} tenon_task_status;

/* Errors of all that register: INVALID_ARGUMENT; RESOURCE_EXHAUSTED `TOO_MANY` beyond 1024 tasks per module, and `NO_MEMORY`; UNAVAILABLE (the module is
 * leaving). Of what fails nothing remains, data is still the caller's. out and err may be NULL; *out is there before run or release can be called. */
typedef struct tenon_tasks {
  uint32_t struct_size;
  uint32_t reserved;
  /* Once, as soon as a worker is free. RESOURCE_EXHAUSTED too if the module holds all workers it may have, or 4096 of its jobs wait. [any] */
  tenon_status (*post)(tenon_ctx*, const tenon_task* task, tenon_id* out, tenon_error*) TENON_NOEXCEPT;
  /* Once, after a delay of at least 0. [any] */
  tenon_status (*after)(tenon_ctx*, int64_t delay_ns, const tenon_task* task, tenon_id* out, tenon_error*) TENON_NOEXCEPT;
  /* At every multiple of the interval, at least 1 ms, after the registration. A time at which the last run has not ended is missed: counted, not
   * made up. [any] */
  tenon_status (*every)(tenon_ctx*, int64_t interval_ns, const tenon_task* task, tenon_id* out, tenon_error*) TENON_NOEXCEPT;
  /* Whenever the wall clock is due: `minute hour day-of-month month day-of-week` as in cron(8), or @hourly @daily @weekly @monthly @yearly. Fields are
   * lists of `*`, values, ranges, and ranges with a step (star/n, a-b/n); months and days of the week may be names (JAN, mon). A step is at most
   * b - a, one more for a star in a day field: a longer one is refused, as it would only hit the first value. If neither day field begins with a
   * star, a day matches that fits one of them. A wrong schedule is INVALID_ARGUMENT `BAD_SCHEDULE`, saying where.
   * Changes to and from daylight saving time: a schedule for every hour goes by elapsed time. Any other names times of day: one that is skipped runs once at the first
   * instant after the gap, one that comes twice runs the first time only. A clock that is set by up to three hours counts as the same clock: what it jumped over runs
   * once, what has run does not run again. [any] */
  tenon_status (*cron)(tenon_ctx*, tenon_str schedule, int32_t zone, const tenon_task* task, tenon_id* out, tenon_error*) TENON_NOEXCEPT;
  /* A background loop on a thread of its own: run() goes on until its call is cancelled (tenon_calls.wait is the sleep for it). At most 16 per module:
   * RESOURCE_EXHAUSTED `TOO_MANY_LOOPS`. FAILED_PRECONDITION `SERIAL` for a TENON_SERIAL module: a loop would never let another callback
   * in. options may be NULL. [any] */
  tenon_status (*loop)(tenon_ctx*, const tenon_task* task, const tenon_loop_options* options, tenon_id* out, tenon_error*) TENON_NOEXCEPT;
  /* No run begins after it returned; one that is running is cancelled. Fine within run(). NOT_FOUND: a task that is over, or another module's. [any] */
  tenon_status (*cancel)(tenon_ctx*, tenon_id id) TENON_NOEXCEPT;
  /* The same, and waits until release(data) has returned, at most until deadline_ns (CLOCK_MONOTONIC): DEADLINE_EXCEEDED `STILL_RUNNING`, and it is cancelled all
   * the same. FAILED_PRECONDITION, and nothing changed: `INSIDE_HANDLER` within its own run or release, `SERIAL` within any [control] or
   * [worker] callback of a TENON_SERIAL module, which would wait for itself. [control][worker] */
  tenon_status (*cancel_wait)(tenon_ctx*, tenon_id id, int64_t deadline_ns, tenon_error*) TENON_NOEXCEPT;
  /* The caller sets out->struct_size. NOT_FOUND as in cancel. [any] */
  tenon_status (*status)(tenon_ctx*, tenon_id id, tenon_task_status* out) TENON_NOEXCEPT;
} tenon_tasks;

#ifdef __cplusplus
}
#endif
#endif /* TENON_TASKS_H */
