/* kv_c: a key-value store as services, in C. What belongs to a request stands in its metadata, the value is the payload:
 *
 *   kv_c.put     key [ttl_ms]            payload = value   -> revision
 *   kv_c.cas     key expected [ttl_ms]   payload = value   -> revision; ABORTED unless the entry has that revision (0 = unless there is none)
 *   kv_c.delete  key [expected]                            -> revision
 *   kv_c.get     key                                       -> payload, content type, revision [expires_ns]
 *   kv_c.scan    [prefix] [limit]                          -> [{"key":"a","revision":7,"bytes":3},...]; truncated=true if there are more
 *
 * Keys are 1 to 256 printable characters without spaces. Writes are answered when they are on disk, without a thread that waits for it. What storage
 * refuses (a full quota, a full disk, a conflict) is passed on with its reason. Changes of keys are published as `kv_c.changed`. */
#include <inttypes.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "request.h"
#include "tenon/calls.h"
#include "tenon/config.h"
#include "tenon/core.h"
#include "tenon/events.h"
#include "tenon/services.h"
#include "tenon/state.h"
#include "tenon/storage.h"
#include "text.h"

#define SCAN_LIMIT 100u
#define SCAN_LIMIT_MAX 1000u
#define TTL_MAX_MS UINT64_C(3155760000000) /* 100 years */

struct kv_c {
  tenon_ctx* ctx;
  const tenon_config* config;
  const tenon_calls* calls;
  const tenon_services* services;
  const tenon_events* events;
  const tenon_storage* storage;
  const tenon_state* state;
  tenon_id stored, seen; /* the namespace in storage and in state */
  atomic_uint_fast64_t max_value;
  atomic_int_fast64_t default_ttl_ns;
};

/* ---- writing: answered when it is on disk ------------------------------------------------------------------------------- */

struct write {
  struct kv_c* kv;
  tenon_id call;
};

static void written(void* data, tenon_status status, uint64_t revision, const tenon_error* error) {
  struct write* w = data;
  char digits[24];
  const int n = snprintf(digits, sizeof digits, "%" PRIu64, revision);
  const tenon_kv metadata = {TENON_STR_INIT("revision"), {digits, (size_t)n}};
  tenon_reply reply = {.struct_size = sizeof reply, .metadata = &metadata, .metadata_count = 1};
  /* NOT_FOUND: nobody waits any more. It is written all the same. RESOURCE_EXHAUSTED: the call is still open, so it ends with less. */
  if (w->kv->services->complete(w->kv->ctx, w->call, status, error, status == TENON_OK ? &reply : NULL) == TENON_RESOURCE_EXHAUSTED)
    w->kv->services->complete(w->kv->ctx, w->call, status == TENON_OK ? TENON_RESOURCE_EXHAUSTED : status, NULL, NULL);
  free(w);
}

static tenon_status write_op(struct kv_c* kv, tenon_call* call, const tenon_storage_op* op, tenon_error* err) {
  struct write* w = malloc(sizeof *w);
  if (w == NULL) return no_memory(err);
  w->kv = kv;
  tenon_status status = kv->calls->defer(call, &w->call);
  if (status != TENON_OK) {
    free(w);
    return fail(err, status, "DEFER", "the call cannot be answered later");
  }
  status = kv->storage->commit_async(kv->ctx, kv->stored, &op, 1, written, w, err);
  if (status == TENON_OK) return TENON_PENDING;
  free(w); /* written() does not come; this status ends the call */
  return status;
}

static tenon_status write_value(struct kv_c* kv, tenon_call* call, const tenon_request* request, int compare, tenon_error* err) {
  tenon_str key = {NULL, 0};
  uint64_t ttl_ms = 0, expected = 0;
  int has_ttl = 0, has_expected = 0;
  tenon_status status = read_key(request, &key, err);
  if (status == TENON_OK) status = read_number(request, TENON_STR("ttl_ms"), TTL_MAX_MS, &ttl_ms, &has_ttl, err);
  if (status == TENON_OK && compare) status = read_number(request, TENON_STR("expected"), UINT64_MAX, &expected, &has_expected, err);
  if (status != TENON_OK) return status;
  if (compare && !has_expected) return wrong(err, "metadata `expected` has to be there: the revision to replace, or 0 for none");
  if (request->payload.len > atomic_load(&kv->max_value))
    return wrong(err, "the value is larger than `max_value` in the configuration of kv_c");
  const tenon_storage_op op = {
      .struct_size = sizeof op,
      .kind = TENON_STORAGE_PUT,
      .flags = compare ? TENON_STORAGE_EXPECT : 0,
      .expected = expected,
      .key = {(const uint8_t*)key.ptr, key.len},
      .value = request->payload,
      .content_type = request->content_type,
      .ttl_ns = has_ttl ? (int64_t)ttl_ms * 1000000 : atomic_load(&kv->default_ttl_ns),
  };
  return write_op(kv, call, &op, err);
}

