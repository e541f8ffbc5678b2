/* What the puppets and the test that pulls their strings know of each other. */
#ifndef PUPPET_H
#define PUPPET_H
#include <tenon/calls.h>
#include <tenon/services.h>
#ifdef __cplusplus
extern "C" {
#endif

typedef struct puppet_strings puppet_strings;

/* The module's side: its own code makes the calls of the host. */
typedef struct puppet {
  tenon_ctx* ctx;
  const tenon_services* services;
  const tenon_calls* calls;
  tenon_status (*call)(const struct puppet*, tenon_id handle, const tenon_request*, tenon_reply*, const tenon_call_options*, tenon_error*);
  tenon_status (*call_by_name)(const struct puppet*, tenon_str name, const tenon_request*, tenon_reply*, const tenon_call_options*,
                               tenon_error*);
  /* By name if handle is 0; `data` comes back in done. */
  tenon_status (*call_async)(const struct puppet*, tenon_id handle, tenon_str name, const tenon_request*, const tenon_call_options*,
                             void* data, tenon_id* id, tenon_error*);
  /* `data` comes back in handle and released. */
  tenon_status (*offer)(const struct puppet*, tenon_str name, uint32_t flags, void* data, tenon_id*, tenon_error*);
  /* `data` comes back in ended. */
  tenon_status (*on_cancel)(const struct puppet*, tenon_id, void* data);
} puppet;

/* The test's side; its address stands in the environment as TENON_PUPPET. */
struct puppet_strings {
  void (*created)(const char* name, const puppet*);
  tenon_status (*init)(const puppet*);
  tenon_status (*stop)(const puppet*);
  tenon_status (*handle)(void* data, tenon_call*, const tenon_request*, tenon_reply*, tenon_error*);
  void (*released)(void* data);
  void (*done)(void* data, tenon_id, tenon_status, tenon_reply*, const tenon_error*);
  void (*ended)(void* data, tenon_status why);
};

#ifdef __cplusplus
}
#endif
#endif
