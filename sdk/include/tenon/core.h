/* tenon/core.h - the contract between a Tenon host and a module, ABI major 1.
 *
 * A module is a shared object that exports one symbol, the constant `tenon_entry_v1`. Everything else is reached through
 * tables of functions: the host reads the module's tables from the entry, the module asks the host for tables by a string
 * id (`host->query(ctx, "tenon.log/1")`). One interface = one header; this one holds what all of them share.
 *
 * Rules that hold everywhere, so that they are not repeated below:
 *  - C11 / C++17 over <stdint.h>, <stddef.h>. No enum, bool, long, bit-field, union or "..." crosses the boundary.
 *  - Text is UTF-8 in a tenon_str; there may be no terminating NUL. An empty one may have ptr NULL.
 *  - A view (tenon_str, tenon_bytes, const T *) is borrowed until the call that received it returns. A *returned* view says
 *    in its comment how long it lives. Keep it = copy it.
 *  - Whoever allocates a struct sets struct_size; the other side touches no byte beyond it. Fields are only ever appended.
 *    Arrays are arrays of pointers to such structs. tenon_str, tenon_bytes, tenon_kv, tenon_blob are frozen for ever.
 *  - Memory is never shared through malloc: who allocates frees, through the `release` it gave if others end its use.
 *  - Nothing unwinds through a function pointer: it would terminate the process. TENON_NOEXCEPT is part of the types.
 *  - The callee returns an error and does not log it; the host logs it once, with module, phase and call.
 *  - Each function ends its comment with its threads:
 *      [control] one at a time per instance, may block until the deadline of its call; the thread may differ each time
 *      [worker]  concurrent, may block until the deadline of its call
 *      [any]     any thread, never blocks, never calls back
 *
 * Growth: a function is appended to a table and guarded by TENON_HAS; a changed meaning is a new id ("tenon.log/2") and both
 * are offered. Promise: a module built against 1.x loads in every host 1.y with y >= x; with y < x too, if its needs are met. */
#ifndef TENON_CORE_H
#define TENON_CORE_H

#include <stddef.h>
#include <stdint.h>

#define TENON_ABI_MAJOR 1u /* is in the entry symbol's name: a break needs a new symbol */
#define TENON_ABI_MINOR 0u /* additions only */
#define TENON_SDK_VERSION "1.0"

#define TENON_EXPORT __attribute__((visibility("default")))

/* Does *p reach as far as field f, and is f set? p comes from the other side and carries struct_size. */
#define TENON_HAS(p, f) ((p)->struct_size >= offsetof(__typeof__(*(p)), f) + sizeof((p)->f) && (p)->f)

/* Bytes of a table up to and with its last member used: what a module needs of it. Never sizeof of the newest header:
 * that would refuse older hosts for functions that are not called. */
#define TENON_UP_TO(type, member) ((uint32_t)(offsetof(type, member) + sizeof(((type*)0)->member)))

