#include "request.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "text.h"

tenon_status fail(tenon_error* err, tenon_status status, const char* reason, const char* message) {
  if (err != NULL && err->struct_size >= sizeof *err) {
    err->status = status;
    err->sys_errno = status == TENON_RESOURCE_EXHAUSTED ? ENOMEM : 0;
    snprintf(err->reason, sizeof err->reason, "%s", reason);
    err->message_len = (uint32_t)snprintf(err->message, sizeof err->message, "%s", message);
  }
  return status;
}

tenon_status wrong(tenon_error* err, const char* message) { return fail(err, TENON_INVALID_ARGUMENT, "BAD_REQUEST", message); }
tenon_status no_memory(tenon_error* err) { return fail(err, TENON_RESOURCE_EXHAUSTED, "NO_MEMORY", "no memory for the answer"); }

int find_metadata(const tenon_request* request, tenon_str name, tenon_str* out) {
  int found = 0;
  for (size_t i = 0; i < request->metadata_count; ++i) {
    const tenon_kv* pair = &request->metadata[i];
    if (pair->key.len != name.len || memcmp(pair->key.ptr, name.ptr, name.len) != 0) continue;
    *out = pair->value;
    if (++found == 2) break;
  }
  return found;
}

tenon_status read_key(const tenon_request* request, tenon_str* key, tenon_error* err) {
  int good = find_metadata(request, TENON_STR("key"), key) == 1 && key->len >= 1 && key->len <= KEY_MAX;
  for (size_t i = 0; good && i < key->len; ++i) good = key->ptr[i] > ' ' && key->ptr[i] < 0x7f;
  return good ? TENON_OK : wrong(err, "metadata `key` has to be there once, with 1 to 256 printable ASCII characters without spaces");
}

tenon_status read_number(const tenon_request* request, tenon_str name, uint64_t most, uint64_t* out, int* is_there, tenon_error* err) {
  tenon_str text;
  const int found = find_metadata(request, name, &text);
  *is_there = found == 1;
  if (found == 0 || (found == 1 && parse_number(text, most, out))) return TENON_OK;
  char message[120];
  snprintf(message, sizeof message, "metadata `%.*s` has to be one decimal number from 0 to %" PRIu64, (int)name.len, name.ptr, most);
  return wrong(err, message);
}