static tenon_status put(void* data, tenon_call* call, const tenon_request* request, tenon_reply* reply, tenon_error* err) {
  (void)reply;
  return write_value(data, call, request, 0, err);
}

static tenon_status cas(void* data, tenon_call* call, const tenon_request* request, tenon_reply* reply, tenon_error* err) {
  (void)reply;
  return write_value(data, call, request, 1, err);
}

static tenon_status erase(void* data, tenon_call* call, const tenon_request* request, tenon_reply* reply, tenon_error* err) {
  (void)reply;
  tenon_str key = {NULL, 0};
  uint64_t expected = 0;
  int has_expected = 0;
  tenon_status status = read_key(request, &key, err);
  if (status == TENON_OK) status = read_number(request, TENON_STR("expected"), UINT64_MAX, &expected, &has_expected, err);
  if (status != TENON_OK) return status;
  const tenon_storage_op op = {
      .struct_size = sizeof op,
      .kind = TENON_STORAGE_ERASE,
      .flags = has_expected ? TENON_STORAGE_EXPECT : 0,
      .expected = expected,
      .key = {(const uint8_t*)key.ptr, key.len},
  };
  return write_op(data, call, &op, err);
}

/* ---- reading: from memory ------------------------------------------------------------------------------------------------- */

/* What a reply points at has to live until the host has copied it, after the handler's return: this lies in the call's own memory. */
struct answer {
  tenon_value_info info;
  tenon_kv metadata[2];
  char revision[24], expires[24];
};

static tenon_status get(void* data, tenon_call* call, const tenon_request* request, tenon_reply* reply, tenon_error* err) {
  struct kv_c* kv = data;
  tenon_str key = {NULL, 0};
  const tenon_status status = read_key(request, &key, err);
  if (status != TENON_OK) return status;
  struct answer* a = (struct answer*)(void*)kv->calls->reserve(call, sizeof *a);
  if (a == NULL) return no_memory(err);
  memset(a, 0, sizeof *a);
  a->info.struct_size = sizeof a->info;

  uint8_t* buffer = reply->buffer;
  size_t capacity = reply->capacity;
  tenon_status got;
  while ((got = kv->state->get(kv->ctx, kv->seen, (tenon_bytes){(const uint8_t*)key.ptr, key.len}, buffer, capacity, &a->info)) ==
         TENON_OUT_OF_RANGE) {
    if (buffer != reply->buffer) free(buffer); /* it has grown meanwhile */
    capacity = a->info.size;
    buffer = malloc(capacity);
    if (buffer == NULL) return no_memory(err);
  }
  if (got != TENON_OK) {
    if (buffer != reply->buffer) free(buffer);
    return got == TENON_NOT_FOUND ? fail(err, got, "KEY", "there is nothing under this key")
                                  : fail(err, got, "STATE", "the state cannot be read");
  }
  reply->payload = (tenon_blob){buffer, a->info.size, buffer != reply->buffer ? free : NULL, buffer};
  reply->content_type = (tenon_str){a->info.content_type, a->info.content_type_len};
  int n = snprintf(a->revision, sizeof a->revision, "%" PRIu64, a->info.revision);
  a->metadata[0] = (tenon_kv){TENON_STR("revision"), {a->revision, (size_t)n}};
  n = snprintf(a->expires, sizeof a->expires, "%" PRId64, a->info.expires_ns);
  a->metadata[1] = (tenon_kv){TENON_STR("expires_ns"), {a->expires, (size_t)n}};
  reply->metadata = a->metadata;
  reply->metadata_count = a->info.expires_ns != 0 ? 2 : 1;
  return TENON_OK;
}

