#include "status_file.hpp"

#include <unistd.h>

#include <algorithm>

#include "base/clock.hpp"
#include "base/text.hpp"

namespace tenon::host {

bool is_missing(const ModuleStatus& module) {
  const ModuleState s = module.state;
  return s == ModuleState::refused || s == ModuleState::blocked || s == ModuleState::failed || s == ModuleState::wedged;
}

bool is_degraded(const std::vector<ModuleStatus>& modules) { return std::any_of(modules.begin(), modules.end(), is_missing); }

std::size_t count_not_running(const std::vector<ModuleStatus>& modules) {
  return static_cast<std::size_t>(std::count_if(modules.begin(), modules.end(),
                                                [](const ModuleStatus& m) { return is_missing(m) || m.state == ModuleState::disabled; }));
}

std::string status_json(const StatusSnapshot& snapshot) {
  const std::int64_t wall = realtime_ns();
  const std::int64_t mono = monotonic_ns();
  const auto time = [](std::int64_t ns) {
    char text[28];
    format_rfc3339(ns, text);
    return std::string(text);
  };
  std::string out = "{\"format\":1,\"pid\":" + std::to_string(::getpid());
  const auto member = [&out](std::string_view key, std::string_view value) {
    out += ",\"";
    out.append(key).append("\":");
    append_json_string(out, value);
  };
  member("version", snapshot.host_version);
  member("instance", snapshot.instance_name);
  member("instance_id", snapshot.instance_id);
  member("state", snapshot.state);
  member("started", time(snapshot.started_realtime_ns));
  member("written", time(wall));
  out += ",\"modules\":[";
  bool first = true;
  for (const ModuleStatus& m : snapshot.modules) {
    out += first ? "{\"name\":" : ",{\"name\":";
    first = false;
    append_json_string(out, m.name);
    member("version", m.version);
    member("kind", m.trusted ? "runtime" : "plugin");
    out += m.required ? ",\"required\":true" : ",\"required\":false";
    member("state", state_name(m.state));
    member("since", time(wall - (mono - m.since_ns)));
    if (!m.reason.empty()) member("reason", m.reason);
    out += "}";
  }
  const auto flag = [&out](std::string_view key, bool value) { out.append(key).append(value ? "true" : "false"); };
  const HealthReport& h = snapshot.health;
  flag("],\"health\":{\"live\":", h.live);
  flag(",\"started\":", h.started);
  flag(",\"ready\":", h.ready);
  flag(",\"degraded\":", h.degraded);
  out += ",\"checks\":[";
  for (const CheckStatus& c : h.checks) {
    out += out.back() == '}' ? ",{\"module\":" : "{\"module\":";
    append_json_string(out, c.module);
    member("check", c.name);
    flag(",\"required\":", c.required);
    member("state", check_state_name(c.state));
    member("since", time(wall - (mono - c.since_ns)));
    if (!c.why.empty()) member("why", c.why);
    out += '}';
  }
  return out + "]}}\n";
}

}  // namespace tenon::host
