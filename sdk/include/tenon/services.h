/* tenon/services.h - named methods that modules offer and call, wherever the provider runs.
 *
 * Names are words of letters, digits, `_` and `-` joined by dots, at most 255 bytes: `orders.create`. A version is a suffix: `orders.create` is
 * `orders.create/1`, and `orders.create/2` is another service. A plugin offers below its own name (`orders.`), and elsewhere only what its manifest
 * asks for and the operator grants; it calls what its manifest asks for. Nothing below `host.` and `tenon.` can be offered.
 *
 * A call runs on the caller's thread, unless the service is TENON_SERVICE_OFFLOAD: then a late handler keeps its caller no longer than the deadline.
 * An inline handler is not interrupted; its result, if late, is discarded as DEADLINE_EXCEEDED. A call without deadline has what is left of
 * the call it is made in, else 5 s. Cancellation goes down the same way.
 *
 * What any call can end with, beside what its handler answers: INVALID_ARGUMENT, NOT_FOUND (nobody offers it; a stale handle), PERMISSION_DENIED,
 * UNAVAILABLE (reason NOT_STARTED: the provider is not there yet; LEAVING; CIRCUIT_OPEN: it failed several times), DEADLINE_EXCEEDED, CANCELLED (reason
 * GIVEN_UP: nobody waits for the call this one is made in), RESOURCE_EXHAUSTED, FAILED_PRECONDITION (reason REENTRANT: the provider is
 * TENON_SERIAL and in a call that waits for this one). A handler that fails, or whose C++ code throws, fails that call only.
 *
 * In create nothing is registered yet; what is registered in init is found by others when init has returned OK, and called when start has returned OK
 * or PENDING. All of it is taken back when the instance leaves, whoever forgot it. */
