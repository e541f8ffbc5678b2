#define _GNU_SOURCE
#include "puppet.h"

#include <dlfcn.h>
#include <string.h>

#ifndef PUPPET_NAME
#define PUPPET_NAME "catalog"
#endif

static const puppet_hooks* hooks;
static const tenon_container* container;
static const tenon_lease* lease;
static const tenon_calls* calls;
static puppet_api api;

static int32_t value(void* self) { return hooks->value(self); }
static const puppet_table table = {sizeof table, 0, value};

static tenon_status on_make(void* data, tenon_call* call, tenon_id scope, tenon_instance* out, tenon_error* err) {
  if (calls->cancelled(call) != 0) return TENON_CANCELLED; /* its call is one */
  const tenon_status status = hooks->make(data, scope);
  if (status == TENON_OK) {
    out->table = &table;
    out->self = data;
  } else if (err != NULL) {
    memcpy(err->reason, "TOLD_TO", sizeof "TOLD_TO");
  }
  return status;
}
static void on_dispose(void* data, void* self) {
  (void)self;
  hooks->disposed(data);
}
static void on_release(void* data) { hooks->released(data); }

static tenon_status provide(tenon_ctx* ctx, const tenon_token* token, uint32_t flags, void* data, tenon_id* out, tenon_error* err) {
  const tenon_instance instance = {sizeof instance, 0, &table, data};
  return container->provide(ctx, token, &instance, flags, data, on_release, out, err);
}
static tenon_status provide_factory(tenon_ctx* ctx, const tenon_token* token, uint32_t lifetime, uint32_t flags, void* data, tenon_id* out,
                                    tenon_error* err) {
  const tenon_factory factory = {sizeof factory, lifetime, on_make, on_dispose};
  return container->provide_factory(ctx, token, &factory, flags, data, on_release, out, err);
}
static tenon_status withdraw(tenon_ctx* ctx, tenon_id id) { return container->withdraw(ctx, id); }
static tenon_status withdraw_wait(tenon_ctx* ctx, tenon_id id, int64_t deadline_ns) {
  return container->withdraw_wait(ctx, id, deadline_ns);
}
static tenon_status acquire(tenon_ctx* ctx, const tenon_token* token, tenon_id scope, tenon_id* out, int32_t* answer, tenon_error* err) {
  tenon_leased leased = {sizeof leased, 0, 0, NULL, NULL};
  const tenon_status status = lease->acquire(ctx, token, scope, &leased, err);
  if (status != TENON_OK) return status;
  *out = leased.id;
  *answer = ((const puppet_table*)leased.table)->value(leased.self);
  return TENON_OK;
}
static tenon_status release(tenon_ctx* ctx, tenon_id id) { return lease->release(ctx, id); }
static tenon_status open_scope(tenon_ctx* ctx, tenon_id outer, const tenon_scope* said, tenon_id* out, tenon_error* err) {
  return lease->open_scope(ctx, outer, said, out, err);
}
static tenon_status close_scope(tenon_ctx* ctx, tenon_id id) { return lease->close_scope(ctx, id); }
static tenon_status describe_scope(tenon_ctx* ctx, tenon_id id, tenon_scope* out, tenon_error* err) {
  return lease->describe_scope(ctx, id, out, err);
}

static tenon_status create(tenon_ctx* ctx, tenon_call* call, void** self, tenon_error* err) {
  (void)call, (void)err;
  hooks = (const puppet_hooks*)dlsym(RTLD_DEFAULT, "tenon_container_hooks");
  container = (const tenon_container*)ctx->host->query(ctx, TENON_STR(TENON_CONTAINER));
  lease = (const tenon_lease*)ctx->host->query(ctx, TENON_STR(TENON_LEASE));
  calls = (const tenon_calls*)ctx->host->query(ctx, TENON_STR(TENON_CALLS));
  if (hooks == NULL || container == NULL || lease == NULL || calls == NULL) return TENON_UNAVAILABLE;
  api.ctx = ctx;
  api.provide = provide;
  api.provide_factory = provide_factory;
  api.withdraw = withdraw;
  api.withdraw_wait = withdraw_wait;
  api.acquire = acquire;
  api.release = release;
  api.open_scope = open_scope;
  api.close_scope = close_scope;
  api.describe_scope = describe_scope;
  *self = &api;
  hooks->created(hooks->test, PUPPET_NAME, &api);
  return TENON_OK;
}
static tenon_status start(void* self, tenon_call* call, tenon_error* err) {
  (void)self;
  tenon_id scope = 0, again = 0;
  const tenon_status status = lease->call_scope(api.ctx, call, NULL, &scope, err);
  if (status != TENON_OK) return status;
  (void)lease->call_scope(api.ctx, call, NULL, &again, err);
  hooks->started(hooks->test, PUPPET_NAME, scope, again);
  return TENON_OK;
}
static tenon_status stop(void* self, tenon_call* call, tenon_error* err) {
  (void)self, (void)call, (void)err;
  return TENON_OK;
}
static void destroy(void* self) {
  (void)self;
  hooks->destroyed(hooks->test, PUPPET_NAME);
}

TENON_NEED(needs_container, TENON_CONTAINER, tenon_container, withdraw_wait);
TENON_NEED(needs_lease, TENON_LEASE, tenon_lease, describe_scope);
TENON_NEED(needs_calls, TENON_CALLS, tenon_calls, cancelled);
static const tenon_need* const needs[] = {&needs_container, &needs_lease, &needs_calls};
static const tenon_lifecycle lifecycle = {sizeof lifecycle, 0, create, NULL, NULL, NULL, start, stop, destroy};
static const tenon_module puppet = {sizeof puppet, 0, TENON_STR_INIT(PUPPET_NAME), TENON_STR_INIT("1.0.0"), needs, 3, &lifecycle, NULL};
TENON_ENTRY(puppet);
