/* A service in C: the answer goes into the caller's buffer if it fits, else into memory of the host. */
#include <stdlib.h>
#include <tenon/calls.h>
#include <tenon/services.h>

typedef struct echo {
  tenon_ctx* ctx;
  const tenon_services* services;
  const tenon_calls* calls;
} echo;

static tenon_status upper(void* data, tenon_call* call, const tenon_request* request, tenon_reply* reply, tenon_error* err) {
  const echo* self = data;
  const size_t n = request->payload.len;
  uint8_t* to = n <= reply->capacity ? reply->buffer : self->calls->reserve(call, n);
  (void)err;
  if (to == NULL && n != 0) return TENON_RESOURCE_EXHAUSTED; /* beyond 64 KiB: give a blob with a release */
  for (size_t i = 0; i < n; ++i) {
    const uint8_t c = request->payload.ptr[i];
    to[i] = c >= 'a' && c <= 'z' ? (uint8_t)(c - 'a' + 'A') : c;
  }
  reply->payload = (tenon_blob){to, n, NULL, NULL};
  reply->content_type = request->content_type; /* copied when this returns */
  return TENON_OK;
}

static tenon_status create(tenon_ctx* ctx, tenon_call* call, void** self, tenon_error* err) {
  echo* e = malloc(sizeof *e);
  (void)call, (void)err;
  if (e == NULL) return TENON_RESOURCE_EXHAUSTED;
  *e = (echo){ctx, ctx->host->query(ctx, TENON_STR(TENON_SERVICES)), ctx->host->query(ctx, TENON_STR(TENON_CALLS))};
  *self = e;
  return TENON_OK;
}
static tenon_status init(void* self, tenon_call* call, tenon_error* err) {
  echo* e = self;
  const tenon_service service = {.struct_size = sizeof service, .name = TENON_STR("echo.upper"), .handle = upper, .data = e};
  tenon_id id = 0;
  (void)call;
  return e->services->register_service(e->ctx, &service, &id, err); /* the host takes it back in the end */
}
static void destroy(void* self) { free(self); }

TENON_NEED(needs_services, TENON_SERVICES, tenon_services, register_service);
TENON_NEED(needs_calls, TENON_CALLS, tenon_calls, reserve);
static const tenon_need* const needs[] = {&needs_services, &needs_calls};
static const tenon_lifecycle lifecycle = {.struct_size = sizeof lifecycle, .create = create, .init = init, .destroy = destroy};
static const tenon_module module = {.struct_size = sizeof module,
                                    .name = TENON_STR_INIT(TENON_MODULE_NAME),
                                    .version = TENON_STR_INIT(TENON_MODULE_VERSION),
                                    .needs = needs,
                                    .need_count = 2,
                                    .lifecycle = &lifecycle};
TENON_ENTRY(module);