/* Rows of one cursor as JSON, at most `limit`; *more is set if there are others. */
static tenon_status list(struct kv_c* kv, tenon_id cursor, uint64_t limit, struct text* out, int* more, tenon_error* err) {
  uint64_t rows_out = 0;
  for (;;) {
    const tenon_storage_row* const* rows = NULL;
    size_t count = 0;
    const tenon_status status = kv->storage->next(kv->ctx, cursor, &rows, &count, err);
    if (status != TENON_OK || count == 0) return status;
    for (size_t i = 0; i < count; ++i) {
      if (rows_out == limit) {
        *more = 1;
        return TENON_OK;
      }
      text_add_literal(out, rows_out++ == 0 ? "{\"key\":" : ",{\"key\":");
      text_add_quoted(out, rows[i]->key);
      text_add_literal(out, ",\"revision\":");
      text_add_number(out, rows[i]->revision);
      text_add_literal(out, ",\"bytes\":");
      text_add_number(out, rows[i]->value.len);
      text_add_literal(out, "}");
    }
  }
}

static tenon_status scan(void* data, tenon_call* call, const tenon_request* request, tenon_reply* reply, tenon_error* err) {
  static const tenon_kv truncated = {TENON_STR_INIT("truncated"), TENON_STR_INIT("true")};
  (void)call;
  struct kv_c* kv = data;
  tenon_str prefix = {NULL, 0};
  uint64_t limit = SCAN_LIMIT;
  int has_limit = 0;
  if (find_metadata(request, TENON_STR("prefix"), &prefix) > 1 || prefix.len > KEY_MAX)
    return wrong(err, "metadata `prefix` has to be there at most once, with at most 256 bytes");
  tenon_status status = read_number(request, TENON_STR("limit"), SCAN_LIMIT_MAX, &limit, &has_limit, err);
  if (status != TENON_OK) return status;

  tenon_id cursor = 0;
  status = kv->storage->scan(kv->ctx, kv->stored, (tenon_bytes){(const uint8_t*)prefix.ptr, prefix.len}, &cursor, err);
  if (status != TENON_OK) return status;
  struct text out = {NULL, 0, 0, 0};
  int more = 0;
  text_add_literal(&out, "[");
  status = list(kv, cursor, limit, &out, &more, err);
  text_add_literal(&out, "]");
  kv->storage->close(kv->ctx, cursor);
  if (status == TENON_OK && out.failed) status = no_memory(err);
  if (status != TENON_OK) {
    free(out.ptr);
    return status;
  }
  reply->payload = (tenon_blob){(uint8_t*)out.ptr, out.len, free, out.ptr};
  reply->content_type = TENON_STR("application/json");
  reply->metadata = &truncated;
  reply->metadata_count = more ? 1 : 0;
  return TENON_OK;
}

/* ---- watching ----------------------------------------------------------------------------------------------------------------- */

static const char* kind_name(uint32_t kind) {
  switch (kind) {
    case TENON_STATE_PUT:
      return "put";
    case TENON_STATE_ERASED:
      return "erased";
    case TENON_STATE_EXPIRED:
      return "expired";
    default:
      return "reset"; /* also what a later host may add: read it anew */
  }
}

static tenon_status changed(void* data, tenon_call* call, const tenon_state_change* const* changes, size_t count, tenon_error* err) {
  (void)call;
  struct kv_c* kv = data;
  tenon_status first = TENON_OK;
  for (size_t i = 0; i < count; ++i) {
    struct text json = {NULL, 0, 0, 0};
    text_add_literal(&json, "{\"kind\":\"");
    text_add_literal(&json, kind_name(changes[i]->kind));
    text_add_literal(&json, "\",\"key\":");
    text_add_quoted(&json, changes[i]->key);
    text_add_literal(&json, ",\"revision\":");
    text_add_number(&json, changes[i]->revision);
    text_add_literal(&json, "}");
    if (json.failed) {
      if (first == TENON_OK) first = no_memory(err);
      continue;
    }
    const tenon_event_draft draft = {
        .struct_size = sizeof draft,
        .topic = TENON_STR("kv_c.changed"),
        .payload = {(const uint8_t*)json.ptr, json.len},
        .content_type = TENON_STR("application/json"),
    };
    const tenon_status status = kv->events->publish(kv->ctx, &draft, NULL, first == TENON_OK ? err : NULL);
    free(json.ptr);
    if (first == TENON_OK) first = status; /* the others are told all the same */
  }
  return first; /* the host logs it */
}

/* ---- life ----------------------------------------------------------------------------------------------------------------------- */

static tenon_status read_config(struct kv_c* kv, tenon_error* err) {
  uint64_t max_value = 0;
  int64_t ttl = 0;
  tenon_status status = kv->config->require_size(kv->ctx, TENON_STR("max_value"), &max_value, err);
  if (status == TENON_OK) status = kv->config->require_duration(kv->ctx, TENON_STR("default_ttl"), &ttl, err);
  if (status != TENON_OK) return status;
  if (max_value > TENON_STORAGE_MAX_VALUE) return wrong(err, "`max_value` is at most 1MiB, which is what storage takes");
  if (ttl < 0) return wrong(err, "`default_ttl` cannot be negative");
  atomic_store(&kv->max_value, max_value);
  atomic_store(&kv->default_ttl_ns, ttl);
  return TENON_OK;
}

