/* tenon/state.h - what is in storage now, read from memory: no disk, no lock, no allocation.
 *
 * The state of a namespace is equal to what is committed in storage: a change is seen here before the function that made it returns OK, and never
 * before it is on disk (as the durability of the writer has it). Modules read it and do not write: what they want here they put into storage.
 * Namespaces are the module's own, and those granted (`permissions.storage.namespaces`); secret ones are never here.
 *
 * What has expired is not there at once (to 4 ms); watches hear of it within about a second. One host's view: nothing here is shared between hosts.
 * Needs tenon/storage.h only for its types. Usable in every phase. */
#ifndef TENON_STATE_H
#define TENON_STATE_H
#include "tenon/storage.h"
#ifdef __cplusplus
extern "C" {
#endif

#define TENON_STATE "tenon.state/1"

#define TENON_STATE_MAX_SPACES 64u  /* open per instance */
#define TENON_STATE_MAX_CURSORS 64u /* open per instance */
#define TENON_STATE_MAX_WATCHES 64u /* per instance; 256 per namespace */

/* Kinds of changes. */
#define TENON_STATE_PUT 1u
#define TENON_STATE_ERASED 2u
#define TENON_STATE_EXPIRED 3u
/* Everything may have changed (the namespace was cleared, or more than 1024 keys were waiting): read it anew. The key is empty. */
#define TENON_STATE_RESET 4u

typedef struct tenon_state_change {
  uint32_t struct_size;
  uint32_t kind; /* TENON_STATE_*; an unknown one: read the key anew */
  uint64_t revision;
  tenon_bytes key; /* the value is not in it: read it when it is needed */
} tenon_state_change;

/* At most 256 changes, ordered by key. Several of one key that waited meanwhile are one, the last; what get() shows is at least as new. One at a time per
 * watch, with a deadline of 5 s; what it returns is logged only. Borrowed until it returns. [worker] */
typedef tenon_status (*tenon_state_changed)(void* data, tenon_call* call, const tenon_state_change* const* changes, size_t count,
                                            tenon_error* err) TENON_NOEXCEPT;

typedef struct tenon_state {
  uint32_t struct_size;
  uint32_t reserved;
  /* Gives the id of a namespace, valid until the instance ends; the same name again gives the same one. Reads it into memory if nobody has yet. Not an id
   * of tenon_storage. PERMISSION_DENIED; FAILED_PRECONDITION `SECRET`; RESOURCE_EXHAUSTED beyond TENON_STATE_MAX_SPACES. [control][worker] */
  tenon_status (*open)(tenon_ctx* ctx, tenon_str name, tenon_id* out, tenon_error* err) TENON_NOEXCEPT;
  /* OK; NOT_FOUND (also: expired, stale space); OUT_OF_RANGE: the buffer is too small, nothing was copied, info->size says what it takes. info may be
   * NULL; it is written with OK and OUT_OF_RANGE. INVALID_ARGUMENT, CANCELLED. [any] */
  tenon_status (*get)(tenon_ctx* ctx, tenon_id space, tenon_bytes key, uint8_t* buffer, size_t capacity,
                      tenon_value_info* info) TENON_NOEXCEPT;
  /* A cursor over the keys that begin with `prefix` (empty: all), as tenon_storage.scan; rows have no values. [control][worker] */
  tenon_status (*keys)(tenon_ctx* ctx, tenon_id space, tenon_bytes prefix, tenon_id* cursor, tenon_error* err) TENON_NOEXCEPT;
  /* As tenon_storage.next. [control][worker] */
  tenon_status (*next)(tenon_ctx* ctx, tenon_id cursor, const tenon_storage_row* const** rows, size_t* count,
                       tenon_error* err) TENON_NOEXCEPT;
  tenon_status (*close)(tenon_ctx* ctx, tenon_id cursor) TENON_NOEXCEPT; /* stale: NOT_FOUND. [any] */
  /* fn hears of every change below `prefix` from now on (erasing what is not there is none); of one that is just being made perhaps, too. So: watch
   * first, then read. Not called before start was; until then changes wait. release(data) (may be NULL) is called exactly once after the last fn, at
   * the latest at the instance's end, and not if this fails. The same space, prefix, fn and data again = OK with the same id: release is then
   * not called for it. [any] */
  tenon_status (*watch)(tenon_ctx* ctx, tenon_id space, tenon_bytes prefix, tenon_state_changed fn, void* data,
                        void (*release)(void* data) TENON_NOEXCEPT, tenon_id* out, tenon_error* err) TENON_NOEXCEPT;
  /* Nothing begins to be delivered afterwards; one delivery may still be running. Fine inside fn. Stale: NOT_FOUND. [any] */
  tenon_status (*unwatch)(tenon_ctx* ctx, tenon_id id) TENON_NOEXCEPT;
  /* The same, and waits until release has returned, at most until deadline_ns (CLOCK_MONOTONIC): DEADLINE_EXCEEDED, it has ended all the same.
   * FAILED_PRECONDITION, and nothing changed: `REENTRANT` inside its own fn, `SERIAL` inside any [control] or [worker] callback of a TENON_SERIAL
   * module, which would wait for itself. [control][worker] */
  tenon_status (*unwatch_wait)(tenon_ctx* ctx, tenon_id id, int64_t deadline_ns, tenon_error* err) TENON_NOEXCEPT;
} tenon_state;

#ifdef __cplusplus
}
#endif
#endif /* TENON_STATE_H */
