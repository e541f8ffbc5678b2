// Monotonic time as a dependency, so that deadlines are tested without sleeping.
#pragma once

#include <chrono>
#include <cstdint>

namespace tenon::host {

using Nanos = std::chrono::nanoseconds;

/// CLOCK_MONOTONIC in nanoseconds. Deadlines are absolute values of it; `no_deadline` = never.
std::int64_t monotonic_ns();
inline constexpr std::int64_t no_deadline = INT64_MAX;
/// CLOCK_REALTIME in nanoseconds since the epoch; for display and records only.
std::int64_t realtime_ns();
/// "2026-11-21T03:04:05.123456Z" (RFC 3339, UTC, microseconds).
void format_rfc3339(std::int64_t realtime_ns, char out[28]);

}  // namespace tenon::host