static tenon_status config_changed(void* data, tenon_call* call, tenon_str path, tenon_error* err) {
  (void)call;
  (void)path;
  return read_config(data, err);
}

static tenon_status create(tenon_ctx* ctx, tenon_call* call, void** self, tenon_error* err) {
  (void)call;
  struct kv_c* kv = calloc(1, sizeof *kv);
  if (kv == NULL) return no_memory(err);
  kv->ctx = ctx;
  kv->config = ctx->host->query(ctx, TENON_STR(TENON_CONFIG));
  kv->calls = ctx->host->query(ctx, TENON_STR(TENON_CALLS));
  kv->services = ctx->host->query(ctx, TENON_STR(TENON_SERVICES));
  kv->events = ctx->host->query(ctx, TENON_STR(TENON_EVENTS));
  kv->storage = ctx->host->query(ctx, TENON_STR(TENON_STORAGE));
  kv->state = ctx->host->query(ctx, TENON_STR(TENON_STATE));
  const tenon_status status = read_config(kv, err);
  if (status != TENON_OK) {
    free(kv);
    return status;
  }
  *self = kv;
  return TENON_OK;
}

static tenon_status init(void* self, tenon_call* call, tenon_error* err) {
  (void)call;
  struct kv_c* kv = self;
  const tenon_service offered[] = {
      {.name = TENON_STR("kv_c.put"), .handle = put},      {.name = TENON_STR("kv_c.cas"), .handle = cas},
      {.name = TENON_STR("kv_c.delete"), .handle = erase}, {.name = TENON_STR("kv_c.get"), .handle = get},
      {.name = TENON_STR("kv_c.scan"), .handle = scan},
  };
  tenon_id id = 0;
  tenon_status status = kv->storage->open(kv->ctx, TENON_STR(TENON_MODULE_NAME), 0, &kv->stored, err);
  if (status == TENON_OK) status = kv->state->open(kv->ctx, TENON_STR(TENON_MODULE_NAME), &kv->seen, err);
  if (status == TENON_OK) status = kv->state->watch(kv->ctx, kv->seen, (tenon_bytes){NULL, 0}, changed, kv, NULL, &id, err);
  if (status == TENON_OK) status = kv->config->on_change(kv->ctx, TENON_STR("max_value"), config_changed, kv, NULL, &id, err);
  if (status == TENON_OK) status = kv->config->on_change(kv->ctx, TENON_STR("default_ttl"), config_changed, kv, NULL, &id, err);
  for (size_t i = 0; status == TENON_OK && i < sizeof offered / sizeof *offered; ++i) {
    tenon_service service = offered[i];
    service.struct_size = sizeof service;
    service.data = kv;
    status = kv->services->register_service(kv->ctx, &service, &id, err);
  }
  return status; /* a failed init leaves nothing: the host takes back what was registered */
}

/* Before it, the host has taken back every service and watch, and every write was answered. */
static void destroy(void* self) { free(self); }

static const tenon_lifecycle lifecycle = {
    .struct_size = sizeof(tenon_lifecycle),
    .create = create,
    .init = init,
    .destroy = destroy,
};

TENON_NEED(needs_config, TENON_CONFIG, tenon_config, on_change);
TENON_NEED(needs_calls, TENON_CALLS, tenon_calls, defer);
TENON_NEED(needs_services, TENON_SERVICES, tenon_services, complete);
TENON_NEED(needs_events, TENON_EVENTS, tenon_events, publish);
TENON_NEED(needs_storage, TENON_STORAGE, tenon_storage, close);
TENON_NEED(needs_state, TENON_STATE, tenon_state, watch);
static const tenon_need* const needs[] = {&needs_config, &needs_calls, &needs_services, &needs_events, &needs_storage, &needs_state};

static const tenon_module kv_c = {
    .struct_size = sizeof(tenon_module),
    .name = TENON_STR_INIT(TENON_MODULE_NAME),
    .version = TENON_STR_INIT(TENON_MODULE_VERSION),
    .needs = needs,
    .need_count = sizeof needs / sizeof *needs,
    .lifecycle = &lifecycle,
};
TENON_ENTRY(kv_c);
