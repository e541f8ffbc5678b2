/* hello: a module in C. Its start answers later (PENDING), its thread greets at an interval that may change while it runs, and its stop
 * returns as soon as that thread has ended, at the latest at its deadline. */
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "tenon/calls.h"
#include "tenon/config.h"
#include "tenon/core.h"
#include "tenon/log.h"

#define GREETING_MAX 200u
#define SHORTEST_INTERVAL_NS INT64_C(1000000)

struct hello {
  tenon_ctx* ctx;
  const tenon_log* log;
  const tenon_config* config;
  const tenon_calls* calls;
  int64_t start_delay_ns;
  tenon_id start_id; /* the deferred start; the thread completes it */

  pthread_t thread;
  int has_thread;
  pthread_mutex_t mutex; /* guards what follows */
  pthread_cond_t changed;
  int stopping, ended;
  int64_t interval_ns;
  uint64_t config_version; /* so that the thread starts a new interval at once */
  char greeting[GREETING_MAX + 1];
};

static int64_t now_ns(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static struct timespec to_timespec(int64_t ns) {
  struct timespec t;
  t.tv_sec = (time_t)(ns / 1000000000);
  t.tv_nsec = (long)(ns % 1000000000);
  return t;
}

static int64_t after(int64_t now, int64_t delay) { return delay > INT64_MAX - now ? INT64_MAX : now + delay; }

static tenon_status fail(tenon_error* err, tenon_status status, const char* reason, const char* message, int sys_errno) {
  if (err != NULL && err->struct_size >= sizeof *err) {
    err->status = status;
    err->sys_errno = sys_errno;
    snprintf(err->reason, sizeof err->reason, "%s", reason);
    const int n = snprintf(err->message, sizeof err->message, "%s", message);
    err->message_len = n < (int)sizeof err->message ? (uint32_t)n : (uint32_t)sizeof err->message - 1;
  }
  return status;
}

/* Takes over greeting and interval; nothing changes unless both are good. */
static tenon_status read_live_config(struct hello* h, tenon_error* err) {
  tenon_str greeting = {NULL, 0};
  int64_t interval = 0;
  tenon_status status = h->config->require_str(h->ctx, TENON_STR("greeting"), &greeting, err);
  if (status == TENON_OK) status = h->config->require_duration(h->ctx, TENON_STR("interval"), &interval, err);
  if (status != TENON_OK) return status;
  /* maxLength in the schema counts characters: 200 of them may take 800 bytes. */
  if (greeting.len > GREETING_MAX) return fail(err, TENON_INVALID_ARGUMENT, "TOO_LONG", "`greeting` has more than 200 bytes", 0);
  if (interval < SHORTEST_INTERVAL_NS) return fail(err, TENON_INVALID_ARGUMENT, "TOO_SHORT", "`interval` is below 1ms", 0);
  pthread_mutex_lock(&h->mutex);
  if (greeting.len != 0) memcpy(h->greeting, greeting.ptr, greeting.len);
  h->greeting[greeting.len] = '\0';
  h->interval_ns = interval;
  ++h->config_version;
  pthread_cond_signal(&h->changed);
  pthread_mutex_unlock(&h->mutex);
  return TENON_OK;
}

static tenon_status on_change(void* data, tenon_call* call, tenon_str path, tenon_error* err) {
  (void)call;
  (void)path;
  return read_live_config(data, err);
}

static void destroy(void* self) {
  struct hello* h = self;
  /* Stop could not wait for the thread, which may be blocked in the host, for instance in a log write to a full disk. It uses `h` when it
   * comes back, so `h` is left to it for ever: a leak of a few hundred bytes is harmless, memory freed under a running thread is not. */
  if (h->has_thread) return;
  pthread_cond_destroy(&h->changed);
  pthread_mutex_destroy(&h->mutex);
  free(h);
}

static tenon_status create(tenon_ctx* ctx, tenon_call* call, void** self, tenon_error* err) {
  (void)call;
  struct hello* h = calloc(1, sizeof *h);
  if (h == NULL) return fail(err, TENON_RESOURCE_EXHAUSTED, "NO_MEMORY", "no memory for the instance", ENOMEM);
  h->ctx = ctx;
  h->log = ctx->host->query(ctx, TENON_STR(TENON_LOG));
  h->config = ctx->host->query(ctx, TENON_STR(TENON_CONFIG));
  h->calls = ctx->host->query(ctx, TENON_STR(TENON_CALLS));
  pthread_mutex_init(&h->mutex, NULL);
  pthread_condattr_t attributes;
  pthread_condattr_init(&attributes);
  pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC); /* a wall clock that is set must not stretch an interval */
  pthread_cond_init(&h->changed, &attributes);
  pthread_condattr_destroy(&attributes);

  tenon_status status = h->config->require_duration(ctx, TENON_STR("start_delay"), &h->start_delay_ns, err);
  if (status == TENON_OK) status = read_live_config(h, err);
  if (status != TENON_OK) {
    destroy(h);
    return status;
  }
  *self = h;
  return TENON_OK;
}

