/* tenon/container.h - instances and factories a module provides to others, by token. In-process only. tenon/lease.h says what a token is.
 *
 * What is provided in init is found when init has returned OK and given when start has returned OK or PENDING; only modules that require this one get it.
 * A plugin provides what is below its own name ("catalog.client/1" of `catalog`), and interfaces of others under a key that is its name or below
 * it ("payments.gateway/1", key "stripe"); so nobody takes a token that is not his.
 *
 * Who holds an instance keeps it: after withdraw, after it was replaced, and after the stop of its provider. Just before the provider's destroy
 * the host waits until nobody holds anything of it, disposes what factories have made, the youngest first, and calls each `release`. A holder that
 * hangs for good leaves the provider as it is: it is not destroyed.
 *
 * Factories and disposers are callbacks of the provider: through its gate, never two at a time if it is TENON_SERIAL, never with a lock of the
 * host held. */
#ifndef TENON_CONTAINER_H
#define TENON_CONTAINER_H
#include "tenon/lease.h"
#ifdef __cplusplus
extern "C" {
#endif

#define TENON_CONTAINER "tenon.container/1"

typedef struct tenon_instance {
  uint32_t struct_size;
  uint32_t reserved;
  const void* table; /* begins with a uint32_t: its size in bytes, at least 8; constant as long as somebody may hold it */
  void* self;
} tenon_instance;

#define TENON_SINGLETON 0u /* made once, at the first acquire, however many threads ask */
#define TENON_SCOPED 1u    /* made once in each scope, disposed with it; not in the root */
#define TENON_TRANSIENT 2u /* made for each lease, disposed when that ends */

typedef struct tenon_factory {
  uint32_t struct_size;
  uint32_t lifetime; /* TENON_SINGLETON ... */
  /* Fills *out, which the host has cleared. `scope` is where what is made lives, and where it acquires what it needs: 0 for a singleton, which never gets
   * anything scoped. May not return PENDING. Any status but OK is what acquire answers; the next acquire tries again. [worker] */
  tenon_status (*make)(void* data, tenon_call* call, tenon_id scope, tenon_instance* out, tenon_error* err) TENON_NOEXCEPT;
  /* Ends what make has made; nobody holds it any more. Exactly once. NULL: nothing to do. [worker] */
  void (*dispose)(void* data, void* self) TENON_NOEXCEPT;
} tenon_factory;

/* Takes the place of the module's own offer for the same token. Who holds the old one keeps it. */
#define TENON_PROVIDE_REPLACE 0x1u

typedef struct tenon_container {
  uint32_t struct_size;
  uint32_t reserved;
  /* Offers an instance. `release(data)`, if not NULL, comes exactly once, when nobody holds it any more; not if this fails. The same table and self
   * for the same token again: the same id (`release` of the second call is not called). ALREADY_EXISTS `TAKEN` naming who has it; PERMISSION_DENIED
   * `FOREIGN_TOKEN`; INVALID_ARGUMENT `BAD_TOKEN`, `BAD_KEY`, `BAD_INSTANCE`, `BAD_FLAGS`; UNAVAILABLE `LEAVING`; RESOURCE_EXHAUSTED beyond 4096. [any] */
  tenon_status (*provide)(tenon_ctx* ctx, const tenon_token* token, const tenon_instance* instance, uint32_t flags, void* data,
                          void (*release)(void* data) TENON_NOEXCEPT, tenon_id* out, tenon_error* err) TENON_NOEXCEPT;
  /* The same with a factory, which is called with `data`; *factory is copied. The same factory, lifetime and data again: the same id. Also
   * INVALID_ARGUMENT `NO_FACTORY`, `BAD_LIFETIME`. [any] */
  tenon_status (*provide_factory)(tenon_ctx* ctx, const tenon_token* token, const tenon_factory* factory, uint32_t flags, void* data,
                                  void (*release)(void* data) TENON_NOEXCEPT, tenon_id* out, tenon_error* err) TENON_NOEXCEPT;
  /* Nobody gets it any more; returns at once. NOT_FOUND. [any] */
  tenon_status (*withdraw)(tenon_ctx* ctx, tenon_id id) TENON_NOEXCEPT;
  /* And waits until nobody holds it and `release` has returned. DEADLINE_EXCEEDED: it is withdrawn all the same. FAILED_PRECONDITION inside one of its
   * own callbacks. [control][worker] */
  tenon_status (*withdraw_wait)(tenon_ctx* ctx, tenon_id id, int64_t deadline_ns) TENON_NOEXCEPT;
} tenon_container;

#ifdef __cplusplus
}
#endif
#endif /* TENON_CONTAINER_H */
