#include "text.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void text_add(struct text* t, const char* bytes, size_t n) {
  if (t->failed || n == 0) return;
  if (n > t->capacity - t->len) {
    const size_t capacity = (t->len + n) * 2;
    char* grown = realloc(t->ptr, capacity);
    if (grown == NULL) {
      free(t->ptr);
      memset(t, 0, sizeof *t);
      t->failed = 1;
      return;
    }
    t->ptr = grown;
    t->capacity = capacity;
  }
  memcpy(t->ptr + t->len, bytes, n);
  t->len += n;
}

void text_add_literal(struct text* t, const char* literal) { text_add(t, literal, strlen(literal)); }

void text_add_number(struct text* t, uint64_t number) {
  char digits[24];
  text_add(t, digits, (size_t)snprintf(digits, sizeof digits, "%" PRIu64, number));
}

void text_add_quoted(struct text* t, tenon_bytes bytes) {
  text_add(t, "\"", 1);
  for (size_t i = 0; i < bytes.len; ++i) {
    const unsigned char c = bytes.ptr[i];
    char escaped[8] = {(char)c};
    size_t n = 1;
    if (c == '"' || c == '\\')
      n = (size_t)snprintf(escaped, sizeof escaped, "\\%c", c);
    else if (c < 0x20 || c >= 0x7f)
      n = (size_t)snprintf(escaped, sizeof escaped, "\\u%04x", c);
    text_add(t, escaped, n);
  }
  text_add(t, "\"", 1);
}

int parse_number(tenon_str s, uint64_t most, uint64_t* out) {
  if (s.len == 0 || s.len > 20 || (s.ptr[0] == '0' && s.len > 1)) return 0;
  uint64_t value = 0;
  for (size_t i = 0; i < s.len; ++i) {
    if (s.ptr[i] < '0' || s.ptr[i] > '9') return 0;
    const uint64_t digit = (uint64_t)(s.ptr[i] - '0');
    if (value > (most - digit) / 10 || digit > most) return 0;
    value = value * 10 + digit;
  }
  *out = value;
  return 1;
}