#ifdef __cplusplus
#define TENON_NOEXCEPT noexcept /* a throwing function in a table does not compile */
extern "C" {
#else
#define TENON_NOEXCEPT
#endif

/* ---- values: frozen for ever --------------------------------------------------------------------------------------- */

typedef struct tenon_str {
  const char* ptr;
  size_t len;
} tenon_str;

typedef struct tenon_bytes {
  const uint8_t* ptr;
  size_t len;
} tenon_bytes;

typedef struct tenon_kv {
  tenon_str key, value;
} tenon_kv;

/* Bytes that change owner. The consumer calls release(owner) exactly once, on any thread; NULL: static storage or empty.
 * A consumer that passes them on clears release in its own copy. */
typedef struct tenon_blob {
  const uint8_t* ptr;
  size_t len;
  void (*release)(void* owner) TENON_NOEXCEPT;
  void* owner;
} tenon_blob;

/* google.rpc.Code 0..16: all defined now, an unknown one reads as UNKNOWN. */
typedef int32_t tenon_status;
#define TENON_OK 0
#define TENON_CANCELLED 1
#define TENON_UNKNOWN 2
#define TENON_INVALID_ARGUMENT 3
#define TENON_DEADLINE_EXCEEDED 4
#define TENON_NOT_FOUND 5
#define TENON_ALREADY_EXISTS 6
#define TENON_PERMISSION_DENIED 7
#define TENON_RESOURCE_EXHAUSTED 8
#define TENON_FAILED_PRECONDITION 9
#define TENON_ABORTED 10
#define TENON_OUT_OF_RANGE 11
#define TENON_UNIMPLEMENTED 12
#define TENON_INTERNAL 13
#define TENON_UNAVAILABLE 14
#define TENON_DATA_LOSS 15
#define TENON_UNAUTHENTICATED 16
/* Not an end: exactly one tenon_calls.complete() follows. Only from functions that say so, after tenon_calls.defer(). */
#define TENON_PENDING 1000

/* Allocated by the caller, normally on its stack: reporting an error cannot fail or leak. May be NULL. Written only when the
 * returned status is neither OK nor PENDING; the status returned counts, `status` here is a copy. */
typedef struct tenon_error {
  uint32_t struct_size;
  tenon_status status;
  int32_t sys_errno;    /* errno of the system call that failed, or 0 (`errno` is a macro, hence the name) */
  uint32_t message_len; /* bytes in message, without the NUL */
  char reason[48];      /* for programs: UPPER_SNAKE, NUL-terminated */
  char message[192];    /* for people: one sentence, cut at a character boundary, NUL-terminated */
} tenon_error;

typedef struct tenon_ctx tenon_ctx;   /* one instance's seat in the host: from create until destroy has returned */
typedef struct tenon_call tenon_call; /* one call: until the function that received it returns */
typedef uint64_t tenon_id;            /* generational: a registration or a deferred call; 0 = none; a stale one is NOT_FOUND */

/* ---- what a module gives ------------------------------------------------------------------------------------------- */

/* The life of an instance:
 *   create > pre_init > init > post_init > start > stop > destroy
 * NULL = nothing to do: not called, not timed. Each is called at most once. `stop` runs if and only if start was called
 * (whatever it returned; a module without start counts as started at its turn); `destroy` if and only if create returned OK.
 * The call carries deadline and cancellation (tenon/calls.h). A missed deadline is a failure: the host goes on without
 * waiting, and a later answer is ignored. Every status but OK (and PENDING where allowed) fails the module. */
typedef struct tenon_lifecycle {
  uint32_t struct_size;
  uint32_t reserved; /* 0 */
  /* Light: look up tables, read configuration, allocate *self. Nothing is registered here. [control] */
  tenon_status (*create)(tenon_ctx* ctx, tenon_call* call, void** self, tenon_error* err) TENON_NOEXCEPT;
  /* RuntimeModules only: wires the host's internals. [control] */
  tenon_status (*pre_init)(void* self, tenon_call* call, tenon_error* err) TENON_NOEXCEPT;
  /* Registers what others use; becomes visible as a whole when this returned OK. A failed init leaves nothing. [control] */
  tenon_status (*init)(void* self, tenon_call* call, tenon_error* err) TENON_NOEXCEPT;
  /* RuntimeModules only: every init of every module is done. [control] */
  tenon_status (*post_init)(void* self, tenon_call* call, tenon_error* err) TENON_NOEXCEPT;
  /* Begins work. May return PENDING and complete the deferred call when it really serves, or has failed. [control] */
  tenon_status (*start)(void* self, tenon_call* call, tenon_error* err) TENON_NOEXCEPT;
  /* Ends work: on return no thread of the module runs. A fresh call with its own deadline. May return PENDING. [control] */
  tenon_status (*stop)(void* self, tenon_call* call, tenon_error* err) TENON_NOEXCEPT;
  /* Frees self. Afterwards the module is never entered again. [control] */
  void (*destroy)(void* self) TENON_NOEXCEPT;
} tenon_lifecycle;

/* A host interface the module uses; checked before anything of the module runs, and equal to the manifest's `needs`. */
typedef struct tenon_need {
  uint32_t struct_size;
  uint32_t min_size; /* TENON_UP_TO(table, last member used); 0 = the table as of its first release */
  uint32_t optional; /* 1: query may return NULL */
  uint32_t reserved; /* 0 */
  tenon_str id;
} tenon_need;

/* tenon_module.flags: bits 0-15 must be understood by the host, else it refuses the module; 16-31 may be ignored. */
#define TENON_SERIAL 0x1u /* [control] and [worker] callbacks of one instance never overlap */

typedef struct tenon_module {
  uint32_t struct_size;
  uint32_t flags;
  tenon_str name, version; /* as in the manifest */
  const tenon_need* const* needs;
  size_t need_count;
  const tenon_lifecycle* lifecycle;
  /* Capability tables the module offers the host, by id; NULL for all others. Constant data whose functions take self. Touches no module
   * state, callable before create. May be NULL itself. [any] */
  const void* (*query)(tenon_str id)TENON_NOEXCEPT;
} tenon_module;

#define TENON_MAGIC UINT64_C(0x31562d4e4f4e4554) /* "TENON-V1" in memory */

/* Read without running code. Several modules in one file: the manifest's name selects one. */
typedef struct tenon_entry {
  uint64_t magic;
  uint32_t struct_size;
  uint16_t abi_major, abi_minor; /* of the header it was compiled with */
  const tenon_module* const* modules;
  size_t module_count;
} tenon_entry;

/* The only symbol a module exports. Data, not a function: reading it runs no code; the major is in the name. */
extern TENON_EXPORT const tenon_entry tenon_entry_v1;

/* ---- what the host gives ------------------------------------------------------------------------------------------- */

typedef struct tenon_host {
  uint32_t struct_size;
  uint16_t abi_major, abi_minor;
  tenon_str name, version; /* "tenond", "0.1.0"; live as long as the process */
  tenon_str instance_id;   /* UUIDv4 of this process */
  /* The table of an interface ("tenon.log/1"), or NULL if this host does not offer it, or not to this module. It lives as long as
   * ctx and its pointers never change: look up once, in create, and keep it. [any] */
  const void* (*query)(tenon_ctx* ctx, tenon_str id)TENON_NOEXCEPT;
} tenon_host;

struct tenon_ctx {
  const tenon_host* host; /* the host's own data follows */
};

/* ---- writing a module ---------------------------------------------------------------------------------------------- */

/* A literal as a tenon_str, in initialisers and expressions. */
#ifdef __cplusplus
#define TENON_STR(literal) (tenon_str{"" literal, sizeof("" literal) - 1})
#else
#define TENON_STR(literal) ((tenon_str){"" literal, sizeof("" literal) - 1})
#endif
/* The same for static initialisers of C structs. */
#define TENON_STR_INIT(literal) \
  { "" literal, sizeof("" literal) - 1 }

/* Static need of an interface up to a member: TENON_NEED(needs_log, TENON_LOG, tenon_log, write); */
#define TENON_NEED(variable, id_literal, table, member) \
  static const tenon_need variable = {sizeof(tenon_need), TENON_UP_TO(table, member), 0u, 0u, TENON_STR_INIT(id_literal)}
#define TENON_NEED_OPTIONAL(variable, id_literal, table, member) \
  static const tenon_need variable = {sizeof(tenon_need), TENON_UP_TO(table, member), 1u, 0u, TENON_STR_INIT(id_literal)}

/* Defines the entry symbol of a file with one module: TENON_ENTRY(my_module); Its visibility comes from the declaration above (g++ ignores
 * the attribute when a definition repeats it, and says so). */
#define TENON_ENTRY(module_variable)                                             \
  static const tenon_module* const tenon_entry_modules[] = {&(module_variable)}; \
  const tenon_entry tenon_entry_v1 = {TENON_MAGIC, sizeof(tenon_entry), TENON_ABI_MAJOR, TENON_ABI_MINOR, tenon_entry_modules, 1}

/* ---- the manifest in the file: YAML as a loadable ELF note ----------------------------------------------------------- */

#define TENON_NOTE_SECTION ".note.tenon.manifest"
#define TENON_NOTE_OWNER "TENON"
#define TENON_NOTE_TYPE 0x544e0001u
#define TENON_NOTE_MAX 262144u /* bytes of YAML */

#ifdef __clang__ /* keeps the address sanitizer's red zone out of the note, which would break the notes behind it */
#define TENON_NOTE_ATTR section(TENON_NOTE_SECTION), used, aligned(4), no_sanitize("address")
#else
#define TENON_NOTE_ATTR section(TENON_NOTE_SECTION), used, aligned(4)
#endif
/* By hand; tenon_add_module(... MANIFEST x.yaml) does it from a file. The terminating NUL is part of the note and is ignored. */
#define TENON_MANIFEST(yaml)                               \
  __attribute__((TENON_NOTE_ATTR)) static const struct {   \
    uint32_t namesz, descsz, type;                         \
    char name[8], desc[(sizeof(yaml) + 3u) & ~(size_t)3u]; \
  } tenon_manifest_note = {6u, (uint32_t)sizeof(yaml), TENON_NOTE_TYPE, TENON_NOTE_OWNER, yaml}

#ifdef __cplusplus
}
#endif
#endif /* TENON_CORE_H */
