// Do two manifests of one library say the same?
#include <algorithm>
#include <array>
#include <map>
#include <set>
#include <tuple>

#include "manifest/manifest.hpp"

namespace tenon::host {
namespace {

std::set<std::string_view> name_set(const std::vector<Named>& names) {
  std::set<std::string_view> out;
  for (const Named& n : names) out.insert(n.name);
  return out;
}

bool same_names(const std::vector<Named>& a, const std::vector<Named>& b) { return name_set(a) == name_set(b); }

/// `orders.create` means `orders.create/1`.
bool same_services(const std::vector<Named>& a, const std::vector<Named>& b) {
  const auto full = [](const std::vector<Named>& services) {
    std::set<std::string> out;
    for (const Named& n : services) out.insert(n.name.find('/') == std::string::npos ? n.name + "/1" : n.name);
    return out;
  };
  return full(a) == full(b);
}

bool contains(const std::vector<Requirement>& all, const Requirement& r) {
  return std::any_of(all.begin(), all.end(), [&r](const Requirement& o) { return o.name == r.name && o.range == r.range; });
}

bool same_requirements(const std::vector<Requirement>& a, const std::vector<Requirement>& b) {
  const auto equal = [](const Requirement& x, const Requirement& y) { return x.name == y.name && x.range == y.range; };
  if (a.size() == b.size() && std::equal(a.begin(), a.end(), b.begin(), equal)) return true;  // the rule, and linear
  return std::all_of(a.begin(), a.end(), [&b](const Requirement& r) { return contains(b, r); }) &&
         std::all_of(b.begin(), b.end(), [&a](const Requirement& r) { return contains(a, r); });
}

bool same_needs(const std::vector<InterfaceNeed>& a, const std::vector<InterfaceNeed>& b) {
  const auto as_set = [](const std::vector<InterfaceNeed>& needs) {
    std::set<std::pair<std::string_view, bool>> out;
    for (const InterfaceNeed& n : needs) out.emplace(n.id, n.optional);
    return out;
  };
  return as_set(a) == as_set(b);
}

bool same_provides(const Manifest& a, const Manifest& b) {
  return same_services(a.provides.services, b.provides.services) && same_names(a.provides.events, b.provides.events);
}

bool same_permissions(const Manifest& a, const Manifest& b) {
  const PermissionRequests &x = a.permissions, &y = b.permissions;
  return same_services(x.service_calls, y.service_calls) && same_names(x.event_publishes, y.event_publishes) &&
         same_names(x.event_subscribes, y.event_subscribes) && same_names(x.storage_namespaces, y.storage_namespaces) &&
         same_names(x.http_routes, y.http_routes) && x.storage_max_bytes == y.storage_max_bytes;
}

bool same_timeouts(const Manifest& a, const Manifest& b) {
  return std::map(a.timeouts.begin(), a.timeouts.end()) == std::map(b.timeouts.begin(), b.timeouts.end());
}

bool same_defaults(const Manifest& a, const Manifest& b) {
  const auto is_empty = [](const Value& v) { return v.is_null() || v.as_map()->empty(); };
  return (is_empty(a.defaults) && is_empty(b.defaults)) || a.defaults == b.defaults;
}

struct Comparison {
  std::string_view key;
  bool (*same)(const Manifest& a, const Manifest& b);
};

/// Keys whose meaning is known; all others, but `description` and `library`, are compared as they are written.
constexpr std::array<Comparison, 12> comparisons = {
    {{"name", [](const Manifest& a, const Manifest& b) { return a.name == b.name; }},
     {"version", [](const Manifest& a, const Manifest& b) { return a.version == b.version && a.version.build == b.version.build; }},
     {"sdk", [](const Manifest& a, const Manifest& b) { return a.sdk == b.sdk; }},
     {"requires", [](const Manifest& a, const Manifest& b) { return same_requirements(a.requirements, b.requirements); }},
     {"after", [](const Manifest& a, const Manifest& b) { return same_names(a.after, b.after); }},
     {"capabilities", [](const Manifest& a, const Manifest& b) { return same_names(a.capabilities, b.capabilities); }},
     {"needs", [](const Manifest& a, const Manifest& b) { return same_needs(a.needs, b.needs); }},
     {"provides", same_provides},
     {"permissions", same_permissions},
     {"config_schema", [](const Manifest& a, const Manifest& b) { return a.config_schema == b.config_schema; }},
     {"defaults", same_defaults},
     {"timeouts", same_timeouts}}};

bool is_compared_by_meaning(std::string_view key) {
  return key == "description" || key == "library" ||
         std::any_of(comparisons.begin(), comparisons.end(), [key](const Comparison& c) { return c.key == key; });
}

/// A set as far as order goes: `critical`.
bool same_list_in_any_order(const Value* a, const Value* b) {
  const auto as_set = [](const Value* v) {
    std::set<std::string_view> out;
    if (v == nullptr || v->as_list() == nullptr) return out;
    for (const Value& entry : *v->as_list())
      if (const std::string* text = entry.as_string()) out.insert(*text);
    return out;
  };
  return as_set(a) == as_set(b);
}

bool same_as_written(std::string_view key, const Value* a, const Value* b) {
  if (key == "critical") return same_list_in_any_order(a, b);
  return a != nullptr && b != nullptr && *a == *b;
}

Where where_of(const Manifest& m, std::string_view key) {
  const Value* const v = m.document.find(key);
  return v != nullptr ? v->where() : Where{m.source, 0, 0, 1};
}

}  // namespace

std::optional<ManifestDifference> differing_key(const Manifest& a, const Manifest& b) {
  const auto difference = [&](std::string_view key) { return ManifestDifference{std::string(key), where_of(a, key), where_of(b, key)}; };
  for (const Comparison& c : comparisons)
    if (!c.same(a, b)) return difference(c.key);
  for (const Manifest* m : {&a, &b})
    for (const ValueMap::Member& member : *m->document.as_map())
      if (!is_compared_by_meaning(member.key) && !same_as_written(member.key, a.document.find(member.key), b.document.find(member.key)))
        return difference(member.key);
  return std::nullopt;
}

}  // namespace tenon::host
