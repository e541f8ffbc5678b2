/* tenon/config.h - the module's own configuration: `modules.<name>.config`, with the defaults of its manifest.
 *
 * Values were validated against the manifest's `config_schema` before the module was loaded. A path is keys joined by dots, list
 * elements by number ("servers.0.host"); a key that contains a dot is reached through its parent with json().
 * `require_*`: absent or null = NOT_FOUND naming the key. `optional_*`: absent or null = the fallback, status OK.
 * Both: a value of another type = INVALID_ARGUMENT naming path, type found and type asked. Out parameters are written only on OK.
 * Usable in every phase. [any] functions see one consistent snapshot per call; after a reload, the values that are `live: true` in the
 * schema have changed when on_change is called, all others stay as they were until restart. */
#ifndef TENON_CONFIG_H
#define TENON_CONFIG_H
#include "tenon/core.h"
#ifdef __cplusplus
extern "C" {
#endif

#define TENON_CONFIG "tenon.config/1"

/* A live value at the registered `path`, above or below it changed; read the new value with the getters. Cannot veto: what it returns is logged only.
 * Called through the instance's gate, not before start was called, with a deadline of 5 s. [control] */
typedef tenon_status (*tenon_config_changed)(void* data, tenon_call* call, tenon_str path, tenon_error* err) TENON_NOEXCEPT;

typedef struct tenon_config {
  uint32_t struct_size;
  uint32_t reserved;
  /* 1 if there is a value other than null at path. [any] */
  int32_t (*has)(tenon_ctx* ctx, tenon_str path) TENON_NOEXCEPT;
  tenon_status (*require_bool)(tenon_ctx*, tenon_str path, int32_t* out, tenon_error*) TENON_NOEXCEPT; /* 0 or 1. [any] */
  tenon_status (*require_i64)(tenon_ctx*, tenon_str path, int64_t* out, tenon_error*) TENON_NOEXCEPT;  /* [any] */
  tenon_status (*require_f64)(tenon_ctx*, tenon_str path, double* out, tenon_error*) TENON_NOEXCEPT;   /* integers too. [any] */
  /* The view lives as long as ctx, also after a reload. [any] */
  tenon_status (*require_str)(tenon_ctx*, tenon_str path, tenon_str* out, tenon_error*) TENON_NOEXCEPT;
  tenon_status (*require_duration)(tenon_ctx*, tenon_str path, int64_t* out_ns, tenon_error*) TENON_NOEXCEPT; /* "5s". [any] */
  tenon_status (*require_size)(tenon_ctx*, tenon_str path, uint64_t* out, tenon_error*) TENON_NOEXCEPT;       /* "16MiB", bytes. [any] */
  tenon_status (*optional_bool)(tenon_ctx*, tenon_str path, int32_t fallback, int32_t* out, tenon_error*) TENON_NOEXCEPT; /* [any] */
  tenon_status (*optional_i64)(tenon_ctx*, tenon_str path, int64_t fallback, int64_t* out, tenon_error*) TENON_NOEXCEPT;  /* [any] */
  tenon_status (*optional_f64)(tenon_ctx*, tenon_str path, double fallback, double* out, tenon_error*) TENON_NOEXCEPT;    /* [any] */
  /* fallback is passed through, its lifetime with it. [any] */
  tenon_status (*optional_str)(tenon_ctx*, tenon_str path, tenon_str fallback, tenon_str* out, tenon_error*) TENON_NOEXCEPT;
  tenon_status (*optional_duration)(tenon_ctx*, tenon_str path, int64_t fallback_ns, int64_t* out_ns,
                                    tenon_error*) TENON_NOEXCEPT;                                                           /* [any] */
  tenon_status (*optional_size)(tenon_ctx*, tenon_str path, uint64_t fallback, uint64_t* out, tenon_error*) TENON_NOEXCEPT; /* [any] */
  /* Any value as compact JSON; path "" = everything. Absent = NOT_FOUND. The view lives as long as ctx. [any] */
  tenon_status (*json)(tenon_ctx*, tenon_str path, tenon_str* out, tenon_error*) TENON_NOEXCEPT;
  /* Number of elements of a list or keys of a map. [any] */
  tenon_status (*count)(tenon_ctx*, tenon_str path, size_t* out, tenon_error*) TENON_NOEXCEPT;
  /* Registers fn for `path` ("" = all); paths not declared live in the schema, and not above one, are FAILED_PRECONDITION.
   * release(data) (may be NULL) is called exactly once after the last fn, at the latest after stop. Same fn, path and data again = OK with
   * the same id. In create or init only. [control] */
  tenon_status (*on_change)(tenon_ctx*, tenon_str path, tenon_config_changed fn, void* data, void (*release)(void* data) TENON_NOEXCEPT,
                            tenon_id* out, tenon_error*) TENON_NOEXCEPT;
  /* Nothing new is delivered after it returned; one delivery may still be running. Stale id = NOT_FOUND. [any] */
  tenon_status (*unsubscribe)(tenon_ctx*, tenon_id id) TENON_NOEXCEPT;
} tenon_config;

#ifdef __cplusplus
}
#endif
#endif /* TENON_CONFIG_H */
