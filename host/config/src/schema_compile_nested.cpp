// Keywords that hold schemas.
#include <algorithm>

#include "schema_compiler.hpp"

namespace tenon::host::json_schema {
namespace {
constexpr std::uint32_t sorted_from = 9;  // properties; fewer are compared one by one
}

void Compiler::applicator(Keyword k, const Member& m, const Place& place, Node& node) {
  const auto list = [&](Op op) {
    if (const auto first = branches(m, place)) {
      rule({op, *first, m.value.as_list()->size()});
      node.flags |= node_branching;
    }
  };
  switch (k) {
    case Keyword::ref:
      return reference(m, place, node);
    case Keyword::all_of:
      return list(Op::all_of);
    case Keyword::any_of:
      return list(Op::any_of);
    case Keyword::one_of:
      return list(Op::one_of);
    case Keyword::negation: {
      const std::uint32_t negated = member_schema(m, place);
      rule({Op::negation, negated});
      node.flags |= node_branching;
      return;
    }
    default:
      return;
  }
}

void Compiler::reference(const Member& m, const Place& place, Node& node) {
  const std::string* target = m.value.as_string();
  if (!expect(target != nullptr, m, place, "a place in this schema, such as `#/$defs/port`")) return;
  rule({Op::reference, static_cast<std::uint32_t>(p_.ids.size())});
  d_.pending.push_back({static_cast<std::uint32_t>(p_.ids.size()), *target, keyword_where(m), Place{&place, m.key, 0, false}.text()});
  p_.ids.push_back(none);
  node.flags |= node_branching;
}

void Compiler::definitions(const Member& m, const Place& place) {
  const ValueMap* map = m.value.as_map();
  if (!expect(map != nullptr, m, place, "a map of schemas")) return;
  const Place here{&place, m.key, 0, false};
  for (const Member& entry : *map) member_schema(entry, here);
}

std::optional<std::uint32_t> Compiler::branches(const Member& m, const Place& place) {
  const ValueList* list = m.value.as_list();
  if (!expect(list != nullptr && !list->empty(), m, place, "a list of at least one schema")) return std::nullopt;
  const auto first = static_cast<std::uint32_t>(p_.ids.size());
  p_.ids.resize(first + list->size(), none);
  const Place here{&place, m.key, 0, false};
  for (std::size_t i = 0; i < list->size(); ++i) {
    const std::uint32_t node = schema((*list)[i], {&here, {}, i, true});
    p_.ids[first + i] = node;
  }
  return first;
}

void Compiler::members(const Group& group, const Place& place) {
  if (group.properties == nullptr && group.pattern_properties == nullptr && group.additional_properties == nullptr) return;
  Members out;
  if (const Member* m = group.properties; m != nullptr && expect(m->value.is_map(), *m, place, "a map of schemas")) {
    const ValueMap& map = *m->value.as_map();
    const Place here{&place, m->key, 0, false};
    out.first_property = static_cast<std::uint32_t>(p_.properties.size());
    out.property_count = static_cast<std::uint32_t>(map.size());
    for (const Member& entry : map) p_.properties.push_back({add_text(entry.key), none});
    std::uint32_t at = out.first_property;
    for (const Member& entry : map) {
      const std::uint32_t node = member_schema(entry, here);
      p_.properties[at++].node = node;
    }
    if (out.property_count >= sorted_from) {
      out.order = static_cast<std::uint32_t>(p_.ids.size());
      for (std::uint32_t i = 0; i < out.property_count; ++i) p_.ids.push_back(out.first_property + i);
      std::sort(p_.ids.begin() + out.order, p_.ids.end(),
                [&](std::uint32_t a, std::uint32_t b) { return p_.view(p_.properties[a].name) < p_.view(p_.properties[b].name); });
    }
  }
  if (const Member* m = group.pattern_properties; m != nullptr && expect(m->value.is_map(), *m, place, "a map from patterns to schemas")) {
    const ValueMap& map = *m->value.as_map();
    const Place here{&place, m->key, 0, false};
    out.first_pattern = static_cast<std::uint32_t>(p_.pattern_properties.size());
    for (const Member& entry : map) {
      const std::uint32_t id = add_pattern(entry, entry.key, here);
      if (id != none) p_.pattern_properties.push_back({id, none});
    }
    out.pattern_count = static_cast<std::uint32_t>(p_.pattern_properties.size()) - out.first_pattern;
    std::uint32_t at = out.first_pattern;
    for (const Member& entry : map) {
      const std::uint32_t node = member_schema(entry, here);
      if (at < out.first_pattern + out.pattern_count) p_.pattern_properties[at++].node = node;
    }
  }
  if (const Member* m = group.additional_properties) out.additional = member_schema(*m, place);
  rule({Op::members, static_cast<std::uint32_t>(p_.members.size())});
  p_.members.push_back(out);
}

void Compiler::items(const Group& group, const Place& place) {
  if (group.prefix_items == nullptr && group.items == nullptr) return;
  Items out;
  if (const Member* m = group.prefix_items) {
    if (const auto first = branches(*m, place)) {
      out.first_prefix = *first;
      out.prefix_count = static_cast<std::uint32_t>(m->value.as_list()->size());
    }
  }
  if (group.items != nullptr) out.rest = member_schema(*group.items, place);
  rule({Op::items, static_cast<std::uint32_t>(p_.items.size())});
  p_.items.push_back(out);
}

void Compiler::conditional(const Group& group, const Place& place, Node& node) {
  // `then` and `else` without `if` mean nothing (2020-12 core, 10.2.2), but they must still be schemas.
  std::uint32_t ids[3] = {none, none, none};
  const Member* parts[3] = {group.if_branch, group.then_branch, group.else_branch};
  for (int i = 0; i < 3; ++i)
    if (parts[i] != nullptr) ids[i] = member_schema(*parts[i], place);
  if (group.if_branch == nullptr) return;
  rule({Op::conditional, static_cast<std::uint32_t>(p_.ids.size())});
  p_.ids.insert(p_.ids.end(), ids, ids + 3);
  node.flags |= node_branching;
}

}  // namespace tenon::host::json_schema
