// Demands on the members of a map and the entries of a list.
#include <algorithm>

#include "schema_evaluation.hpp"

namespace tenon::host::json_schema {

bool Evaluation::required(const Rule& rule, const Value& v, const Path& path, Sink* sink) {
  if (!spend(rule.b, v, path)) return false;
  bool ok = true;
  for (std::uint64_t i = 0; i < rule.b; ++i) {
    const std::string_view name = p_.view(p_.names[rule.a + i]);
    if (v.find(name) != nullptr) continue;
    ok = false;
    if (stop(sink)) break;
    const Path missing{&path, name, 0, false};
    fail_missing(sink, missing.text(), v.where(), Wording::subject(missing) + " is missing");
  }
  return ok;
}

bool Evaluation::dependent_required(const Rule& rule, const Value& v, const Path& path, Sink* sink) {
  bool ok = true;
  for (std::uint64_t k = 0; k < rule.b; ++k) {
    const Dependent& d = p_.dependents[rule.a + k];
    if (!spend(1 + d.count, v, path)) return false;
    const std::string_view trigger = p_.view(d.trigger);
    if (v.find(trigger) == nullptr) continue;
    for (std::uint32_t i = 0; i < d.count; ++i) {
      const std::string_view name = p_.view(p_.names[d.first + i]);
      if (v.find(name) != nullptr) continue;
      ok = false;
      if (stop(sink)) return false;
      const Path missing{&path, name, 0, false}, because{&path, trigger, 0, false};
      fail_missing(sink, missing.text(), v.where(),
                   Wording::subject(missing) + " is missing, " + Wording::subject(because) + " requires it");
    }
  }
  return ok;
}

bool Evaluation::members(const Members& m, const Value& v, const Path& path, Sink* sink) {
  bool ok = true;
  for (const auto& member : *v.as_map()) {
    const Path here{&path, member.key, 0, false};
    bool matched = false, valid = true;
    if (!spend(1, v, path)) return false;
    if (const Property* property = p_.find_property(m, member.key)) {
      matched = true;
      valid = check(property->node, member.value, here, sink);
    }
    for (std::uint32_t i = 0; i < m.pattern_count; ++i) {
      const PatternProperty& pattern = p_.pattern_properties[m.first_pattern + i];
      if (!search(pattern.pattern, member.key, member.value, here)) continue;
      matched = true;
      valid = check(pattern.node, member.value, here, sink) && valid;
    }
    if (!matched && m.additional != none) {
      if ((p_.nodes[m.additional].flags & node_never) == 0) {
        valid = check(m.additional, member.value, here, sink);
      } else {
        valid = false;
        if (sink != nullptr)
          fail(sink, here.text(), member.key_where.line != 0 ? member.key_where : member.value.where(),
               Wording::subject(here) + " is not a known key", wording_.known_keys(m, member.key));
      }
    }
    ok = ok && valid;
    if (exhausted() || (!ok && stop(sink))) return false;
  }
  return ok;
}

bool Evaluation::items(const Items& items, const Value& v, const Path& path, Sink* sink) {
  const ValueList& list = *v.as_list();
  if (items.rest != none && (p_.nodes[items.rest].flags & node_never) != 0 && list.size() > items.prefix_count) {
    if (stop(sink)) return false;
    fail(sink, path.text(), list[items.prefix_count].where(),
         Wording::subject(path) + " has " + counted(list.size(), "entry", "entries") + ", expected at most " +
             std::to_string(items.prefix_count));
    for (std::size_t i = 0; i < items.prefix_count; ++i) check(p_.ids[items.first_prefix + i], list[i], Path{&path, {}, i, true}, sink);
    return false;
  }
  bool ok = true;
  for (std::size_t i = 0; i < list.size(); ++i) {
    const std::uint32_t node = i < items.prefix_count ? p_.ids[items.first_prefix + i] : items.rest;
    if (node == none) break;
    if (check(node, list[i], Path{&path, {}, i, true}, sink)) continue;
    ok = false;
    if (exhausted() || stop(sink)) break;
  }
  return ok;
}

const Property* Program::find_property(const Members& m, std::string_view name) const {
  if (m.order == none) {
    for (std::uint32_t i = m.first_property; i < m.first_property + m.property_count; ++i)
      if (view(properties[i].name) == name) return &properties[i];
    return nullptr;
  }
  const auto first = ids.begin() + m.order, last = first + m.property_count;
  const auto it = std::lower_bound(first, last, name, [&](std::uint32_t i, std::string_view n) { return view(properties[i].name) < n; });
  return it != last && view(properties[*it].name) == name ? &properties[*it] : nullptr;
}

}  // namespace tenon::host::json_schema
