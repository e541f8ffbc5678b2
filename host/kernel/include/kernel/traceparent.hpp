// The trace context of W3C, as text: what calls and events carry along.
#pragma once

#include <cstddef>
#include <string_view>

namespace tenon::host {

/// Bytes of a `traceparent` of version 00.
inline constexpr std::size_t traceparent_size = 55;

/// "00-<32 hex digits>-<16>-<2>", lower case, neither id all zero (https://www.w3.org/TR/trace-context/, version 00).
bool is_traceparent(std::string_view text);

}  // namespace tenon::host
