#include "kernel/permissions.hpp"

#include <algorithm>
#include <limits>

#include "base/reserved_names.hpp"
#include "base/text.hpp"

namespace tenon::host {

/// One row of what can be asked for, and how it is written.
struct Permissions::Kind {
  std::string_view verb;          ///< "call the service"
  std::string_view manifest_key;  ///< where the manifest asks for it
  std::string_view grant_key;     ///< below `modules.<name>.grants`
};

namespace {

bool allows(const std::vector<ServicePattern>& patterns, const ServiceName& service) {
  return std::any_of(patterns.begin(), patterns.end(), [&service](const ServicePattern& p) { return p.matches(service); });
}

bool allows(const std::vector<std::string>& patterns, std::string_view name) {
  return std::any_of(patterns.begin(), patterns.end(), [name](const std::string& p) { return is_within(name, p); });
}

std::string text_of(const ServiceName& service) { return service.text(); }
std::string text_of(std::string_view name) { return std::string(name); }

}  // namespace

Permissions Permissions::all(std::string module) {
  Permissions out(std::move(module));
  out.everything_ = true;
  return out;
}

Permissions Permissions::of_plugin(std::string module, PermissionSet asked, std::optional<PermissionSet> granted) {
  Permissions out(std::move(module));
  out.asked_ = std::move(asked);
  out.granted_ = std::move(granted);
  return out;
}

template <class Names, class Name>
Result<void> Permissions::check(const Kind& kind, Names PermissionSet::*list, const Name& name) const {
  const bool asked = allows(asked_.*list, name);
  const bool granted = !granted_ || allows((*granted_).*list, name);
  if (asked && granted) return {};
  const std::string what = printable(text_of(name), 300);
  const std::string value = ": [\"" + what + "\"]`";
  const std::string line = "`modules." + module_ + ".grants." + std::string(kind.grant_key) + value;
  std::string message = "`" + module_ + "` may not " + std::string(kind.verb) + " `" + what + "`: ";
  // Short, so that both lines reach the module in its 192 bytes.
  if (asked)
    message += "its manifest asks for it, and " + line + " would grant it";
  else
    message += "missing `" + std::string(kind.manifest_key) + value + " in its manifest" + (granted ? "" : " and " + line);
  return Error{Code::permission_denied, std::move(message), asked ? "NOT_GRANTED" : "NOT_ASKED", 0, ExitCode::no_permission};
}

bool Permissions::is_hosts(std::string_view name) const {
  return is_hosts_name(name) || (!everything_ && is_reserved_word(name.substr(0, name.find('.'))));
}

Error Permissions::reserved(const Kind& kind, std::string_view name) const {
  return {Code::permission_denied,
          "`" + module_ + "` may not " + std::string(kind.verb) + " `" + printable(name, 300) +
              "`: it belongs to the host, and cannot be granted",
          "RESERVED", 0, ExitCode::no_permission};
}

Result<void> Permissions::may_call(const ServiceName& service) const {
  if (everything_ || own(service.name)) return {};
  return check({"call the service", "permissions.services.call", "services.call"}, &PermissionSet::service_calls, service);
}

Result<void> Permissions::may_register(const ServiceName& service) const {
  constexpr Kind kind{"register the service", "provides.services", "services.provide"};
  if (is_hosts(service.name)) return reserved(kind, service.text());
  if (everything_ || own(service.name)) return {};
  return check(kind, &PermissionSet::service_provides, service);
}

Result<void> Permissions::may_publish(std::string_view topic) const {
  constexpr Kind kind{"publish", "permissions.events.publish", "events.publish"};
  if (is_hosts(topic)) return reserved(kind, topic);
  if (everything_ || own(topic)) return {};
  return check(kind, &PermissionSet::event_publishes, topic);
}

Result<void> Permissions::may_subscribe(std::string_view pattern) const {
  if (everything_ || own(pattern)) return {};
  return check({"subscribe to", "permissions.events.subscribe", "events.subscribe"}, &PermissionSet::event_subscribes, pattern);
}

Result<void> Permissions::may_use_namespace(std::string_view name) const {
  if (everything_ || name == module_) return {};
  constexpr Kind kind{"use the storage namespace", "permissions.storage.namespaces", "storage.namespaces"};
  if (is_hosts(name)) return reserved(kind, name);
  return check(kind, &PermissionSet::storage_namespaces, name);
}

std::uint64_t Permissions::storage_bytes() const {
  if (everything_) return std::numeric_limits<std::uint64_t>::max();
  const std::uint64_t asked = asked_.storage_max_bytes.value_or(own_storage_bytes);
  const std::uint64_t granted = granted_ ? granted_->storage_max_bytes.value_or(own_storage_bytes) : asked;
  return std::max(own_storage_bytes, std::min(asked, granted));
}

}  // namespace tenon::host
