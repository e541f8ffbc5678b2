#define _GNU_SOURCE
#include "puppet.h"

#include <dlfcn.h>

static const puppet_hooks* hooks;
static const tenon_events* events;
static const tenon_tasks* tasks;
static puppet_api api;

static tenon_status on_event(void* data, tenon_call* call, const tenon_event* event, tenon_error* err) {
  (void)err;
  return hooks->event(data, call, event);
}
static tenon_status on_task(void* data, tenon_call* call, tenon_error* err) {
  (void)err;
  return hooks->task(data, call);
}
static void on_release(void* data) { hooks->released(data); }

static tenon_status publish(tenon_ctx* ctx, const tenon_event_draft* draft, uint64_t* id, tenon_error* err) {
  return events->publish(ctx, draft, id, err);
}
static tenon_status forget(tenon_ctx* ctx, tenon_str topic, tenon_error* err) { return events->forget(ctx, topic, err); }
static tenon_status subscribe(tenon_ctx* ctx, tenon_str pattern, void* data, const tenon_event_options* options, tenon_id* out,
                              tenon_error* err) {
  return events->subscribe(ctx, pattern, on_event, data, on_release, options, out, err);
}
static tenon_status unsubscribe(tenon_ctx* ctx, tenon_id id) { return events->unsubscribe(ctx, id); }
static tenon_status unsubscribe_wait(tenon_ctx* ctx, tenon_id id, int64_t deadline_ns, tenon_error* err) {
  return events->unsubscribe_wait(ctx, id, deadline_ns, err);
}
static tenon_status stats(tenon_ctx* ctx, tenon_id id, tenon_event_stats* out) { return events->stats(ctx, id, out); }

static tenon_status add_task(tenon_ctx* ctx, int32_t kind, int64_t number, tenon_str text, tenon_str name, int64_t timeout_ns, void* data,
                             const tenon_loop_options* options, tenon_id* out, tenon_error* err) {
  const tenon_task task = {sizeof task, 0, on_task, data, on_release, name, timeout_ns};
  switch (kind) {
    case TENON_TASK_POST:
      return tasks->post(ctx, &task, out, err);
    case TENON_TASK_AFTER:
      return tasks->after(ctx, number, &task, out, err);
    case TENON_TASK_EVERY:
      return tasks->every(ctx, number, &task, out, err);
    case TENON_TASK_CRON:
      return tasks->cron(ctx, text, (int32_t)number, &task, out, err);
    default:
      return tasks->loop(ctx, &task, options, out, err);
  }
}
static tenon_status cancel(tenon_ctx* ctx, tenon_id id) { return tasks->cancel(ctx, id); }
static tenon_status cancel_wait(tenon_ctx* ctx, tenon_id id, int64_t deadline_ns, tenon_error* err) {
  return tasks->cancel_wait(ctx, id, deadline_ns, err);
}
static tenon_status task_status(tenon_ctx* ctx, tenon_id id, tenon_task_status* out) { return tasks->status(ctx, id, out); }

static tenon_status create(tenon_ctx* ctx, tenon_call* call, void** self, tenon_error* err) {
  (void)call, (void)err;
  hooks = (const puppet_hooks*)dlsym(RTLD_DEFAULT, "tenon_puppet_hooks");
  events = (const tenon_events*)ctx->host->query(ctx, TENON_STR(TENON_EVENTS));
  tasks = (const tenon_tasks*)ctx->host->query(ctx, TENON_STR(TENON_TASKS));
  api.calls = (const tenon_calls*)ctx->host->query(ctx, TENON_STR(TENON_CALLS));
  if (hooks == NULL || events == NULL || tasks == NULL || api.calls == NULL) return TENON_UNAVAILABLE;
  api.ctx = ctx;
  api.publish = publish;
  api.forget = forget;
  api.subscribe = subscribe;
  api.unsubscribe = unsubscribe;
  api.unsubscribe_wait = unsubscribe_wait;
  api.stats = stats;
  api.add_task = add_task;
  api.cancel = cancel;
  api.cancel_wait = cancel_wait;
  api.task_status = task_status;
  *self = &api;
  hooks->created(hooks->test, &api);
  return TENON_OK;
}
static tenon_status init(void* self, tenon_call* call, tenon_error* err) {
  (void)self, (void)call, (void)err;
  return hooks->init(hooks->test);
}
static tenon_status start(void* self, tenon_call* call, tenon_error* err) {
  (void)self, (void)call, (void)err;
  return TENON_OK;
}
static tenon_status stop(void* self, tenon_call* call, tenon_error* err) {
  (void)self, (void)call, (void)err;
  return hooks->stop(hooks->test);
}
static void destroy(void* self) { (void)self; }

TENON_NEED(needs_calls, TENON_CALLS, tenon_calls, on_cancel);
TENON_NEED(needs_events, TENON_EVENTS, tenon_events, stats);
TENON_NEED(needs_tasks, TENON_TASKS, tenon_tasks, status);
static const tenon_need* const needs[] = {&needs_calls, &needs_events, &needs_tasks};
static const tenon_lifecycle lifecycle = {sizeof lifecycle, 0, create, NULL, init, NULL, start, stop, destroy};

#ifndef PUPPET_FLAGS
#define PUPPET_FLAGS 0
#endif
static const tenon_module puppet = {sizeof puppet, PUPPET_FLAGS, TENON_STR_INIT("puppet"), TENON_STR_INIT("1.0.0"), needs, 3,
                                    &lifecycle,    NULL};
TENON_ENTRY(puppet);
