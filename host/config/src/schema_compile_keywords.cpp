// Keywords that hold no schemas.
#include <algorithm>
#include <array>
#include <cmath>
#include <unordered_set>

#include "base/text.hpp"
#include "schema_compiler.hpp"
#include "schema_formats.hpp"
#include "schema_number.hpp"

namespace tenon::host::json_schema {
namespace {

struct TypeName {
  std::string_view name;
  std::uint8_t bits;
};
constexpr TypeName type_names[] = {
    {"null", type_null},     {"boolean", type_boolean}, {"object", type_object},   {"array", type_array},
    {"number", type_number}, {"string", type_string},   {"integer", type_integer},
};

}  // namespace

bool Compiler::expect(bool condition, const Member& m, const Place& place, std::string_view expected) {
  if (!condition)
    error("schema.malformed", m, place, "`" + printable(m.key, 60) + "` does not fit here: it is " + a_kind_of(m.value),
          "expected " + std::string(expected));
  return condition;
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

}  // namespace tenon::host::json_schema
