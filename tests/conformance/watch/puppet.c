#define _GNU_SOURCE
#include "puppet.h"

#include <dlfcn.h>
#include <string.h>

static const watch_hooks* hooks;
static const tenon_metrics* metrics;
static const tenon_audit* audit;
static watch_api api;

static tenon_status counter(tenon_ctx* c, tenon_str n, tenon_str h, const tenon_kv* l, size_t k, tenon_counter** out, tenon_error* e) {
  return metrics->counter(c, n, h, l, k, out, e);
}
static tenon_status gauge(tenon_ctx* c, tenon_str n, tenon_str h, const tenon_kv* l, size_t k, tenon_gauge** out, tenon_error* e) {
  return metrics->gauge(c, n, h, l, k, out, e);
}
static tenon_status histogram(tenon_ctx* c, tenon_str n, tenon_str h, const double* b, size_t bk, const tenon_kv* l, size_t k,
                              tenon_histogram** out, tenon_error* e) {
  return metrics->histogram(c, n, h, b, bk, l, k, out, e);
}
static void add(tenon_counter* m, uint64_t n) { metrics->add(m, n); }
static void set(tenon_gauge* m, double v) { metrics->set(m, v); }
static void change(tenon_gauge* m, double v) { metrics->change(m, v); }
static void observe(tenon_histogram* m, double v) { metrics->observe(m, v); }
static tenon_status record(tenon_ctx* c, const tenon_audit_event* event, tenon_error* e) { return audit->record(c, event, e); }

static tenon_status create(tenon_ctx* ctx, tenon_call* call, void** self, tenon_error* err) {
  (void)call, (void)err;
  hooks = (const watch_hooks*)dlsym(RTLD_DEFAULT, "tenon_watch_hooks");
  metrics = (const tenon_metrics*)ctx->host->query(ctx, TENON_STR(TENON_METRICS));
  audit = (const tenon_audit*)ctx->host->query(ctx, TENON_STR(TENON_AUDIT));
  const tenon_calls* calls = (const tenon_calls*)ctx->host->query(ctx, TENON_STR(TENON_CALLS));
  if (hooks == NULL || metrics == NULL || audit == NULL || calls == NULL) return TENON_INTERNAL;
  const watch_api functions = {ctx, calls, counter, gauge, histogram, add, set, change, observe, record};
  api = functions;
  *self = &api;
  hooks->created(hooks->test, &api);
  return TENON_OK;
}
static tenon_status start(void* self, tenon_call* call, tenon_error* err) {
  (void)self, (void)call, (void)err;
  return TENON_OK;
}
static void destroy(void* self) { (void)self; }

static tenon_status check_database(void* self, tenon_call* call, tenon_error* err) {
  return self == &api ? hooks->check(hooks->test, 0, call, err) : TENON_INTERNAL;
}
static tenon_status check_cache(void* self, tenon_call* call, tenon_error* err) {
  return self == &api ? hooks->check(hooks->test, 1, call, err) : TENON_INTERNAL;
}

static const tenon_health_check database = {sizeof(tenon_health_check), 1, 0, 0, TENON_STR_INIT("database"), check_database};
static const tenon_health_check cache = {sizeof(tenon_health_check), 0, 1000000000, 500000000, TENON_STR_INIT("cache"), check_cache};
static const tenon_health_check* const checks[] = {&database, &cache};
static const tenon_health health = {sizeof(tenon_health), 0, checks, 2};

static const void* query(tenon_str id) {
  return id.len == strlen(TENON_HEALTH) && memcmp(id.ptr, TENON_HEALTH, id.len) == 0 ? &health : NULL;
}

TENON_NEED(need_metrics, TENON_METRICS, tenon_metrics, observe);
TENON_NEED(need_audit, TENON_AUDIT, tenon_audit, record);
TENON_NEED(need_calls, TENON_CALLS, tenon_calls, wait);
static const tenon_need* const needs[] = {&need_metrics, &need_audit, &need_calls};
static const tenon_lifecycle life = {sizeof(tenon_lifecycle), 0, create, NULL, NULL, NULL, start, NULL, destroy};
static const tenon_module puppet = {sizeof(tenon_module), 0, TENON_STR_INIT("puppet"), TENON_STR_INIT("1.0.0"), needs, 3, &life, query};
TENON_ENTRY(puppet);
