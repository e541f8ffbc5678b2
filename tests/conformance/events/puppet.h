/* What the puppet and the test know of each other. The puppet is a module in C whose own code calls the host, as the test tells it, and whose
 * handlers ask the test what to do. It finds the test's `puppet_hooks` in the program that loads it. */
#ifndef TENON_TEST_PUPPET_H
#define TENON_TEST_PUPPET_H
#include <tenon/calls.h>
#include <tenon/events.h>
#include <tenon/tasks.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Functions of the puppet, with its tables. */
typedef struct puppet_api {
  tenon_ctx* ctx;
  const tenon_calls* calls;
  tenon_status (*publish)(tenon_ctx*, const tenon_event_draft*, uint64_t* id, tenon_error*) TENON_NOEXCEPT;
  tenon_status (*forget)(tenon_ctx*, tenon_str topic, tenon_error*) TENON_NOEXCEPT;
  tenon_status (*subscribe)(tenon_ctx*, tenon_str pattern, void* data, const tenon_event_options*, tenon_id* out,
                            tenon_error*) TENON_NOEXCEPT;
  tenon_status (*unsubscribe)(tenon_ctx*, tenon_id) TENON_NOEXCEPT;
  tenon_status (*unsubscribe_wait)(tenon_ctx*, tenon_id, int64_t deadline_ns, tenon_error*) TENON_NOEXCEPT;
  tenon_status (*stats)(tenon_ctx*, tenon_id, tenon_event_stats*) TENON_NOEXCEPT;
  /* kind: TENON_TASK_*; number: delay, interval or zone; text: the schedule; options: of a loop */
  tenon_status (*add_task)(tenon_ctx*, int32_t kind, int64_t number, tenon_str text, tenon_str name, int64_t timeout_ns, void* data,
                           const tenon_loop_options* options, tenon_id* out, tenon_error*) TENON_NOEXCEPT;
  tenon_status (*cancel)(tenon_ctx*, tenon_id) TENON_NOEXCEPT;
  tenon_status (*cancel_wait)(tenon_ctx*, tenon_id, int64_t deadline_ns, tenon_error*) TENON_NOEXCEPT;
  tenon_status (*task_status)(tenon_ctx*, tenon_id, tenon_task_status*) TENON_NOEXCEPT;
} puppet_api;

typedef struct puppet_hooks {
  void* test;
  void (*created)(void* test, const puppet_api* api) TENON_NOEXCEPT;
  tenon_status (*init)(void* test) TENON_NOEXCEPT;
  tenon_status (*stop)(void* test) TENON_NOEXCEPT;
  tenon_status (*event)(void* data, tenon_call* call, const tenon_event* event) TENON_NOEXCEPT;
  tenon_status (*task)(void* data, tenon_call* call) TENON_NOEXCEPT;
  void (*released)(void* data) TENON_NOEXCEPT;
} puppet_hooks;

/* Defined by the test. */
extern TENON_EXPORT puppet_hooks tenon_puppet_hooks;

#ifdef __cplusplus
}
#endif
#endif
