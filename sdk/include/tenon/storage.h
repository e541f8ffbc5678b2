/* tenon/storage.h - what a module keeps: namespaces of key -> bytes with content type and revision, on disk.
 *
 * A namespace is opened once, normally in init, and its id kept. A module's own namespace has the module's name; others need
 * `permissions.storage.namespaces` in the manifest and a grant. Quota of the own one: 64 MiB, or what `permissions.storage.max_bytes` asks for and
 * the operator grants; an entry counts its key, content type, value, and TENON_STORAGE_ENTRY_COST.
 *
 * Keys are 1 to 512 bytes of any kind, ordered as unsigned bytes. A revision is the number of the transaction that wrote an entry: it grows over all
 * namespaces and all lives of the host, is never given twice, and 0 means that nothing is there. An entry whose time to live is over is not
 * there, for anybody, at once.
 *
 * A transaction is a value: read with revisions, then one commit() of operations and of the revisions they expect. No lock is held while
 * module code runs, so there is no deadlock; a conflict is ABORTED: read again.
 *
 * OK from a function that changes something = committed, on disk (see TENON_STORAGE_NORMAL), and seen by everybody, in tenon/state.h too. Errors
 * that functions below share:
 *   INVALID_ARGUMENT    null, no view, a limit of keys, content types or times that is broken
 *   NOT_FOUND           of a space: not an id open() gave to this instance (SPACE)
 *   ABORTED             STORAGE_CONFLICT: another revision is there than expected; nothing was changed
 *   RESOURCE_EXHAUSTED  STORAGE_QUOTA, STORAGE_FULL (the disk; reads go on, the next write tries again), STORAGE_QUEUE_FULL (wait for what was
 *                       sent), VALUE_TOO_LARGE, TRANSACTION_TOO_LARGE, OUT_OF_MEMORY; nothing was changed, but after STORAGE_FULL and
 *                       OUT_OF_MEMORY see STORAGE_IO
 *   UNAVAILABLE         STORAGE_IO: nothing was changed, unless the process ends before the next commit: then it may be there. STORAGE_SYNC_FAILED:
 *                       nothing is written any more until the host is started again. STORAGE_CLOSED, CLOSED: the end of host or instance
 *   DEADLINE_EXCEEDED   STORAGE_DEADLINE: not known yet whether it will be committed
 *   CANCELLED           the instance was given up
 * Functions that wait do so until the deadline of the call their thread is in, on threads of the module's own for 5 s. Usable in every phase. */
