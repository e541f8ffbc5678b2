/* tenon/metrics.h - numbers of a module for whoever watches the host: counters, gauges, histograms (Prometheus text 0.0.4).
 *
 * Names are `[a-z_][a-z0-9_]*`, at most 128 bytes; those of counters end in `_total`, others do not, none ends in `_bucket`, `_sum` or `_count`, or
 * begins with `tenon_` (the host's own do). A name has one kind in the whole host, and a histogram one list of bounds. Labels: at most 8, names of letters,
 * digits and `_` but `module`, `le`, `quantile` and `__...`, none twice; values are at most 128 bytes of UTF-8. The host adds the label `module`, so modules may use the same names. Help: 1 to 512 bytes, the first one of a
 * name is shown. At most 1000 series per module: a label is a choice among few (a method, a result), never an id.
 * The same name and labels again give the same series. Usable in every phase; when the module has left, its series are gone.
 *
 * Rationale: a handle is a pointer, not a tenon_id, because counting must cost no look-up. It lives as long as ctx. */
#ifndef TENON_METRICS_H
#define TENON_METRICS_H
#include "tenon/core.h"
#ifdef __cplusplus
extern "C" {
#endif

#define TENON_METRICS "tenon.metrics/1"

typedef struct tenon_counter tenon_counter;
typedef struct tenon_gauge tenon_gauge;
typedef struct tenon_histogram tenon_histogram;

typedef struct tenon_metrics {
  uint32_t struct_size;
  uint32_t reserved;
  /* A series, from 0. INVALID_ARGUMENT (`BAD_METRIC`: names, labels, help, bounds), ALREADY_EXISTS (`OTHER_METRIC`: the name has another kind or other
   * bounds), RESOURCE_EXHAUSTED (`TOO_MANY_SERIES`), UNAVAILABLE (`CLOSED`: the module has left). labels may be NULL with 0. [any] */
  tenon_status (*counter)(tenon_ctx* ctx, tenon_str name, tenon_str help, const tenon_kv* labels, size_t label_count, tenon_counter** out,
                          tenon_error* err) TENON_NOEXCEPT;
  tenon_status (*gauge)(tenon_ctx* ctx, tenon_str name, tenon_str help, const tenon_kv* labels, size_t label_count, tenon_gauge** out,
                        tenon_error* err) TENON_NOEXCEPT; /* [any] */
  /* bounds: upper bounds of 1 to 32 buckets, finite and ascending; the one for all the rest is added. [any] */
  tenon_status (*histogram)(tenon_ctx* ctx, tenon_str name, tenon_str help, const double* bounds, size_t bound_count,
                            const tenon_kv* labels, size_t label_count, tenon_histogram** out, tenon_error* err) TENON_NOEXCEPT;
  /* What follows takes no lock and no memory; a NULL handle is ignored. */
  void (*add)(tenon_counter* counter, uint64_t n) TENON_NOEXCEPT;           /* [any] */
  void (*set)(tenon_gauge* gauge, double value) TENON_NOEXCEPT;             /* [any] */
  void (*change)(tenon_gauge* gauge, double by) TENON_NOEXCEPT;             /* adds, also less than 0. [any] */
  void (*observe)(tenon_histogram* histogram, double value) TENON_NOEXCEPT; /* NaN is not counted. [any] */
} tenon_metrics;

#ifdef __cplusplus
}
#endif
#endif /* TENON_METRICS_H */
