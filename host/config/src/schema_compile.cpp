#include "schema_compile.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <optional>
#include <unordered_set>

#include "base/text.hpp"
#include "schema_formats.hpp"
#include "schema_keywords.hpp"
#include "schema_number.hpp"

namespace tenon::host::json_schema {
namespace {

using Member = ValueMap::Member;
constexpr std::uint32_t sorted_from = 9;  // properties; fewer are compared one by one

struct TypeName {
  std::string_view name;
  std::uint8_t bits;
};
constexpr TypeName type_names[] = {
    {"null", type_null},     {"boolean", type_boolean}, {"object", type_object},   {"array", type_array},
    {"number", type_number}, {"string", type_string},   {"integer", type_integer},
};

Where keyword_where(const Member& m) { return m.key_where.source || m.key_where.line != 0 ? m.key_where : m.value.where(); }

/// "an integer", "a list", "an empty map", "null"
std::string a_kind_of(const Value& v) {
  if (v.is_null()) return "null";
  if (v.is_list() && v.as_list()->empty()) return "an empty list";
  if (v.is_map() && v.as_map()->empty()) return "an empty map";
  return (v.as_integer() != nullptr ? "an " : "a ") + std::string(kind_name(v.kind()));
}

class Compiler {
 public:
  Compiler(Draft& draft, Diagnostics& diagnostics) : d_(draft), p_(draft.program), diagnostics_(diagnostics) {}

  std::uint32_t schema(const Value& v, const Place& place);

 private:
  /// Keywords of one schema object that are compiled together, after the others.
  struct Group {
    const Member *properties = nullptr, *pattern_properties = nullptr, *additional_properties = nullptr;
    const Member *prefix_items = nullptr, *items = nullptr;
    const Member *if_branch = nullptr, *then_branch = nullptr, *else_branch = nullptr;
  };

  void keyword(Keyword k, const Member& m, const Place& place, Node& node, Group& group);
  void applicator(Keyword k, const Member& m, const Place& place, Node& node);
  void types(const Member& m, const Place& place, Node& node);
  void number(Op op, const Member& m, const Place& place);
  void count(Op op, const Member& m, const Place& place);
  void values(Op op, const Member& m, const Place& place);
  void pattern(const Member& m, const Place& place);
  void format(const Member& m, const Place& place);
  void required(const Member& m, const Place& place);
  void dependent_required(const Member& m, const Place& place);
  void dialect(const Member& m, const Place& place);
  void reference(const Member& m, const Place& place, Node& node);
  void definitions(const Member& m, const Place& place);
  void members(const Group& group, const Place& place);
  void items(const Group& group, const Place& place);
  void conditional(const Group& group, const Place& place, Node& node);

  std::optional<std::pair<std::uint32_t, std::uint32_t>> name_list(const Member& m, const Place& place);
  std::optional<std::uint32_t> branches(const Member& m, const Place& place);
  std::uint32_t add_pattern(const Member& m, std::string_view text, const Place& place);
  std::uint32_t add_value(const Value& v, const Member* default_of);
  Name add_text(std::string_view text);
  std::uint32_t member_schema(const Member& m, const Place& place) { return schema(m.value, {&place, m.key, 0, false}); }
  bool boolean(const Member& m, const Place& place);
  bool expect(bool condition, const Member& m, const Place& place, std::string_view expected);
  void error(const char* code, const Member& m, const Place& place, std::string message, std::string help = {}) {
    d_.error(diagnostics_, code, keyword_where(m), Place{&place, m.key, 0, false}.text(), std::move(message), std::move(help));
  }
  void rule(Rule r) { scratch_.push_back(r); }

