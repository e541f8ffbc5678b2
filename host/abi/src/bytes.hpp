// Bytes and values of entries, as they cross the boundary.
#pragma once

#include <cstring>

#include "arguments.hpp"
#include "kernel/storage_types.hpp"
#include "tenon/storage.h"

namespace tenon::host {

inline std::span<char> buffer_view(std::uint8_t* buffer, std::size_t capacity) { return {reinterpret_cast<char*>(buffer), capacity}; }

inline constexpr std::uint32_t value_info_size = TENON_UP_TO(tenon_value_info, content_type);

static_assert(sizeof tenon_value_info::content_type > storage_max_content_type);

/// What `info` says of its size was checked; the content type is in it already.
inline void give_head(tenon_value_info& info, const ValueHead& from) {
  info.revision = from.revision;
  info.expires_ns = from.expires_ns;
  info.size = from.size;
  info.content_type_len = from.type_size;
  info.content_type[from.type_size] = '\0';
}
/// All of it. `info` may be null.
inline void give_info(tenon_value_info* info, const ValueInfo& from) {
  if (info == nullptr) return;
  if (from.type_size != 0) std::memcpy(info->content_type, from.type_bytes.data(), from.type_size);
  give_head(*info, from);
}

}  // namespace tenon::host
