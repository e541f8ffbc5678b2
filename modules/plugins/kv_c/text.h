/* text: small parts of strings: numbers that come in, JSON that goes out. */
#ifndef KV_C_TEXT_H
#define KV_C_TEXT_H

#include <stddef.h>
#include <stdint.h>

#include "tenon/core.h"

/* Text that grows. Once there was no memory for it, it stays empty: look at `failed` at the end, not after each step. free(t->ptr). */
struct text {
  char* ptr;
  size_t len, capacity;
  int failed;
};
void text_add(struct text* t, const char* bytes, size_t n);
void text_add_literal(struct text* t, const char* literal);
void text_add_number(struct text* t, uint64_t number);
/* A JSON string with its quotes; bytes that are not printable ASCII become \u00xx. */
void text_add_quoted(struct text* t, tenon_bytes bytes);

/* A decimal number without sign, space or leading zero, up to `most`; 0 if it is none. */
int parse_number(tenon_str s, uint64_t most, uint64_t* out);

#endif
