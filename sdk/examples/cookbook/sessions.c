/* Entries with a time to live: written to storage, read from the state (memory: no disk, no lock, no allocation). */
#include <stdlib.h>
#include <tenon/events.h>
#include <tenon/state.h>

typedef struct sessions {
  tenon_ctx* ctx;
  const tenon_events* events;
  const tenon_storage* storage;
  const tenon_state* state;
  tenon_id disk, memory; /* one namespace, opened at both interfaces */
} sessions;

/* The payload is the session's key: the first event makes it, further ones within 30 seconds find it. One at a time, on a worker. */
static tenon_status seen(void* data, tenon_call* call, const tenon_event* event, tenon_error* err) {
  const sessions* self = data;
  const tenon_put_options options = {.struct_size = sizeof options, .ttl_ns = INT64_C(30000000000)};
  uint8_t value[16];
  (void)call;
  switch (self->state->get(self->ctx, self->memory, event->payload, value, sizeof value, NULL)) {
    case TENON_OK:
      return TENON_OK;
    case TENON_NOT_FOUND: /* not there, or its time is over */
      return self->storage->put(self->ctx, self->disk, event->payload, TENON_BYTES("new"), &options, NULL, err);
    default:
      return TENON_INTERNAL;
  }
}

static tenon_status create(tenon_ctx* ctx, tenon_call* call, void** self, tenon_error* err) {
  sessions* s = calloc(1, sizeof *s);
  (void)call, (void)err;
  if (s == NULL) return TENON_RESOURCE_EXHAUSTED;
  s->ctx = ctx;
  s->events = ctx->host->query(ctx, TENON_STR(TENON_EVENTS));
  s->storage = ctx->host->query(ctx, TENON_STR(TENON_STORAGE));
  s->state = ctx->host->query(ctx, TENON_STR(TENON_STATE));
  *self = s;
  return TENON_OK;
}
static tenon_status init(void* self, tenon_call* call, tenon_error* err) {
  sessions* s = self;
  tenon_id id = 0; /* for unsubscribe; the host does it in the end */
  tenon_status status = s->storage->open(s->ctx, TENON_STR("sessions"), 0, &s->disk, err);
  (void)call;
  if (status == TENON_OK) status = s->state->open(s->ctx, TENON_STR("sessions"), &s->memory, err);
  if (status == TENON_OK) status = s->events->subscribe(s->ctx, TENON_STR("sessions.seen"), seen, s, NULL, NULL, &id, err);
  return status;
}
static void destroy(void* self) { free(self); }

TENON_NEED(needs_events, TENON_EVENTS, tenon_events, subscribe);
TENON_NEED(needs_storage, TENON_STORAGE, tenon_storage, put);
TENON_NEED(needs_state, TENON_STATE, tenon_state, get);
static const tenon_need* const needs[] = {&needs_events, &needs_storage, &needs_state};
static const tenon_lifecycle lifecycle = {.struct_size = sizeof lifecycle, .create = create, .init = init, .destroy = destroy};
static const tenon_module module = {.struct_size = sizeof module,
                                    .name = TENON_STR_INIT(TENON_MODULE_NAME),
                                    .version = TENON_STR_INIT(TENON_MODULE_VERSION),
                                    .needs = needs,
                                    .need_count = 3,
                                    .lifecycle = &lifecycle};
TENON_ENTRY(module);
