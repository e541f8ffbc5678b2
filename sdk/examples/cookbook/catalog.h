/* What both ends agree on: the header a provider gives to the authors of other modules. */
#ifndef CATALOG_H
#define CATALOG_H
#include <tenon/lease.h>

/* Functions take self first; grows at the end; a changed meaning is "catalog.client/2". */
typedef struct catalog_client {
  uint32_t struct_size, reserved;
  int64_t (*price)(void* self, int64_t article) TENON_NOEXCEPT; /* -1: no such article. [any] */
} catalog_client;

#ifdef __cplusplus
#include <tenon/cpp/container.hpp>
inline constexpr tenon::Token<catalog_client> catalog_token{"catalog.client/1", {}, TENON_UP_TO(catalog_client, price)};
#endif
#endif
