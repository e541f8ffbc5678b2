/* What services_table_bench and its module know of each other. */
#ifndef SERVICES_MODULE_H
#define SERVICES_MODULE_H
#include <tenon/services.h>
#ifdef __cplusplus
extern "C" {
#endif

typedef struct bench_job {
  const tenon_services* services; /* NULL: the handler is called by a pointer */
  tenon_ctx* ctx;
  tenon_id handle;
  tenon_str name;      /* empty: by handle */
  int64_t deadline_ns; /* 0: none */
} bench_job;

typedef struct bench_module {
  tenon_service_handler echo;
  tenon_service_handler report; /* the same size, in memory of its own: what a worker answers does not lie in the caller's buffer */
  size_t (*loop)(const bench_job* job, size_t n); /* how many of n calls went well */
} bench_module;

extern const bench_module bench_module_v1;

#ifdef __cplusplus
}
#endif
#endif
