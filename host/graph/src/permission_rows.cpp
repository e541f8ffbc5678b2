#include <algorithm>
#include <array>
#include <utility>

#include "base/text.hpp"
#include "graph/permissions.hpp"

namespace tenon::host {
namespace {

struct Permission {
  std::string_view section, key, path;
};
constexpr std::array<Permission, 6> permissions_known = {{{"services", "call", "services.call"},
                                                          {"services", "provide", "services.provide"},
                                                          {"events", "publish", "events.publish"},
                                                          {"events", "subscribe", "events.subscribe"},
                                                          {"storage", "namespaces", "storage.namespaces"},
                                                          {"storage", "max_bytes", "storage.max_bytes"}}};

std::string text_of(const ServicePattern& p) { return p.major == 0 ? p.pattern : p.pattern + "/" + std::to_string(p.major); }
std::string text_of(const std::string& name) { return name; }

bool within(const ServicePattern& narrow, const ServicePattern& wide) {
  return (wide.major == 0 || wide.major == narrow.major) && is_within(narrow.pattern, wide.pattern);
}
bool within(const std::string& narrow, const std::string& wide) { return is_within(narrow, wide); }

// True if some name is matched by both.
bool overlap(std::string_view a, std::string_view b) {
  const auto first_word = [](std::string_view& text) {
    const std::size_t dot = text.find('.');
    const std::string_view word = text.substr(0, dot);
    text.remove_prefix(dot == std::string_view::npos ? text.size() : dot + 1);
    return word;
  };
  while (!a.empty() && !b.empty()) {
    const std::string_view x = first_word(a), y = first_word(b);
    if (x == ">" || y == ">") return true;
    if (x != "*" && y != "*" && x != y) return false;
  }
  return a.empty() && b.empty();
}
bool overlaps(const ServicePattern& a, const ServicePattern& b) {
  return (a.major == 0 || b.major == 0 || a.major == b.major) && overlap(a.pattern, b.pattern);
}
bool overlaps(const std::string& a, const std::string& b) { return overlap(a, b); }

template <class Name>
GrantState state_of(const Name& asked, const std::vector<Name>& granted) {
  if (std::any_of(granted.begin(), granted.end(), [&](const Name& g) { return within(asked, g); })) return GrantState::granted;
  const bool some = std::any_of(granted.begin(), granted.end(), [&](const Name& g) { return overlaps(asked, g); });
  return some ? GrantState::partly : GrantState::missing;
}

template <class Name>
void add_rows(std::vector<PermissionRow>& rows, std::string_view path, const std::vector<Name>& asked, const std::vector<Name>* granted) {
  for (const Name& a : asked) rows.push_back({path, text_of(a), granted == nullptr ? GrantState::granted : state_of(a, *granted)});
  if (granted == nullptr) return;
  for (const Name& g : *granted)
    if (std::none_of(asked.begin(), asked.end(), [&](const Name& a) { return overlaps(a, g); }))
      rows.push_back({path, text_of(g), GrantState::unused});
}

// What is granted, widened by what is not. A list replaces the list before, so that all of it has to be said.
template <class Name>
void add_names(std::vector<std::string>& out, const std::vector<Name>& asked, const std::vector<Name>& granted) {
  for (const Name& g : granted) out.push_back(text_of(g));
  for (const Name& a : asked)
    if (state_of(a, granted) != GrantState::granted) out.push_back(text_of(a));
}

}  // namespace

std::string_view grant_state_name(GrantState state) {
  constexpr std::array<std::string_view, 4> names = {"granted", "partly", "missing", "unused"};
  return names[static_cast<std::size_t>(state)];
}

std::vector<PermissionRow> permission_rows(const PlannedPermissions& p) {
  std::vector<PermissionRow> rows;
  const PermissionSet* g = p.granted ? &*p.granted : nullptr;
  add_rows(rows, permissions_known[0].path, p.asked.service_calls, g != nullptr ? &g->service_calls : nullptr);
  add_rows(rows, permissions_known[1].path, p.asked.service_provides, g != nullptr ? &g->service_provides : nullptr);
  add_rows(rows, permissions_known[2].path, p.asked.event_publishes, g != nullptr ? &g->event_publishes : nullptr);
  add_rows(rows, permissions_known[3].path, p.asked.event_subscribes, g != nullptr ? &g->event_subscribes : nullptr);
  add_rows(rows, permissions_known[4].path, p.asked.storage_namespaces, g != nullptr ? &g->storage_namespaces : nullptr);
  const std::optional<std::uint64_t> asked = p.asked.storage_max_bytes, granted = g != nullptr ? g->storage_max_bytes : asked;
  if (asked) {
    const bool some = granted.value_or(0) > Permissions::own_storage_bytes;
    const GrantState state = granted.value_or(0) >= *asked ? GrantState::granted : some ? GrantState::partly : GrantState::missing;
    rows.push_back({permissions_known[5].path, format_size(*asked), state});
  } else if (granted) {
    rows.push_back({permissions_known[5].path, format_size(*granted), GrantState::unused});
  }
  return rows;
}

std::string granting_line(const PlannedPermissions& p) {
  const std::vector<PermissionRow> rows = permission_rows(p);
  if (std::none_of(rows.begin(), rows.end(),
                   [](const PermissionRow& r) { return r.state == GrantState::missing || r.state == GrantState::partly; }))
    return {};
  const PermissionSet& asked = p.asked;
  const PermissionSet granted = p.granted.value_or(PermissionSet());
  std::array<std::vector<std::string>, 5> names;
  add_names(names[0], asked.service_calls, granted.service_calls);
  add_names(names[1], asked.service_provides, granted.service_provides);
  add_names(names[2], asked.event_publishes, granted.event_publishes);
  add_names(names[3], asked.event_subscribes, granted.event_subscribes);
  add_names(names[4], asked.storage_namespaces, granted.storage_namespaces);
  std::string out = "grants: {";
  std::string_view section;
  for (std::size_t i = 0; i < permissions_known.size(); ++i) {
    std::string value;
    if (i < names.size()) {
      for (const std::string& name : names[i]) value += (value.empty() ? "[\"" : ", \"") + name + '"';
      if (!value.empty()) value += ']';
    } else if (asked.storage_max_bytes || granted.storage_max_bytes) {
      value = format_size(std::max(asked.storage_max_bytes.value_or(0), granted.storage_max_bytes.value_or(0)));
    }
    if (value.empty()) continue;
    const Permission& known = permissions_known[i];
    if (section != known.section) {
      if (!section.empty()) out += "}, ";
      out.append(known.section).append(": {");
      section = known.section;
    } else {
      out += ", ";
    }
    out.append(known.key).append(": ").append(value);
  }
  return out + "}}";
}

}  // namespace tenon::host
