/* Two modules without a will: what they offer, answer and call is up to the test, but their own code does it. */
#include "puppet.h"

#include <stdlib.h>

#ifndef PUPPET_FLAGS
#define PUPPET_FLAGS 0
#endif

static const puppet_strings* strings(void) {
  const char* address = getenv("TENON_PUPPET");
  return address == NULL ? NULL : (const puppet_strings*)(uintptr_t)strtoull(address, NULL, 16);
}

static tenon_status handle(void* data, tenon_call* call, const tenon_request* request, tenon_reply* reply, tenon_error* err) {
  return strings()->handle(data, call, request, reply, err);
}
static void released(void* data) { strings()->released(data); }
static void done(void* data, tenon_id id, tenon_status status, tenon_reply* reply, const tenon_error* error) {
  strings()->done(data, id, status, reply, error);
}
static void ended(void* data, tenon_status why) { strings()->ended(data, why); }

static tenon_status do_call(const puppet* p, tenon_id h, const tenon_request* request, tenon_reply* reply,
                            const tenon_call_options* options, tenon_error* err) {
  return p->services->call(p->ctx, h, request, reply, options, err);
}

static tenon_status do_call_by_name(const puppet* p, tenon_str name, const tenon_request* request, tenon_reply* reply,
                                    const tenon_call_options* options, tenon_error* err) {
  return p->services->call_by_name(p->ctx, name, request, reply, options, err);
}

static tenon_status do_call_async(const puppet* p, tenon_id h, tenon_str name, const tenon_request* request,
                                  const tenon_call_options* options, void* data, tenon_id* id, tenon_error* err) {
  if (h != 0) return p->services->call_async(p->ctx, h, request, options, done, data, id, err);
  return p->services->call_async_by_name(p->ctx, name, request, options, done, data, id, err);
}

static tenon_status do_offer(const puppet* p, tenon_str name, uint32_t flags, void* data, tenon_id* id, tenon_error* err) {
  const tenon_service service = {sizeof service, flags, name, handle, data, released};
  return p->services->register_service(p->ctx, &service, id, err);
}

static tenon_status do_on_cancel(const puppet* p, tenon_id id, void* data) { return p->calls->on_cancel(p->ctx, id, ended, data); }

static tenon_status create(const char* name, tenon_ctx* ctx, void** self) {
  puppet* p = malloc(sizeof *p);
  if (p == NULL || strings() == NULL) return TENON_FAILED_PRECONDITION;
  p->ctx = ctx;
  p->services = ctx->host->query(ctx, TENON_STR(TENON_SERVICES));
  p->calls = ctx->host->query(ctx, TENON_STR(TENON_CALLS));
  p->call = do_call;
  p->call_by_name = do_call_by_name;
  p->call_async = do_call_async;
  p->offer = do_offer;
  p->on_cancel = do_on_cancel;
  if (p->services == NULL || p->calls == NULL) return TENON_UNAVAILABLE;
  *self = p;
  strings()->created(name, p);
  return TENON_OK;
}

static tenon_status create_orders(tenon_ctx* ctx, tenon_call* call, void** self, tenon_error* err) {
  (void)call, (void)err;
  return create("orders", ctx, self);
}
static tenon_status create_web(tenon_ctx* ctx, tenon_call* call, void** self, tenon_error* err) {
  (void)call, (void)err;
  return create("web", ctx, self);
}
static tenon_status init(void* self, tenon_call* call, tenon_error* err) {
  (void)call, (void)err;
  return strings()->init(self);
}
static tenon_status start(void* self, tenon_call* call, tenon_error* err) {
  (void)self, (void)call, (void)err;
  return TENON_OK;
}
static tenon_status stop(void* self, tenon_call* call, tenon_error* err) {
  (void)call, (void)err;
  return strings()->stop(self);
}
static void destroy(void* self) { free(self); }

TENON_NEED(needs_calls, TENON_CALLS, tenon_calls, on_cancel);
TENON_NEED(needs_services, TENON_SERVICES, tenon_services, info);
static const tenon_need* const needs[] = {&needs_calls, &needs_services};

static const tenon_lifecycle orders_lifecycle = {
    .struct_size = sizeof orders_lifecycle, .create = create_orders, .init = init, .start = start, .stop = stop, .destroy = destroy};
static const tenon_module orders = {.struct_size = sizeof orders,
                                    .flags = PUPPET_FLAGS,
                                    .name = TENON_STR_INIT("orders"),
                                    .version = TENON_STR_INIT("1.0.0"),
                                    .needs = needs,
                                    .need_count = 2,
                                    .lifecycle = &orders_lifecycle};
static const tenon_lifecycle web_lifecycle = {
    .struct_size = sizeof web_lifecycle, .create = create_web, .init = init, .start = start, .stop = stop, .destroy = destroy};
static const tenon_module web = {.struct_size = sizeof web,
                                 .flags = PUPPET_FLAGS,
                                 .name = TENON_STR_INIT("web"),
                                 .version = TENON_STR_INIT("1.0.0"),
                                 .needs = needs,
                                 .need_count = 2,
                                 .lifecycle = &web_lifecycle};
static const tenon_module* const modules[] = {&orders, &web};
const tenon_entry tenon_entry_v1 = {TENON_MAGIC, sizeof(tenon_entry), TENON_ABI_MAJOR, TENON_ABI_MINOR, modules, 2};
