/* What the puppet and the test know of each other. The puppet is a module in C whose own code calls the host, as the test tells it, and whose checks ask the
 * test what to answer. It finds the test's `tenon_watch_hooks` in the program that loads it. */
#ifndef TENON_TEST_WATCH_PUPPET_H
#define TENON_TEST_WATCH_PUPPET_H
#include <tenon/audit.h>
#include <tenon/calls.h>
#include <tenon/health.h>
#include <tenon/metrics.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct watch_api {
  tenon_ctx* ctx;
  const tenon_calls* calls;
  tenon_status (*counter)(tenon_ctx*, tenon_str, tenon_str, const tenon_kv*, size_t, tenon_counter**, tenon_error*) TENON_NOEXCEPT;
  tenon_status (*gauge)(tenon_ctx*, tenon_str, tenon_str, const tenon_kv*, size_t, tenon_gauge**, tenon_error*) TENON_NOEXCEPT;
  tenon_status (*histogram)(tenon_ctx*, tenon_str, tenon_str, const double*, size_t, const tenon_kv*, size_t, tenon_histogram**,
                            tenon_error*) TENON_NOEXCEPT;
  void (*add)(tenon_counter*, uint64_t) TENON_NOEXCEPT;
  void (*set)(tenon_gauge*, double) TENON_NOEXCEPT;
  void (*change)(tenon_gauge*, double) TENON_NOEXCEPT;
  void (*observe)(tenon_histogram*, double) TENON_NOEXCEPT;
  tenon_status (*record)(tenon_ctx*, const tenon_audit_event*, tenon_error*) TENON_NOEXCEPT;
} watch_api;

typedef struct watch_hooks {
  void* test;
  void (*created)(void* test, const watch_api* api) TENON_NOEXCEPT;
  tenon_status (*check)(void* test, int32_t number, tenon_call* call, tenon_error* err) TENON_NOEXCEPT;
} watch_hooks;

extern TENON_EXPORT watch_hooks tenon_watch_hooks;

#ifdef __cplusplus
}
#endif
#endif
