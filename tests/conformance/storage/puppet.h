/* What the test and the puppet share: the puppet makes the calls and has the handlers, the test says which. */
#ifndef PUPPET_H
#define PUPPET_H
#include "tenon/state.h"
#include "tenon/storage.h"

#ifdef __cplusplus
extern "C" {
#endif

/* The environment variable with the address of a puppet_bridge, in hexadecimal. */
#define PUPPET_VARIABLE "TENON_TEST_PUPPET"

/* Filled in by the puppet in create: its own functions, which call those of the host with its ctx. */
typedef struct puppet_bridge {
  tenon_ctx* ctx;
  const tenon_storage* storage;
  const tenon_state* state;
} puppet_bridge;

/* What is passed as `data` to commit_async and watch; the functions there are those below, whatever is passed. */
typedef struct puppet_done {
  tenon_storage_done done;
  void* data;
} puppet_done;
typedef struct puppet_watch {
  tenon_state_changed fn;
  void (*release)(void* data) TENON_NOEXCEPT;
  void* data;
} puppet_watch;

#ifdef __cplusplus
}
#endif
#endif
