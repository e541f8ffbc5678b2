/* tenon/lease.h - instances of other modules, by token, and the scopes they live in. In-process only.
 *
 * A token names an interface between modules and its major, "catalog.client/1", and has a key where several modules provide it. Behind it
 * stands a table of functions that take `self`, as the host's own tables are: its first member is a uint32_t with its size in bytes, it grows by
 * appending, and a changed meaning is a new major. Both ends agree on it in a header of the provider's:
 *
 *     typedef struct catalog_client {
 *       uint32_t struct_size, reserved;
 *       int64_t (*price)(void* self, int64_t article) TENON_NOEXCEPT;
 *     } catalog_client;
 *     TENON_TOKEN(catalog_token, "catalog.client/1", "", catalog_client, price);
 *
 * A lease gives the provider's own two pointers, and a call through them is a pointer call: nothing of the host is in between, so nothing checks
 * its thread or its deadline, and TENON_SERIAL of the provider does not hold for it. What the lease does: the provider is not destroyed, and the
 * instance not disposed, before it has ended. It ends with release(), with the scope it was acquired in, or after the destroy of its holder.
 *
 * Whose tokens may be acquired the manifest says: `requires` has to name the provider. So leases never form a circle.
 *
 * A scope is where something is made once: the root, a request, a job. Scopes nest. When one ends, what was made in it is disposed, the youngest
 * first, and its leases end.
 *
 * Rationale: no proxy, because what it could check costs more than what is called; whoever needs the checks offers services. */
#ifndef TENON_LEASE_H
#define TENON_LEASE_H
#include "tenon/core.h"
#ifdef __cplusplus
extern "C" {
#endif

#define TENON_LEASE "tenon.lease/1"

typedef struct tenon_token {
  uint32_t struct_size;
  uint32_t min_size; /* acquire: bytes of the table that are used, TENON_UP_TO(table, last member); an older provider is refused */
  tenon_str name;    /* dotted words and the major: "catalog.client/1" */
  tenon_str key;     /* dotted words, or empty */
} tenon_token;

/* TENON_TOKEN(variable, "catalog.client/1", "" or a key, catalog_client, last member used); */
#define TENON_TOKEN(variable, name_literal, key_literal, table, member)                                               \
  static const tenon_token variable = {sizeof(tenon_token), TENON_UP_TO(table, member), TENON_STR_INIT(name_literal), \
                                       TENON_STR_INIT(key_literal)}

/* Filled by acquire. */
typedef struct tenon_leased {
  uint32_t struct_size;
  uint32_t reserved;
  tenon_id id;       /* for release */
  const void* table; /* the provider's, at least min_size bytes; both until the lease has ended */
  void* self;
} tenon_leased;

#define TENON_SCOPE_ROOT 0u
#define TENON_SCOPE_REQUEST 1u
#define TENON_SCOPE_JOB 2u

/* What a scope carries. The texts mean nothing to the host; each is at most 1024 bytes. */
typedef struct tenon_scope {
  uint32_t struct_size;
  uint32_t kind; /* TENON_SCOPE_* */
  tenon_str request_id;
  tenon_str tenant;
  tenon_str auth;
  int64_t deadline_ns; /* CLOCK_MONOTONIC; INT64_MAX = none */
} tenon_scope;

typedef struct tenon_lease {
  uint32_t struct_size;
  uint32_t reserved;
  /* An instance in `scope`, 0 = the root. One that is there already costs no lock and no memory. Else its factory runs on this thread, or one
   * that runs on another thread is waited for, until the deadline of the call this thread is in (5 s if it is in none). In start or later:
   * before, other modules are not called. A module acquires its own tokens at any time.
   * NOT_FOUND `NO_PROVIDER`, `NO_SCOPE`. FAILED_PRECONDITION `NOT_REQUIRED` (the message has the line the manifest needs), `TABLE_TOO_SMALL`,
   * `NEEDS_SCOPE` (a scoped token in the root), `CAPTIVE_SCOPE` (a factory would keep what ends earlier than what it makes), `CYCLE` (with the
   * path, across threads too), `REENTRANT` (a serial provider is in a call that waits for this). UNAVAILABLE `NOT_STARTED`, `LEAVING`.
   * RESOURCE_EXHAUSTED beyond 65536 leases. DEADLINE_EXCEEDED, CANCELLED. Else what the factory answered: it is tried again at the next acquire.
   * [control][worker] */
  tenon_status (*acquire)(tenon_ctx* ctx, const tenon_token* token, tenon_id scope, tenon_leased* out, tenon_error* err) TENON_NOEXCEPT;
  /* NOT_FOUND: it has ended already. What has to be disposed because of it is, on a thread of the host. [any] */
  tenon_status (*release)(tenon_ctx* ctx, tenon_id lease) TENON_NOEXCEPT;
  /* The scope of the call, made when it is asked for first, that of a request in a service, of a job elsewhere. It ends when the function that
   * received the call has returned; what goes on after that (PENDING) opens a scope of its own.
   * `said` counts if the scope is made by this, and may be NULL (kind is ignored). What it leaves empty comes from the scope of the call
   * this one was made in on the same thread. What a RuntimeModule says goes on to calls made within; what a plugin says stays its own. A
   * request id is made if there is none. On the thread of the call. [control][worker] */
  tenon_status (*call_scope)(tenon_ctx* ctx, tenon_call* call, const tenon_scope* said, tenon_id* out, tenon_error* err) TENON_NOEXCEPT;
  /* A scope of the module's own, within another one of its own or in the root (0). What `said` leaves empty comes from the outer one, the earlier
   * deadline counts; NULL = a job that says nothing. Closed after stop at the latest. NOT_FOUND `NO_SCOPE`; RESOURCE_EXHAUSTED beyond 16384 scopes, or
   * 64 in one another. [any] */
  tenon_status (*open_scope)(tenon_ctx* ctx, tenon_id outer, const tenon_scope* said, tenon_id* out, tenon_error* err) TENON_NOEXCEPT;
  /* Ends a scope opened by open_scope, and those in it. Disposers run here as far as nobody has to be waited for, the rest on threads of the host, in
   * order. NOT_FOUND: it has ended, or is not the module's. [control][worker] */
  tenon_status (*close_scope)(tenon_ctx* ctx, tenon_id scope) TENON_NOEXCEPT;
  /* What a scope carries; 0 = the root, which carries nothing. The texts live until it ends. A factory may ask for the scope it was given. [any] */
  tenon_status (*describe_scope)(tenon_ctx* ctx, tenon_id scope, tenon_scope* out, tenon_error* err) TENON_NOEXCEPT;
} tenon_lease;

#ifdef __cplusplus
}
#endif
#endif /* TENON_LEASE_H */
