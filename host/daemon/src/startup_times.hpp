// Sums over the spans of a startup record, shared by its printed forms.
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>

#include "daemon/startup_report.hpp"

namespace tenon::host {

/// End of a span; one that runs, or ends before it starts, has no length.
inline std::int64_t span_end(const PhaseSpan& span) {
  return span.result == SpanResult::running ? span.start_ns : std::max(span.start_ns, span.end_ns);
}

inline std::int64_t busy_ns(const ModuleSpans& module) {
  std::int64_t sum = 0;
  for (const PhaseSpan& span : module.spans) sum += span_end(span) - span.start_ns;
  return sum;
}

/// When the last phase of the module ended; nothing while one runs or if there was none.
inline std::optional<std::int64_t> finished_ns(const ModuleSpans& module) {
  std::optional<std::int64_t> last;
  for (const PhaseSpan& span : module.spans) {
    if (span.result == SpanResult::running) return std::nullopt;
    last = std::max(last.value_or(span_end(span)), span_end(span));
  }
  return last;
}

}  // namespace tenon::host
