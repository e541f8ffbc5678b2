#include <tenon/core.h>
#include <tenon/log.h>

static tenon_status create(tenon_ctx* ctx, tenon_call* call, void** self, tenon_error* err) {
  (void)call, (void)err;
  *self = ctx; /* no state of its own */
  return TENON_OK;
}

static tenon_status init(void* self, tenon_call* call, tenon_error* err) {
  (void)call, (void)err;
  tenon_ctx* ctx = self;
  const tenon_log* log = ctx->host->query(ctx, TENON_STR(TENON_LOG));
  log->write(ctx, TENON_LEVEL_INFO, TENON_STR("hello from C"), NULL, 0);
  return TENON_OK;
}

TENON_NEED(needs_log, TENON_LOG, tenon_log, write);
static const tenon_need* const needs[] = {&needs_log};
static const tenon_lifecycle lifecycle = {.struct_size = sizeof lifecycle, .create = create, .init = init};
static const tenon_module module = {.struct_size = sizeof module,
                                    .name = TENON_STR_INIT(TENON_MODULE_NAME),
                                    .version = TENON_STR_INIT(TENON_MODULE_VERSION),
                                    .needs = needs,
                                    .need_count = 1,
                                    .lifecycle = &lifecycle};
TENON_ENTRY(module);