#ifndef TENON_SERVICES_H
#define TENON_SERVICES_H
#include "tenon/core.h"
#ifdef __cplusplus
extern "C" {
#endif

#define TENON_SERVICES "tenon.services/1"

#define TENON_MESSAGE_MAX 67108864u     /* bytes of a payload */
#define TENON_CONTENT_TYPE_MAX 127u     /* bytes of printable ASCII */
#define TENON_METADATA_MAX 64u          /* pairs */
#define TENON_METADATA_MAX_BYTES 16384u /* of all keys and values */

/* What is asked. Of the caller until the call has returned; call_async copies it. */
typedef struct tenon_request {
  uint32_t struct_size;
  uint32_t reserved; /* 0 */
  tenon_bytes payload;
  tenon_str content_type; /* "application/json"; may be empty */
  const tenon_kv* metadata;
  size_t metadata_count;
} tenon_request;

/* What is answered.
 *
 * The caller sets struct_size, buffer and capacity (NULL, 0 if it has none) and nothing else: the host sets the rest. After OK it reads payload,
 * content_type and metadata, and in the end, if payload.release is not NULL, calls payload.release(payload.owner), once: that ends all three.
 * Without release they lie in the buffer, or live for ever. Whatever fits into the buffer is put there, so a buffer of the
 * usual size means no allocation. After any other status there is nothing in it.
 *
 * The handler finds buffer and capacity (which may be 0), and the rest empty. Its payload is one of: up to capacity bytes written to buffer;
 * memory from tenon_calls.reserve(call, n); bytes that live for ever; all of these with release NULL, copied when it returns unless they lie
 * in the buffer; or a blob with a release, which the host takes whatever the handler returns. content_type and metadata are copied when it returns.
 * A payload that begins in the buffer and ends behind it is INTERNAL `BAD_REPLY`. What the handler writes to struct_size, buffer and capacity is ignored. */
typedef struct tenon_reply {
  uint32_t struct_size;
  uint32_t reserved; /* 0 */
  uint8_t* buffer;
  size_t capacity;
  tenon_blob payload;
  tenon_str content_type;
  const tenon_kv* metadata;
  size_t metadata_count;
} tenon_reply;

/* Answers one request. May defer its call (tenon_calls.defer) and return PENDING: request and reply end with its return, the answer comes by
 * tenon_calls.complete, or by tenon_services.complete if it has a content type or metadata. A status outside 0..16 reads as
 * UNKNOWN; PENDING without defer is INTERNAL. [worker] */
typedef tenon_status (*tenon_service_handler)(void* data, tenon_call* call, const tenon_request* request, tenon_reply* reply,
                                              tenon_error* err) TENON_NOEXCEPT;

/* The outcome of an asynchronous call, exactly once. reply and error are borrowed; to keep the payload copy the blob and set
 * reply->payload.release to NULL (content_type and metadata then live as long as it). After another status than OK reply is empty. [worker] */
typedef void (*tenon_service_done)(void* data, tenon_id id, tenon_status status, tenon_reply* reply,
                                   const tenon_error* error) TENON_NOEXCEPT;

/* tenon_service.flags: bits 0-15 must be understood by the host, else registering is INVALID_ARGUMENT; 16-31 may be ignored. */
#define TENON_SERVICE_OFFLOAD 0x1u        /* always runs on a worker */
#define TENON_SERVICE_DEPRECATED 0x10000u /* each caller is named in the log once */

/* What a module offers. */
typedef struct tenon_service {
  uint32_t struct_size;
  uint32_t flags;
  tenon_str name;
  tenon_service_handler handle;
  void* data;
  /* Called exactly once, after the last handler has returned, on a thread of the host, at the latest some tenths of a second later; not if
   * registering failed or found it there already. It is no turn of a TENON_SERIAL module: it may overlap with one. May be NULL. */
  void (*release)(void* data) TENON_NOEXCEPT;
} tenon_service;

/* NULL = all as described at each member. */
typedef struct tenon_call_options {
  uint32_t struct_size;
  uint32_t reserved; /* 0 */
  int64_t
      deadline_ns; /* CLOCK_MONOTONIC; counts exactly, but never beyond that of the call this one is made in. 0 or INT64_MAX: none of its own */
  tenon_str traceparent; /* W3C, version 00; empty: that of the call, or event, whose handler makes this one on its thread */
} tenon_call_options;

/* What a handler can know of its call. The views live until it returns. */
typedef struct tenon_call_info {
  uint32_t struct_size;
  uint32_t reserved;
  uint64_t caller_generation; /* which life of that module */
  tenon_str caller;           /* name of the module */
  tenon_str service;          /* as registered, without "/1" */
  tenon_str traceparent;      /* may be empty */
} tenon_call_info;

typedef struct tenon_services {
  uint32_t struct_size;
  uint32_t reserved;
  /* Offers a service; *out is its id. Not in create (FAILED_PRECONDITION). The same name, handler and data again: OK and the same id. Else
   * ALREADY_EXISTS, naming who has it. [any] */
  tenon_status (*register_service)(tenon_ctx* ctx, const tenon_service* service, tenon_id* out, tenon_error* err) TENON_NOEXCEPT;
  /* Returns at once: no new call comes, what runs goes on; release comes later. Stale: NOT_FOUND. [any] */
  tenon_status (*unregister)(tenon_ctx* ctx, tenon_id id) TENON_NOEXCEPT;
  /* And waits until its last handler has returned and release was called. Inside of it: FAILED_PRECONDITION. DEADLINE_EXCEEDED: it is
   * unregistered, but not quiet yet. [control][worker] */
  tenon_status (*unregister_wait)(tenon_ctx* ctx, tenon_id id, int64_t deadline_ns) TENON_NOEXCEPT;
  /* 1 if somebody offers it and has come far enough to be seen. [any] */
  int32_t (*has)(tenon_ctx* ctx, tenon_str name) TENON_NOEXCEPT;
  /* A handle for many calls: permission and name are looked at once. It stands for the name: good when the provider is replaced, NOT_FOUND
   * while there is none. NOT_FOUND at once if there is none now. At most 4096 per instance. [any] */
  tenon_status (*resolve)(tenon_ctx* ctx, tenon_str name, tenon_id* handle, tenon_error* err) TENON_NOEXCEPT;
  tenon_status (*release_handle)(tenon_ctx* ctx, tenon_id handle) TENON_NOEXCEPT; /* stale: NOT_FOUND. [any] */
  /* Calls and waits for the answer. options may be NULL. [control][worker] */
  tenon_status (*call)(tenon_ctx* ctx, tenon_id handle, const tenon_request* request, tenon_reply* reply, const tenon_call_options* options,
                       tenon_error* err) TENON_NOEXCEPT;
  tenon_status (*call_by_name)(tenon_ctx* ctx, tenon_str name, const tenon_request* request, tenon_reply* reply,
                               const tenon_call_options* options, tenon_error* err) TENON_NOEXCEPT; /* [control][worker] */
  /* Calls on a worker. OK: `done` comes exactly once, also for a refusal by the provider. Any other status: it does not come. *id (which
   * may be NULL) is good until done. [any] */
  tenon_status (*call_async)(tenon_ctx* ctx, tenon_id handle, const tenon_request* request, const tenon_call_options* options,
                             tenon_service_done done, void* data, tenon_id* id, tenon_error* err) TENON_NOEXCEPT;
  tenon_status (*call_async_by_name)(tenon_ctx* ctx, tenon_str name, const tenon_request* request, const tenon_call_options* options,
                                     tenon_service_done done, void* data, tenon_id* id, tenon_error* err) TENON_NOEXCEPT; /* [any] */
  /* Gives an asynchronous call up: done gets CANCELLED. NOT_FOUND: it is answered already. [any] */
  tenon_status (*cancel)(tenon_ctx* ctx, tenon_id id) TENON_NOEXCEPT;
  /* As tenon_calls.complete, with all of a reply: payload as from a handler (release taken whatever this returns, else copied), buffer
   * unused. reply and error may be NULL. INVALID_ARGUMENT: the struct_size of reply is not set; nothing of it was taken, and the call is still to be
   * ended. [any] */
  tenon_status (*complete)(tenon_ctx* ctx, tenon_id id, tenon_status status, const tenon_error* error, tenon_reply* reply) TENON_NOEXCEPT;
  /* Fills *out, as far as its struct_size reaches. FAILED_PRECONDITION for a call that is none of a service. Of the handler's thread. [control][worker] */
  tenon_status (*info)(tenon_call* call, tenon_call_info* out) TENON_NOEXCEPT;
} tenon_services;

#ifdef __cplusplus
}
#endif
#endif /* TENON_SERVICES_H */
