// Startup record: when every module went through every phase, as JSON and as a picture.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"

namespace tenon::host {

enum class SpanResult : std::uint8_t { ok, failed, timed_out, cancelled, skipped, running };
std::string_view span_result_name(SpanResult result);  ///< "ok", "failed", "timed_out", "cancelled", "skipped", "running"

/// One phase of one module, or of the host itself. Times are CLOCK_MONOTONIC nanoseconds.
struct PhaseSpan {
  std::string phase;  ///< as in the list of phases: "load", "create", "init", ...
  std::int64_t start_ns = 0;
  std::int64_t end_ns = 0;  ///< ignored while `running`
  SpanResult result = SpanResult::ok;
};

struct ModuleSpans {
  std::string module;
  bool required = false;
  std::string state;                   ///< at the end of the record: "running", "failed", "blocked", ...
  std::vector<std::string> requires_;  ///< names of other modules in the record; others are ignored
  std::vector<PhaseSpan> spans;
};

/// A boot, complete or not. A value: fill it, then print it.
struct StartupReport {
  std::string program;           ///< "tenond 0.1.0"
  std::string instance;          ///< name from the configuration
  std::string outcome;           ///< "ready", "migrated" (--migrate-only), "degraded", "failed", "cancelled"
  std::int64_t realtime_ns = 0;  ///< wall clock at origin
  std::int64_t origin_ns = 0;    ///< process start, monotonic; every time is printed relative to it
  std::int64_t ready_ns = 0;     ///< 0 = never
  std::vector<PhaseSpan> host;   ///< each phase as a whole
  std::vector<ModuleSpans> modules;
};

/// The chain of modules that finished last: first the last module, then among its requirements the one that finished last, and so on.
std::vector<std::size_t> critical_chain(const StartupReport& report);
/// All modules, most time spent in their phases first; ties in the order of the record.
std::vector<std::size_t> blame(const StartupReport& report);

/// One JSON object and a newline. Times `…_us` are whole microseconds since `origin`; `end_us` is null while a phase runs.
/// {"format": 1, "program": s, "instance": s, "outcome": s, "origin": RFC 3339, "ready_us": n|null,
///  "host": [span], "modules": [{"module": s, "required": b, "state": s, "requires": [s], "busy_us": n, "finished_us": n|null, "spans": [span]}],
///  "blame": [{"module": s, "busy_us": n}],
///  "critical_chain": [{"module": s, "finished_us": n, "busy_us": n}]}
/// span = {"phase": s, "start_us": n, "end_us": n|null, "result": span_result_name}
std::string to_json(const StartupReport& report);

/// A self-contained SVG: one row for the host and one per module, a bar per phase, a time axis and a legend.
std::string to_svg(const StartupReport& report);

/// Whether a report could be written there, asked before the boot it is about: 73 if its directory is missing or not writable, or a directory has its
/// name. Leaves nothing behind.
Result<void> check_startup_report(const std::string& path);

/// Writes the file atomically; the ending decides: ".json" or ".svg", anything else is INVALID_ARGUMENT.
Result<void> write_startup_report(const StartupReport& report, const std::string& path);

}  // namespace tenon::host
