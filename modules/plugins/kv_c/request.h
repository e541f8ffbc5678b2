/* request: what stands in the metadata of a request, and the words of the errors about it. Every input is a stranger's. */
#ifndef KV_C_REQUEST_H
#define KV_C_REQUEST_H

#include <stdint.h>

#include "tenon/core.h"
#include "tenon/services.h"

#define KEY_MAX 256u

tenon_status fail(tenon_error* err, tenon_status status, const char* reason, const char* message);
/* INVALID_ARGUMENT, BAD_REQUEST */
tenon_status wrong(tenon_error* err, const char* message);
tenon_status no_memory(tenon_error* err);

/* 0 = it is not there, 1 = once, 2 = several times. */
int find_metadata(const tenon_request* request, tenon_str name, tenon_str* out);
/* Metadata `key`: once, 1 to KEY_MAX printable characters without spaces. */
tenon_status read_key(const tenon_request* request, tenon_str* key, tenon_error* err);
/* A decimal number up to `most`. Without it *out stays. */
tenon_status read_number(const tenon_request* request, tenon_str name, uint64_t most, uint64_t* out, int* is_there, tenon_error* err);

#endif
