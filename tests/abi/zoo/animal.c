#include <stdlib.h>
#include <string.h>
#include <tenon/config.h>
#include <tenon/core.h>
#include <tenon/log.h>

struct animal {
  tenon_ctx* ctx;
  const tenon_log* log;
  const tenon_config* config;
};

static tenon_status create(tenon_ctx* ctx, tenon_call* call, void** self, tenon_error* err) {
  (void)call;
  (void)err;
  struct animal* a = malloc(sizeof *a);
  if (a == NULL) return TENON_RESOURCE_EXHAUSTED;
  a->ctx = ctx;
  a->log = ctx->host->query(ctx, TENON_STR(TENON_LOG));
  a->config = ctx->host->query(ctx, TENON_STR(TENON_CONFIG));
  *self = a;
  return TENON_OK;
}

static tenon_status init(void* self, tenon_call* call, tenon_error* err) {
  (void)call;
  (void)err;
  struct animal* a = self;
  const tenon_kv kv = {TENON_STR_INIT("animal"), TENON_STR_INIT(TENON_MODULE_NAME)};
  a->log->write(a->ctx, TENON_LEVEL_INFO, TENON_STR("hello"), &kv, 1);
  return TENON_OK;
}

static tenon_status start(void* self, tenon_call* call, tenon_error* err) {
  (void)call;
  struct animal* a = self;
  int32_t fail = 0;
  const tenon_status status = a->config->optional_bool(a->ctx, TENON_STR("fail"), 0, &fail, err);
  if (status != TENON_OK || !fail) return status;
  strcpy(err->reason, "TOLD_TO_FAIL");
  strcpy(err->message, "told to fail");
  err->message_len = 12;
  return TENON_INTERNAL;
}

static void destroy(void* self) { free(self); }

TENON_NEED(needs_log, TENON_LOG, tenon_log, write);
TENON_NEED(needs_config, TENON_CONFIG, tenon_config, optional_bool);
static const tenon_need* const needs[] = {&needs_log, &needs_config};
static const tenon_lifecycle lifecycle = {
    .struct_size = sizeof(tenon_lifecycle), .create = create, .init = init, .start = start, .destroy = destroy};
static const tenon_module animal = {.struct_size = sizeof(tenon_module),
                                    .name = TENON_STR_INIT(TENON_MODULE_NAME),
                                    .version = TENON_STR_INIT(TENON_MODULE_VERSION),
                                    .needs = needs,
                                    .need_count = 2,
                                    .lifecycle = &lifecycle};
TENON_ENTRY(animal);