  Draft& d_;
  Program& p_;
  Diagnostics& diagnostics_;
  std::vector<Rule> scratch_;  // of the schemas being compiled, the innermost last
  std::uint32_t depth_ = 0;
};

bool Compiler::expect(bool condition, const Member& m, const Place& place, std::string_view expected) {
  if (!condition)
    error("schema.malformed", m, place, "`" + printable(m.key, 60) + "` does not fit here: it is " + a_kind_of(m.value),
          "expected " + std::string(expected));
  return condition;
}

std::uint32_t Compiler::schema(const Value& v, const Place& place) {
  const auto id = static_cast<std::uint32_t>(p_.nodes.size());
  p_.nodes.emplace_back();
  d_.written.push_back(&v);
  if (const bool* b = v.as_bool()) {
    if (!*b) p_.nodes[id].flags |= node_never;
    return id;
  }
  const ValueMap* map = v.as_map();
  if (map == nullptr) {
    std::string help = "expected a map of keywords, or true or false";
    if (place.token == "items" && v.is_list()) help += "; a list of schemas is written `prefixItems`";
    d_.error(diagnostics_, "schema.malformed", v.where(), place.text(), "a schema cannot be " + a_kind_of(v), std::move(help));
    return id;
  }
  if (depth_ >= max_schema_depth || p_.nodes.size() > max_schema_nodes) {
    const bool deep = depth_ >= max_schema_depth;
    if (d_.errors < 100)
      d_.error(
          diagnostics_, "schema.limit", v.where(), place.text(), deep ? "the schema is nested too deeply" : "the schema is too large",
          deep ? "at most " + std::to_string(max_schema_depth) + " levels" : "at most " + std::to_string(max_schema_nodes) + " subschemas");
    return id;
  }
  ++depth_;
  const std::size_t mark = scratch_.size();
  Node node;
  Group group;
  for (const Member& m : *map) {
    if (const auto k = find_keyword(m.key)) {
      keyword(*k, m, place, node, group);
    } else {
      UnknownKeyword u = describe_unknown_keyword(m.key);
      error("schema.unknown_keyword", m, place, std::move(u.message), std::move(u.help));
    }
  }
  members(group, place);
  items(group, place);
  // Last what evaluates other schemas on the same instance: it costs most, and its violations explain least.
  for (const Member& m : *map)
    if (const auto k = find_keyword(m.key)) applicator(*k, m, place, node);
  conditional(group, place, node);
  --depth_;
  node.first_rule = static_cast<std::uint32_t>(p_.rules.size());
  node.rule_count = static_cast<std::uint32_t>(scratch_.size() - mark);
  p_.rules.insert(p_.rules.end(), scratch_.begin() + static_cast<std::ptrdiff_t>(mark), scratch_.end());
  scratch_.resize(mark);
  if ((node.flags & node_secret) != 0) p_.has_secrets = true;
  p_.nodes[id] = node;
  return id;
}

void Compiler::keyword(Keyword k, const Member& m, const Place& place, Node& node, Group& group) {
  switch (k) {
    case Keyword::comment:
    case Keyword::description:
    case Keyword::title:
      expect(m.value.is_string(), m, place, "a string");
      return;
    case Keyword::deprecated:
    case Keyword::read_only:
    case Keyword::write_only:
      boolean(m, place);
      return;
    case Keyword::examples:
      expect(m.value.is_list(), m, place, "a list of values");
      return;
    case Keyword::secret:
      if (boolean(m, place)) node.flags |= node_secret;
      return;
    case Keyword::live:
      if (boolean(m, place)) node.flags |= node_live;
      return;
    case Keyword::default_value:
      node.default_value = add_value(m.value, &m);
      p_.has_defaults = true;
      return;
    case Keyword::schema:
      return dialect(m, place);
    case Keyword::defs:
      return definitions(m, place);
    case Keyword::type:
      return types(m, place, node);
    case Keyword::enumeration:
      return values(Op::enumeration, m, place);
    case Keyword::constant:
      return values(Op::constant, m, place);
    case Keyword::multiple_of:
      return number(Op::multiple_of, m, place);
    case Keyword::minimum:
      return number(Op::minimum, m, place);
    case Keyword::maximum:
      return number(Op::maximum, m, place);
    case Keyword::exclusive_minimum:
      return number(Op::exclusive_minimum, m, place);
    case Keyword::exclusive_maximum:
      return number(Op::exclusive_maximum, m, place);
    case Keyword::min_length:
      return count(Op::min_length, m, place);
    case Keyword::max_length:
      return count(Op::max_length, m, place);
    case Keyword::min_items:
      return count(Op::min_items, m, place);
    case Keyword::max_items:
      return count(Op::max_items, m, place);
    case Keyword::min_properties:
      return count(Op::min_properties, m, place);
    case Keyword::max_properties:
      return count(Op::max_properties, m, place);
    case Keyword::unique_items:
      if (boolean(m, place)) rule({Op::unique_items});
      return;
    case Keyword::pattern:
      return pattern(m, place);
    case Keyword::format:
      return format(m, place);
    case Keyword::required:
      return required(m, place);
    case Keyword::dependent_required:
      return dependent_required(m, place);
    case Keyword::properties:
      group.properties = &m;
      return;
    case Keyword::pattern_properties:
      group.pattern_properties = &m;
      return;
    case Keyword::additional_properties:
      group.additional_properties = &m;
      return;
    case Keyword::prefix_items:
      group.prefix_items = &m;
      return;
    case Keyword::items:
      group.items = &m;
      return;
    case Keyword::if_branch:
      group.if_branch = &m;
      return;
    case Keyword::then_branch:
      group.then_branch = &m;
      return;
    case Keyword::else_branch:
      group.else_branch = &m;
      return;
    case Keyword::ref:
    case Keyword::all_of:
    case Keyword::any_of:
    case Keyword::one_of:
    case Keyword::negation:
      return;  // by applicator()
  }
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

bool Compiler::boolean(const Member& m, const Place& place) {
  return expect(m.value.as_bool() != nullptr, m, place, "true or false") && *m.value.as_bool();
}

void Compiler::types(const Member& m, const Place& place, Node& node) {
  std::uint8_t bits = 0, seen = 0;
  const auto add = [&](const Value& v) {
    const std::string* name = v.as_string();
    const auto* it =
        std::find_if(std::begin(type_names), std::end(type_names), [&](const TypeName& t) { return name != nullptr && t.name == *name; });
    if (it == std::end(type_names)) {
      std::array<std::string_view, std::size(type_names)> names;
      std::transform(std::begin(type_names), std::end(type_names), names.begin(), [](const TypeName& t) { return t.name; });
      std::string help = "expected null, boolean, object, array, number, string or integer";
      if (name != nullptr) {
        if (*name == "map")
          help = "JSON Schema calls it `object`";
        else if (*name == "list")
          help = "JSON Schema calls it `array`";
        else if (const auto close = nearest(*name, names))
          help = "did you mean `" + std::string(*close) + "`?";
      }
      error("schema.malformed", m, place, name != nullptr ? "`" + printable(*name, 60) + "` is not a type" : "a type is named by a string",
            std::move(help));
      return;
    }
    const auto which = static_cast<std::uint8_t>(1u << (it - std::begin(type_names)));
    if ((seen & which) != 0) error("schema.malformed", m, place, "the type `" + *name + "` is listed twice");
    seen |= which;
    bits |= it->bits;
  };
  if (const ValueList* list = m.value.as_list()) {
    if (!expect(!list->empty(), m, place, "at least one type")) return;
    for (const Value& v : *list) add(v);
  } else {
    add(m.value);
  }
  if (bits != 0) node.types = bits;
}

void Compiler::number(Op op, const Member& m, const Place& place) {
  if (!expect(m.value.is_number(), m, place, "a number")) return;
  const Number n = number_of(m.value);
  if (op == Op::multiple_of && !(n.real ? n.d > 0 && std::isfinite(n.d) : n.i > 0))
    return error("schema.malformed", m, place, "`multipleOf` is " + to_json(m.value), "expected a number above 0");
  if (n.real && std::isnan(n.d)) return error("schema.malformed", m, place, "`" + m.key + "` is not a number");
  Rule r{op};
  put_number(r, n);
  rule(r);
}

void Compiler::count(Op op, const Member& m, const Place& place) {
  if (!expect(m.value.is_number(), m, place, "an integer of at least 0")) return;
  const Number n = number_of(m.value);
  if (!is_integral(n) || (n.real ? n.d < 0 : n.i < 0))
    return error("schema.malformed", m, place, "`" + m.key + "` is " + to_json(m.value), "expected an integer of at least 0");
  rule({op, 0, !n.real ? static_cast<std::uint64_t>(n.i) : n.d >= 0x1p63 ? UINT64_MAX : static_cast<std::uint64_t>(n.d)});
}

void Compiler::values(Op op, const Member& m, const Place& place) {
  if (op == Op::constant) return rule({op, add_value(m.value, nullptr)});
  const ValueList* list = m.value.as_list();
  if (!expect(list != nullptr, m, place, "a list of values")) return;
  const auto first = static_cast<std::uint32_t>(p_.values.size());
  for (const Value& v : *list) add_value(v, nullptr);
  rule({op, first, list->size()});
}

void Compiler::pattern(const Member& m, const Place& place) {
  const std::string* text = m.value.as_string();
  if (!expect(text != nullptr, m, place, "a regular expression, as a string")) return;
  if (const std::uint32_t id = add_pattern(m, *text, place); id != none) rule({Op::pattern, id});
}

std::uint32_t Compiler::add_pattern(const Member& m, std::string_view text, const Place& place) {
  for (std::size_t i = 0; i < p_.patterns.size(); ++i)
    if (p_.patterns[i].text() == text) return static_cast<std::uint32_t>(i);
  if (p_.patterns.size() >= max_patterns) {
    error("schema.limit", m, place, "the schema has more than " + std::to_string(max_patterns) + " different patterns");
    return none;
  }
  auto compiled = Pattern::compile(text);
  if (!compiled) {
    error("schema.pattern", m, place, "the pattern `" + printable(text, 80) + "` cannot be used: " + compiled.error().message,
          "patterns are ECMA-262 regular expressions without look-around and back-references");
    return none;
  }
  if (compiled->is_large() && ++d_.large_patterns > max_large_patterns) {
    error("schema.limit", m, place, "the schema has more than " + std::to_string(max_large_patterns) + " patterns that need much memory",
          "repeat large classes such as `\\p{Letter}` less often");
    return none;
  }
  p_.patterns.push_back(std::move(*compiled));
  return static_cast<std::uint32_t>(p_.patterns.size() - 1);
}

void Compiler::format(const Member& m, const Place& place) {
  const std::string* name = m.value.as_string();
  if (!expect(name != nullptr, m, place, "the name of a format")) return;
  if (const auto f = find_format(*name)) return rule({Op::format, static_cast<std::uint32_t>(*f)});
  const auto close = nearest_format(*name);
  error("schema.format", m, place, "`" + printable(*name, 60) + "` is not a format of this version",
        close ? "did you mean `" + std::string(*close) + "`?" : "expected one of " + format_names());
}

std::optional<std::pair<std::uint32_t, std::uint32_t>> Compiler::name_list(const Member& m, const Place& place) {
  const ValueList* list = m.value.as_list();
  if (!expect(list != nullptr, m, place, "a list of names")) return std::nullopt;
  const auto first = static_cast<std::uint32_t>(p_.names.size());
  std::unordered_set<std::string_view> seen;
  for (std::size_t i = 0; i < list->size(); ++i) {
    const std::string* name = (*list)[i].as_string();
    if (!expect(name != nullptr, m, place, "a list of names, each a string")) return std::nullopt;
    bool repeated = false;
    if (list->size() <= 16) {
      for (std::size_t k = 0; k < i; ++k) repeated = repeated || *(*list)[k].as_string() == *name;
    } else {
      repeated = !seen.insert(*name).second;
    }
    if (repeated) error("schema.malformed", m, place, "`" + printable(*name, 60) + "` is listed twice in `" + printable(m.key, 60) + "`");
    p_.names.push_back(add_text(*name));
  }
  return std::pair(first, static_cast<std::uint32_t>(list->size()));
}

void Compiler::required(const Member& m, const Place& place) {
  if (const auto list = name_list(m, place); list && list->second != 0) rule({Op::required, list->first, list->second});
}

void Compiler::dependent_required(const Member& m, const Place& place) {
  const ValueMap* map = m.value.as_map();
  if (!expect(map != nullptr, m, place, "a map from a name to the names it requires")) return;
  const auto first = static_cast<std::uint32_t>(p_.dependents.size());
  const Place here{&place, m.key, 0, false};
  for (const Member& entry : *map)
    if (const auto list = name_list(entry, here)) p_.dependents.push_back({add_text(entry.key), list->first, list->second});
  if (p_.dependents.size() != first) rule({Op::dependent_required, first, p_.dependents.size() - first});
}

void Compiler::dialect(const Member& m, const Place& place) {
  const std::string* uri = m.value.as_string();
  if (uri == nullptr || *uri != "https://json-schema.org/draft/2020-12/schema")
    error("schema.malformed", m, place, "`$schema` names another dialect than JSON Schema 2020-12",
          "expected https://json-schema.org/draft/2020-12/schema, or no `$schema`");
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

std::uint32_t Compiler::add_value(const Value& v, const Member* default_of) {
  p_.values.push_back(v);
  d_.default_members.resize(p_.values.size());
  d_.default_members.back() = default_of;
  return static_cast<std::uint32_t>(p_.values.size() - 1);
}

Name Compiler::add_text(std::string_view text) {
  // A name that is already there (`required` repeats `properties`) is shared; large schemas do not search.
  if (p_.text.size() < 1024)
    if (const std::size_t at = p_.text.find(text); at != std::string::npos)
      return {static_cast<std::uint32_t>(at), static_cast<std::uint32_t>(text.size())};
  const Name out{static_cast<std::uint32_t>(p_.text.size()), static_cast<std::uint32_t>(text.size())};
  p_.text += text;
  return out;
}

void shrink(Program& p) {
  p.nodes.shrink_to_fit();
  p.rules.shrink_to_fit();
  p.properties.shrink_to_fit();
  p.members.shrink_to_fit();
  p.values.shrink_to_fit();
  p.names.shrink_to_fit();
  p.items.shrink_to_fit();
  p.ids.shrink_to_fit();
  p.pattern_properties.shrink_to_fit();
  p.dependents.shrink_to_fit();
  p.patterns.shrink_to_fit();
  p.text.shrink_to_fit();
}

}  // namespace

void Draft::error(Diagnostics& diagnostics, const char* code, Where where, std::string place, std::string message, std::string help) {
  ++errors;
  diagnostics.error(code, std::move(where), std::move(message), std::move(help)).path = std::move(place);
}

std::string Place::text() const {
  if (parent == nullptr) return "#";
  std::string out = parent->text() + "/";
  if (is_index) return out + std::to_string(index);
  for (char c : printable(token, 100)) {
    if (c == '~')
      out += "~0";
    else if (c == '/')
      out += "~1";
    else
      out += c;
  }
  return out;
}

std::optional<Program> compile_schema(const Value& schema, Diagnostics& diagnostics) {
  Draft draft;
  Compiler(draft, diagnostics).schema(schema, Place{});
  resolve_references(draft, schema, diagnostics);
  if (draft.errors == 0) check_recursion(draft, diagnostics);
  if (draft.errors == 0 && draft.program.has_defaults) check_defaults(draft, diagnostics);
  if (draft.errors != 0) return std::nullopt;
  shrink(draft.program);
  return std::move(draft.program);
}

}  // namespace tenon::host::json_schema