#ifndef TENON_STORAGE_H
#define TENON_STORAGE_H
#include "tenon/core.h"
#ifdef __cplusplus
extern "C" {
#endif

#define TENON_STORAGE "tenon.storage/1"

#define TENON_STORAGE_MAX_KEY 512u
#define TENON_STORAGE_MAX_VALUE 1048576u
#define TENON_STORAGE_MAX_CONTENT_TYPE 127u    /* printable ASCII */
#define TENON_STORAGE_MAX_OPS 4096u            /* of one transaction, each key at most once */
#define TENON_STORAGE_MAX_TRANSACTION 8388608u /* bytes of keys, content types and values */
#define TENON_STORAGE_MAX_SPACES 64u           /* open per instance */
#define TENON_STORAGE_MAX_CURSORS 64u          /* open per instance */
#define TENON_STORAGE_ENTRY_COST 64u           /* what an entry counts besides its bytes */

/* A literal as a key or value. */
#ifdef __cplusplus
#define TENON_BYTES(literal) (tenon_bytes{reinterpret_cast<const uint8_t*>("" literal), sizeof("" literal) - 1})
#else
#define TENON_BYTES(literal) ((tenon_bytes){(const uint8_t*)("" literal), sizeof("" literal) - 1})
#endif

/* Flags of open(). */
/* OK means that it survives the end of the process, not a loss of power: for what is written often and may be lost. Never half-written, never out of
 * order; counts for what is written through this id. */
#define TENON_STORAGE_NORMAL 0x1u
/* Never in the state (tenon/state.h): for secrets. Only for the own namespace. Stays so, also over restarts, until the module opens it without. */
#define TENON_STORAGE_SECRET 0x2u

/* What is known of an entry besides its bytes. */
typedef struct tenon_value_info {
  uint32_t struct_size;
  uint32_t content_type_len; /* bytes in content_type, without the NUL */
  uint64_t revision;
  int64_t expires_ns; /* CLOCK_REALTIME; 0 = never */
  uint64_t size;      /* of the whole value, also if the buffer was too small */
  char content_type[128];
} tenon_value_info;

/* How to put. NULL instead of it: no content type, for ever. */
typedef struct tenon_put_options {
  uint32_t struct_size;
  uint32_t reserved;      /* 0 */
  tenon_str content_type; /* printable ASCII; empty = not said */
  int64_t ttl_ns;         /* from the moment of the commit; 0 = never expires */
} tenon_put_options;

/* Kinds of operations. */
#define TENON_STORAGE_PUT 1u
#define TENON_STORAGE_ERASE 2u /* an absent key is no error, unless a revision is expected */
#define TENON_STORAGE_CHECK 3u /* changes nothing, only expects */
/* Flags of operations. */
#define TENON_STORAGE_EXPECT 0x1u /* `expected` must be there, else the whole transaction is ABORTED; always for CHECK */

typedef struct tenon_storage_op {
  uint32_t struct_size;
  uint32_t kind;     /* TENON_STORAGE_PUT, _ERASE, _CHECK */
  uint32_t flags;    /* TENON_STORAGE_EXPECT or 0 */
  uint32_t reserved; /* 0 */
  uint64_t expected; /* revision; 0 = nothing must be there */
  tenon_bytes key;
  tenon_bytes value; /* of PUT, like the two below */
  tenon_str content_type;
  int64_t ttl_ns;
} tenon_storage_op;

typedef struct tenon_storage_row {
  uint32_t struct_size;
  uint32_t reserved;
  tenon_bytes key;
  tenon_bytes value; /* empty from tenon_state.next */
  tenon_str content_type;
  uint64_t revision;
  int64_t expires_ns; /* CLOCK_REALTIME; 0 = never */
} tenon_storage_row;

typedef struct tenon_storage_stats {
  uint32_t struct_size;
  int32_t disk_full; /* 1: the last write of the host failed for want of space */
  uint64_t bytes;    /* the namespace holds, as counted for the quota; what has expired counts for about a second more */
  uint64_t quota;    /* UINT64_MAX = none */
} tenon_storage_stats;

/* The end of commit_async: `status` and, if OK, the revision; else *error says why. Exactly once, in the order of the commits of one namespace, never inside
 * commit_async itself; CANCELLED (not known whether it was committed) for those an instance that leaves does not wait for. [worker] */
typedef void (*tenon_storage_done)(void* data, tenon_status status, uint64_t revision, const tenon_error* error) TENON_NOEXCEPT;

typedef struct tenon_storage {
  uint32_t struct_size;
  uint32_t reserved;
  /* Makes a namespace usable and gives its id, valid until the instance ends; the same name and flags again give the same one. Names: dotted words
   * of A-Z a-z 0-9 _ -, at most 255 bytes. PERMISSION_DENIED; RESOURCE_EXHAUSTED beyond TENON_STORAGE_MAX_SPACES. [control][worker] */
  tenon_status (*open)(tenon_ctx* ctx, tenon_str name, uint32_t flags, tenon_id* out, tenon_error* err) TENON_NOEXCEPT;
  /* The value goes into `buffer` if it is large enough; else nothing is copied, OUT_OF_RANGE, and info->size says what it takes. info may be NULL and
   * is written with OK and OUT_OF_RANGE. Nothing there: NOT_FOUND, reason KEY. [control][worker] */
  tenon_status (*get)(tenon_ctx* ctx, tenon_id space, tenon_bytes key, uint8_t* buffer, size_t capacity, tenon_value_info* info,
                      tenon_error* err) TENON_NOEXCEPT;
  /* options and revision (out) may be NULL. [control][worker] */
  tenon_status (*put)(tenon_ctx* ctx, tenon_id space, tenon_bytes key, tenon_bytes value, const tenon_put_options* options,
                      uint64_t* revision, tenon_error* err) TENON_NOEXCEPT;
  /* An absent key is no error. revision (out) may be NULL. [control][worker] */
  tenon_status (*erase)(tenon_ctx* ctx, tenon_id space, tenon_bytes key, uint64_t* revision, tenon_error* err) TENON_NOEXCEPT;
  /* Puts if the entry has the revision `expected` (0 = if nothing is there), else ABORTED. [control][worker] */
  tenon_status (*compare_and_set)(tenon_ctx* ctx, tenon_id space, tenon_bytes key, uint64_t expected, tenon_bytes value,
                                  const tenon_put_options* options, uint64_t* revision, tenon_error* err) TENON_NOEXCEPT;
  /* All of `count` operations, or nothing. revision (out) may be NULL. [control][worker] */
  tenon_status (*commit)(tenon_ctx* ctx, tenon_id space, const tenon_storage_op* const* ops, size_t count, uint64_t* revision,
                         tenon_error* err) TENON_NOEXCEPT;
  /* The same without waiting: OK = done(data, ...) follows; else it does not. Everything is copied before it returns. [any] */
  tenon_status (*commit_async)(tenon_ctx* ctx, tenon_id space, const tenon_storage_op* const* ops, size_t count, tenon_storage_done done,
                               void* data, tenon_error* err) TENON_NOEXCEPT;
  /* Erases everything in the namespace. revision (out) may be NULL. [control][worker] */
  tenon_status (*clear)(tenon_ctx* ctx, tenon_id space, uint64_t* revision, tenon_error* err) TENON_NOEXCEPT;
  /* A cursor over the entries whose keys begin with `prefix` (empty: all), in the order of keys. It holds nothing open in the store: each batch sees one
   * moment of the namespace; what is there all the time is seen exactly once, what comes or goes meanwhile perhaps. Close it
   * before the function in which it was opened returns to the host: a cursor left open then may be closed at any time, and is at the instance's end.
   * RESOURCE_EXHAUSTED beyond TENON_STORAGE_MAX_CURSORS. [control][worker] */
  tenon_status (*scan)(tenon_ctx* ctx, tenon_id space, tenon_bytes prefix, tenon_id* cursor, tenon_error* err) TENON_NOEXCEPT;
  /* The next rows, at most 256 or 64 KiB (one row is always whole); *count 0 = the end. They live until the next next() or close() of the cursor. One
   * thread at a time: FAILED_PRECONDITION `CURSOR_BUSY`; a stale cursor is NOT_FOUND. [control][worker] */
  tenon_status (*next)(tenon_ctx* ctx, tenon_id cursor, const tenon_storage_row* const** rows, size_t* count,
                       tenon_error* err) TENON_NOEXCEPT;
  tenon_status (*close)(tenon_ctx* ctx, tenon_id cursor) TENON_NOEXCEPT; /* stale: NOT_FOUND. [any] */
  /* Of one namespace. [any] */
  tenon_status (*stats)(tenon_ctx* ctx, tenon_id space, tenon_storage_stats* out, tenon_error* err) TENON_NOEXCEPT;
} tenon_storage;

#ifdef __cplusplus
}
#endif
#endif /* TENON_STORAGE_H */
