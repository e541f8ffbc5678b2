/* tenon/calls.h - deadline, cancellation and deferral of the call a module is in.
 *
 * Nothing is ever killed: cancellation is a request. A call that is neither answered nor deferred when its function returns is answered
 * by the status returned. Going on after that: defer(), return PENDING, and complete() the id later, from any thread.
 *
 * Rationale: the functions that take an id also take ctx, so that a module can only end calls of its own, however it came by the number, and
 * the host needs no process-wide table. */
#ifndef TENON_CALLS_H
#define TENON_CALLS_H
#include "tenon/core.h"
#ifdef __cplusplus
extern "C" {
#endif

#define TENON_CALLS "tenon.calls/1"

/* TENON_CANCELLED: nobody waits any more; TENON_OK: the call has ended, free what belongs to it. [any] */
typedef void (*tenon_call_ended)(void* data, tenon_status why) TENON_NOEXCEPT;

typedef struct tenon_calls {
  uint32_t struct_size;
  uint32_t reserved;
  /* CLOCK_MONOTONIC in nanoseconds when the call's time is up; INT64_MAX = never. [any] */
  int64_t (*deadline_ns)(tenon_call* call) TENON_NOEXCEPT;
  /* 1 once nobody waits any more (deadline missed, shutdown): give up soon. [any] */
  int32_t (*cancelled)(tenon_call* call) TENON_NOEXCEPT;
  /* Blocks until the call is cancelled or its deadline has come (1), or until_ns (CLOCK_MONOTONIC) before that (0): a sleep that shutdown ends.
   * [control][worker] */
  int32_t (*wait)(tenon_call* call, int64_t until_ns) TENON_NOEXCEPT;
  /* Host memory for a small reply, at most 64 KiB per call in all, freed with the call; NULL beyond. 16-byte aligned. [control][worker] */
  uint8_t* (*reserve)(tenon_call* call, size_t n)TENON_NOEXCEPT;
  /* Makes the call outlive its function; then return PENDING. A second time gives the same id. FAILED_PRECONDITION where the function's
   * comment does not allow PENDING. If the function returns anything else after all, that status ends the call. [control][worker] */
  tenon_status (*defer)(tenon_call* call, tenon_id* out) TENON_NOEXCEPT;
  /* Ends a deferred call, exactly once, also after it was cancelled or missed its deadline; a second time, and any stale id, is NOT_FOUND.
   * May run before the function that deferred has returned. error may be NULL. Takes *body (release included) whatever it
   * returns; NULL for lifecycle calls. RESOURCE_EXHAUSTED: there was no memory, and the call is still to be ended. [any] */
  tenon_status (*complete)(tenon_ctx* ctx, tenon_id id, tenon_status status, const tenon_error* error, tenon_blob* body) TENON_NOEXCEPT;
  /* As cancelled(), for a deferred call; a stale id reads 1. [any] */
  int32_t (*id_cancelled)(tenon_ctx* ctx, tenon_id id) TENON_NOEXCEPT;
  /* fn(data, why) runs exactly once: CANCELLED as soon as nobody waits any more, else OK when the call has ended. On a thread of
   * the host, never inside this function or complete(). One per call: a second is
   * ALREADY_EXISTS; a stale id is NOT_FOUND and fn is not called. [any] */
  tenon_status (*on_cancel)(tenon_ctx* ctx, tenon_id id, tenon_call_ended fn, void* data) TENON_NOEXCEPT;
} tenon_calls;

#ifdef __cplusplus
}
#endif
#endif /* TENON_CALLS_H */
