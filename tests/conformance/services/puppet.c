/* A module without a will: what it offers, answers and calls is up to the test, but its own code does it. */
#include "puppet.h"

#include <stdlib.h>

static const puppet_strings* strings(void) {
  const char* address = getenv("TENON_PUPPET");
  return address == NULL ? NULL : (const puppet_strings*)(uintptr_t)strtoull(address, NULL, 16);
}

static tenon_status handle(void* data, tenon_call* call, const tenon_request* request, tenon_reply* reply, tenon_error* err) {
  return strings()->handle(data, call, request, reply, err);
}

static void released(void* data) { strings()->released(data); }

static tenon_status do_call(const puppet* p, tenon_id h, const tenon_request* request, tenon_reply* reply,
                            const tenon_call_options* options, tenon_error* err) {
  return p->services->call(p->ctx, h, request, reply, options, err);
}

static tenon_status do_call_by_name(const puppet* p, tenon_str name, const tenon_request* request, tenon_reply* reply,
                                    const tenon_call_options* options, tenon_error* err) {
  return p->services->call_by_name(p->ctx, name, request, reply, options, err);
}

static tenon_status do_offer(const puppet* p, tenon_str name, uint32_t flags, void* data, tenon_id* id, tenon_error* err) {
  const tenon_service service = {sizeof service, flags, name, handle, data, released};
  return p->services->register_service(p->ctx, &service, id, err);
}

static tenon_status create(tenon_ctx* ctx, tenon_call* call, void** self, tenon_error* err) {
  (void)call, (void)err;
  puppet* p = malloc(sizeof *p);
  if (p == NULL || strings() == NULL) return TENON_FAILED_PRECONDITION;
  p->ctx = ctx;
  p->services = ctx->host->query(ctx, TENON_STR(TENON_SERVICES));
  p->calls = ctx->host->query(ctx, TENON_STR(TENON_CALLS));
  p->call = do_call;
  p->call_by_name = do_call_by_name;
  p->offer = do_offer;
  if (p->services == NULL || p->calls == NULL) return TENON_UNAVAILABLE;
  *self = p;
  strings()->created(p);
  return TENON_OK;
}

static tenon_status init(void* self, tenon_call* call, tenon_error* err) {
  (void)call, (void)err;
  return strings()->init(self);
}

static void destroy(void* self) { free(self); }

TENON_NEED(needs_calls, TENON_CALLS, tenon_calls, on_cancel);
TENON_NEED(needs_services, TENON_SERVICES, tenon_services, info);
static const tenon_need* const needs[] = {&needs_calls, &needs_services};
static const tenon_lifecycle lifecycle = {.struct_size = sizeof lifecycle, .create = create, .init = init, .destroy = destroy};
static const tenon_module provider = {.struct_size = sizeof provider,
                                      .name = TENON_STR_INIT("orders"),
                                      .version = TENON_STR_INIT("1.0.0"),
                                      .needs = needs,
                                      .need_count = 2,
                                      .lifecycle = &lifecycle};
static const tenon_module caller = {.struct_size = sizeof caller,
                                    .name = TENON_STR_INIT("web"),
                                    .version = TENON_STR_INIT("1.0.0"),
                                    .needs = needs,
                                    .need_count = 2,
                                    .lifecycle = &lifecycle};
static const tenon_module* const modules[] = {&provider, &caller};
const tenon_entry tenon_entry_v1 = {TENON_MAGIC, sizeof(tenon_entry), TENON_ABI_MAJOR, TENON_ABI_MINOR, modules, 2};
