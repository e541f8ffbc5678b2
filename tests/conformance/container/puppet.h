/* What the puppet and the test know of each other. The puppet is a module in C whose own code calls the host, as the test tells it, and whose
 * callbacks ask the test what to do. It finds the test's hooks in the program that loads it. */
#ifndef TENON_TEST_CONTAINER_PUPPET_H
#define TENON_TEST_CONTAINER_PUPPET_H
#include <tenon/calls.h>
#include <tenon/container.h>

#ifdef __cplusplus
extern "C" {
#endif

/* What the puppet provides. */
typedef struct puppet_table {
  uint32_t struct_size, reserved;
  int32_t (*value)(void* self) TENON_NOEXCEPT;
} puppet_table;

/* Functions of the puppet; `data` comes back in the hooks. */
typedef struct puppet_api {
  tenon_ctx* ctx;
  tenon_status (*provide)(tenon_ctx*, const tenon_token*, uint32_t flags, void* data, tenon_id* out, tenon_error*) TENON_NOEXCEPT;
  tenon_status (*provide_factory)(tenon_ctx*, const tenon_token*, uint32_t lifetime, uint32_t flags, void* data, tenon_id* out,
                                  tenon_error*) TENON_NOEXCEPT;
  tenon_status (*withdraw)(tenon_ctx*, tenon_id) TENON_NOEXCEPT;
  tenon_status (*withdraw_wait)(tenon_ctx*, tenon_id, int64_t deadline_ns) TENON_NOEXCEPT;
  /* *value: what the leased table answers */
  tenon_status (*acquire)(tenon_ctx*, const tenon_token*, tenon_id scope, tenon_id* out, int32_t* value, tenon_error*) TENON_NOEXCEPT;
  tenon_status (*release)(tenon_ctx*, tenon_id) TENON_NOEXCEPT;
  tenon_status (*open_scope)(tenon_ctx*, tenon_id outer, const tenon_scope*, tenon_id* out, tenon_error*) TENON_NOEXCEPT;
  tenon_status (*close_scope)(tenon_ctx*, tenon_id) TENON_NOEXCEPT;
  tenon_status (*describe_scope)(tenon_ctx*, tenon_id, tenon_scope* out, tenon_error*) TENON_NOEXCEPT;
} puppet_api;

typedef struct puppet_hooks {
  void* test;
  void (*created)(void* test, const char* name, const puppet_api* api) TENON_NOEXCEPT;
  void (*started)(void* test, const char* name, tenon_id call_scope, tenon_id again) TENON_NOEXCEPT; /* inside start */
  void (*destroyed)(void* test, const char* name) TENON_NOEXCEPT;
  int32_t (*value)(void* data) TENON_NOEXCEPT;
  tenon_status (*make)(void* data, tenon_id scope) TENON_NOEXCEPT;
  void (*disposed)(void* data) TENON_NOEXCEPT;
  void (*released)(void* data) TENON_NOEXCEPT;
} puppet_hooks;

/* Defined by the test. */
extern TENON_EXPORT puppet_hooks tenon_container_hooks;

#ifdef __cplusplus
}
#endif
#endif
