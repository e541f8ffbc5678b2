#include "schema_compile.hpp"

#include "base/text.hpp"
#include "schema_compiler.hpp"

namespace tenon::host::json_schema {
namespace {

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

Where keyword_where(const Member& m) { return m.key_where.source || m.key_where.line != 0 ? m.key_where : m.value.where(); }

std::string a_kind_of(const Value& v) {
  if (v.is_null()) return "null";
  if (v.is_list() && v.as_list()->empty()) return "an empty list";
  if (v.is_map() && v.as_map()->empty()) return "an empty map";
  return (v.as_integer() != nullptr ? "an " : "a ") + std::string(kind_name(v.kind()));
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
