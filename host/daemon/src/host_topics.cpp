#include "host_topics.hpp"

#include <csignal>

#include "base/text.hpp"
#include "tenon/events.h"

namespace tenon::host {
namespace {

void member(std::string& out, std::string_view key, std::string_view value) {
  out += out.back() == '{' ? "" : ",";
  append_json_string(out, key);
  out += ':';
  append_json_string(out, value);
}

}  // namespace

void HostTopics::publish(std::string_view topic, const std::string& json) {
  EventDraft draft;
  draft.topic = topic;
  draft.payload = json;
  draft.content_type = "application/json";
  const auto published = kernel_.events().host().publish(draft);
  if (published || published.error().code == Code::unavailable) return;
  log_.log(warn, "an event of the host was not published", {{"topic", topic}, {"error", published.error().message}});
}

void HostTopics::module_state(const ModuleStatus& status) {
  if (!kernel_.in_use() || !kernel_.events().has_subscriptions()) return;  // not retained
  std::string json = "{";
  member(json, "module", status.name);
  member(json, "version", status.version);
  member(json, "state", state_name(status.state));
  if (!status.reason.empty()) member(json, "reason", status.reason);
  publish(TENON_TOPIC_MODULE_STATE, json + "}");
}

void HostTopics::config_changed(const std::vector<Change>& changes) {
  if (!kernel_.in_use() || changes.empty()) return;
  std::string json = "{\"modules\":[";
  for (const Change& change : changes) {
    json += json.back() == '[' ? "{" : ",{";
    member(json, "module", change.module);
    json += ",\"paths\":[";
    for (const std::string& path : change.paths) {
      if (json.back() != '[') json += ',';
      append_json_string(json, path);
    }
    json += "]}";
  }
  publish(TENON_TOPIC_CONFIG_CHANGED, json + "]}");
}

void HostTopics::shutdown(std::int64_t grace_ns) {
  if (!kernel_.in_use()) return;
  const int signal = signal_.load(std::memory_order_relaxed);
  std::string json = "{";
  member(json, "reason", signal == SIGTERM ? "SIGTERM" : signal == SIGINT ? "SIGINT" : "failure");
  publish(TENON_TOPIC_SHUTDOWN, json + ",\"grace_ms\":" + std::to_string(grace_ns / 1'000'000) + "}");
}

}  // namespace tenon::host