static tenon_status init(void* self, tenon_call* call, tenon_error* err) {
  (void)call;
  struct hello* h = self;
  tenon_id id = 0;
  tenon_status status = h->config->on_change(h->ctx, TENON_STR("greeting"), on_change, h, NULL, &id, err);
  if (status == TENON_OK) status = h->config->on_change(h->ctx, TENON_STR("interval"), on_change, h, NULL, &id, err);
  return status;
}

/* Waits with the mutex held until `until`, stop, or (if wanted) a new configuration. */
static void wait_until(struct hello* h, int64_t until, const uint64_t* version) {
  const struct timespec t = to_timespec(until);
  int timed_out = 0;
  while (!h->stopping && !timed_out && (version == NULL || *version == h->config_version)) {
    timed_out = pthread_cond_timedwait(&h->changed, &h->mutex, &t) == ETIMEDOUT;
  }
}

static void say(const struct hello* h, const char* greeting, uint64_t count) {
  if (!TENON_LOG_ENABLED(h->log, TENON_LEVEL_INFO)) return;
  char number[24];
  const int n = snprintf(number, sizeof number, "%llu", (unsigned long long)count);
  const tenon_kv kv[] = {{TENON_STR_INIT("greeting"), {greeting, strlen(greeting)}}, {TENON_STR_INIT("count"), {number, (size_t)n}}};
  h->log->write(h->ctx, TENON_LEVEL_INFO, TENON_STR("greeting"), kv, sizeof kv / sizeof *kv);
}

static void* run(void* self) {
  struct hello* h = self;
  pthread_mutex_lock(&h->mutex);
  wait_until(h, after(now_ns(), h->start_delay_ns), NULL);
  const int stopped_before_start = h->stopping;
  pthread_mutex_unlock(&h->mutex);
  const tenon_status started = stopped_before_start ? TENON_CANCELLED : TENON_OK;
  const struct timespec pause = {0, 10 * 1000 * 1000};
  /* RESOURCE_EXHAUSTED: there was no memory for it, and the call is still open. */
  while (h->calls->complete(h->ctx, h->start_id, started, NULL, NULL) == TENON_RESOURCE_EXHAUSTED) nanosleep(&pause, NULL);

  pthread_mutex_lock(&h->mutex);
  for (uint64_t count = 1; !h->stopping; ++count) {
    char greeting[sizeof h->greeting];
    memcpy(greeting, h->greeting, sizeof greeting);
    const uint64_t version = h->config_version;
    const int64_t next = after(now_ns(), h->interval_ns);
    pthread_mutex_unlock(&h->mutex); /* never log with a lock held */
    say(h, greeting, count);
    pthread_mutex_lock(&h->mutex);
    wait_until(h, next, &version);
  }
  h->ended = 1;
  pthread_cond_broadcast(&h->changed);
  pthread_mutex_unlock(&h->mutex);
  return NULL;
}

static tenon_status start(void* self, tenon_call* call, tenon_error* err) {
  struct hello* h = self;
  const tenon_status status = h->calls->defer(call, &h->start_id);
  if (status != TENON_OK) return fail(err, status, "DEFER", "start cannot be deferred", 0);
  const int error = pthread_create(&h->thread, NULL, run, h);
  if (error != 0) return fail(err, TENON_RESOURCE_EXHAUSTED, "NO_THREAD", "cannot start the thread", error);
  h->has_thread = 1;
  return TENON_PENDING;
}

static tenon_status stop(void* self, tenon_call* call, tenon_error* err) {
  struct hello* h = self;
  if (!h->has_thread) return TENON_OK;
  pthread_mutex_lock(&h->mutex);
  h->stopping = 1;
  pthread_cond_broadcast(&h->changed);
  const struct timespec deadline = to_timespec(h->calls->deadline_ns(call));
  int timed_out = 0;
  while (!h->ended && !timed_out) timed_out = pthread_cond_timedwait(&h->changed, &h->mutex, &deadline) == ETIMEDOUT;
  const int ended = h->ended;
  pthread_mutex_unlock(&h->mutex);
  if (!ended) return fail(err, TENON_DEADLINE_EXCEEDED, "THREAD_RUNS", "the thread did not end in time", 0);
  pthread_join(h->thread, NULL); /* it has nothing left to do but to return */
  h->has_thread = 0;             /* so destroy may free */
  return TENON_OK;
}

static const tenon_lifecycle lifecycle = {
    .struct_size = sizeof(tenon_lifecycle),
    .create = create,
    .init = init,
    .start = start,
    .stop = stop,
    .destroy = destroy,
};

TENON_NEED(needs_log, TENON_LOG, tenon_log, write);
TENON_NEED(needs_config, TENON_CONFIG, tenon_config, on_change);
TENON_NEED(needs_calls, TENON_CALLS, tenon_calls, complete);
static const tenon_need* const needs[] = {&needs_log, &needs_config, &needs_calls};

static const tenon_module hello = {
    .struct_size = sizeof(tenon_module),
    .name = TENON_STR_INIT(TENON_MODULE_NAME),
    .version = TENON_STR_INIT(TENON_MODULE_VERSION),
    .needs = needs,
    .need_count = sizeof needs / sizeof *needs,
    .lifecycle = &lifecycle,
};
TENON_ENTRY(hello);
