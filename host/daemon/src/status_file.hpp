// status.json: the state of all modules, for `tenond list --running` and for people.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "kernel/health.hpp"
#include "lifecycle/module_state.hpp"

namespace tenon::host {

struct StatusSnapshot {
  std::string host_version, instance_id, instance_name;
  std::string state;  ///< starting, running, degraded, stopping, stopped
  std::int64_t started_realtime_ns = 0;
  std::vector<ModuleStatus> modules;
  HealthReport health = {};
};

/// Meant to run, and does not: refused, blocked, failed or wedged.
[[nodiscard]] bool is_missing(const ModuleStatus& module);
/// What status.json, the log and the startup report call degraded: something is missing. Disabled is as wanted.
[[nodiscard]] bool is_degraded(const std::vector<ModuleStatus>& modules);
/// Missing or disabled ones.
[[nodiscard]] std::size_t count_not_running(const std::vector<ModuleStatus>& modules);

/// {"format":1,"pid":n,"version":s,"instance":s,"instance_id":s,"state":s,"started":rfc3339,"written":rfc3339,"modules":[{"name":s,"version":s,
/// "kind":"runtime"|"plugin","required":b,"state":s,"since":rfc3339,"reason"?:s}],"health":{"live":b,"started":b,"ready":b,"degraded":b,"checks":[{"module":s,
/// "check":s,"required":b,"state":"unknown"|"healthy"|"unhealthy","since":rfc3339,"why"?:s}]}}
std::string status_json(const StatusSnapshot& snapshot);

inline constexpr const char* status_file_name = "status.json";

}  // namespace tenon::host
