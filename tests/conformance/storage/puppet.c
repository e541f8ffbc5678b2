#include "puppet.h"

#include <stdlib.h>

#include "tenon/calls.h"

static tenon_ctx* own;
static const tenon_storage* storage;
static const tenon_state* state;
static const tenon_calls* calls;

static tenon_status open_storage(tenon_ctx* c, tenon_str name, uint32_t flags, tenon_id* out, tenon_error* e) {
  (void)c;
  return storage->open(own, name, flags, out, e);
}
static tenon_status get(tenon_ctx* c, tenon_id s, tenon_bytes key, uint8_t* buffer, size_t n, tenon_value_info* info, tenon_error* e) {
  (void)c;
  return storage->get(own, s, key, buffer, n, info, e);
}
static tenon_status put(tenon_ctx* c, tenon_id s, tenon_bytes key, tenon_bytes value, const tenon_put_options* o, uint64_t* r,
                        tenon_error* e) {
  (void)c;
  return storage->put(own, s, key, value, o, r, e);
}
static tenon_status erase(tenon_ctx* c, tenon_id s, tenon_bytes key, uint64_t* r, tenon_error* e) {
  (void)c;
  return storage->erase(own, s, key, r, e);
}
static tenon_status compare_and_set(tenon_ctx* c, tenon_id s, tenon_bytes key, uint64_t expected, tenon_bytes value,
                                    const tenon_put_options* o, uint64_t* r, tenon_error* e) {
  (void)c;
  return storage->compare_and_set(own, s, key, expected, value, o, r, e);
}
static tenon_status commit(tenon_ctx* c, tenon_id s, const tenon_storage_op* const* ops, size_t n, uint64_t* r, tenon_error* e) {
  (void)c;
  return storage->commit(own, s, ops, n, r, e);
}
static void on_done(void* data, tenon_status status, uint64_t revision, const tenon_error* error) {
  const puppet_done* done = data;
  done->done(done->data, status, revision, error);
}
static tenon_status commit_async(tenon_ctx* c, tenon_id s, const tenon_storage_op* const* ops, size_t n, tenon_storage_done done,
                                 void* data, tenon_error* e) {
  (void)c;
  return storage->commit_async(own, s, ops, n, done != NULL ? on_done : NULL, data, e);
}
static tenon_status clear(tenon_ctx* c, tenon_id s, uint64_t* r, tenon_error* e) {
  (void)c;
  return storage->clear(own, s, r, e);
}
static tenon_status scan(tenon_ctx* c, tenon_id s, tenon_bytes prefix, tenon_id* out, tenon_error* e) {
  (void)c;
  return storage->scan(own, s, prefix, out, e);
}
static tenon_status next(tenon_ctx* c, tenon_id cursor, const tenon_storage_row* const** rows, size_t* n, tenon_error* e) {
  (void)c;
  return storage->next(own, cursor, rows, n, e);
}
static tenon_status close_cursor(tenon_ctx* c, tenon_id cursor) {
  (void)c;
  return storage->close(own, cursor);
}
static tenon_status stats(tenon_ctx* c, tenon_id s, tenon_storage_stats* out, tenon_error* e) {
  (void)c;
  return storage->stats(own, s, out, e);
}
static const tenon_storage own_storage = {sizeof(tenon_storage), 0,     open_storage, get,  put,          erase, compare_and_set, commit,
                                          commit_async,          clear, scan,         next, close_cursor, stats};

static tenon_status open_state(tenon_ctx* c, tenon_str name, tenon_id* out, tenon_error* e) {
  (void)c;
  return state->open(own, name, out, e);
}
static tenon_status state_get(tenon_ctx* c, tenon_id s, tenon_bytes key, uint8_t* buffer, size_t n, tenon_value_info* info) {
  (void)c;
  return state->get(own, s, key, buffer, n, info);
}
static tenon_status keys(tenon_ctx* c, tenon_id s, tenon_bytes prefix, tenon_id* out, tenon_error* e) {
  (void)c;
  return state->keys(own, s, prefix, out, e);
}
static tenon_status state_next(tenon_ctx* c, tenon_id cursor, const tenon_storage_row* const** rows, size_t* n, tenon_error* e) {
  (void)c;
  return state->next(own, cursor, rows, n, e);
}
static tenon_status state_close(tenon_ctx* c, tenon_id cursor) {
  (void)c;
  return state->close(own, cursor);
}
static tenon_status on_changed(void* data, tenon_call* call, const tenon_state_change* const* changes, size_t n, tenon_error* e) {
  const puppet_watch* w = data;
  if (calls->cancelled(call) != 0) return TENON_CANCELLED; /* its call is one */
  return w->fn(w->data, call, changes, n, e);
}
static void on_release(void* data) {
  const puppet_watch* w = data;
  if (w->release != NULL) w->release(w->data);
}
static tenon_status watch(tenon_ctx* c, tenon_id s, tenon_bytes prefix, tenon_state_changed fn, void* data, void (*release)(void*),
                          tenon_id* out, tenon_error* e) {
  (void)c;
  (void)release;
  return state->watch(own, s, prefix, fn != NULL ? on_changed : NULL, data, on_release, out, e);
}
static tenon_status unwatch(tenon_ctx* c, tenon_id id) {
  (void)c;
  return state->unwatch(own, id);
}
static tenon_status unwatch_wait(tenon_ctx* c, tenon_id id, int64_t deadline_ns, tenon_error* e) {
  (void)c;
  return state->unwatch_wait(own, id, deadline_ns, e);
}
static const tenon_state own_state = {sizeof(tenon_state), 0,           open_state, state_get, keys,
                                      state_next,          state_close, watch,      unwatch,   unwatch_wait};

static tenon_status create(tenon_ctx* ctx, tenon_call* call, void** self, tenon_error* err) {
  const char* const address = getenv(PUPPET_VARIABLE);
  puppet_bridge* const bridge = address == NULL ? NULL : (puppet_bridge*)(uintptr_t)strtoull(address, NULL, 16);
  (void)call;
  (void)err;
  if (bridge == NULL) return TENON_FAILED_PRECONDITION;
  own = ctx;
  storage = ctx->host->query(ctx, TENON_STR(TENON_STORAGE));
  state = ctx->host->query(ctx, TENON_STR(TENON_STATE));
  calls = ctx->host->query(ctx, TENON_STR(TENON_CALLS));
  if (storage == NULL || state == NULL) return TENON_FAILED_PRECONDITION;
  bridge->ctx = ctx;
  bridge->storage = &own_storage;
  bridge->state = &own_state;
  *self = bridge;
  return TENON_OK;
}
static tenon_status start(void* self, tenon_call* call, tenon_error* err) {
  (void)self;
  (void)call;
  (void)err;
  return TENON_OK;
}
static void destroy(void* self) { (void)self; }

TENON_NEED(needs_state, TENON_STATE, tenon_state, unwatch_wait);
TENON_NEED(needs_storage, TENON_STORAGE, tenon_storage, stats);
TENON_NEED(needs_calls, TENON_CALLS, tenon_calls, cancelled);
static const tenon_need* const needs[] = {&needs_state, &needs_storage, &needs_calls};
static const tenon_lifecycle lifecycle = {sizeof(tenon_lifecycle), 0, create, NULL, NULL, NULL, start, NULL, destroy};
static const tenon_module module = {sizeof(tenon_module), 0, {"puppet", 6}, {"1.0.0", 5}, needs, 3, &lifecycle, NULL};
TENON_ENTRY(module);
