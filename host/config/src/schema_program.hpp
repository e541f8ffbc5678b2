// The compiled form of a schema: flat tables that refer to each other by index, so that a thousand small schemas are cheap to keep.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/value.hpp"
#include "config/schema.hpp"
#include "schema_pattern.hpp"

namespace tenon::host::json_schema {

inline constexpr std::uint32_t none = UINT32_MAX;

/// What an instance is, as bits. `number` in a schema is integer + fraction, so that sets of types intersect with `&`.
/// An instance such as 1.0 is an `integer`.
enum Type : std::uint8_t {
  type_null = 1,
  type_boolean = 2,
  type_string = 4,
  type_integer = 8,
  type_fraction = 16,
  type_array = 32,
  type_object = 64,
  type_number = type_integer | type_fraction,
  type_any = 127,
};

enum class Op : std::uint8_t {
  enumeration,         // a, b: values [a, a+b)
  constant,            // a: value
  multiple_of,         // number
  minimum,             // number
  maximum,             // number
  exclusive_minimum,   // number
  exclusive_maximum,   // number
  min_length,          // b
  max_length,          // b
  pattern,             // a: patterns
  format,              // a: Format
  min_items,           // b
  max_items,           // b
  unique_items,        //
  min_properties,      // b
  max_properties,      // b
  required,            // a, b: names [a, a+b)
  dependent_required,  // a, b: dependents [a, a+b)
  members,             // a: members
  items,               // a: items
  reference,           // a: ids: the target
  all_of,              // a, b: ids [a, a+b)
  any_of,              // a, b
  one_of,              // a, b
  negation,            // a: node
  conditional,         // a: ids [a, a+3): if, then, else; `none` where absent
};

/// One keyword's demand. A number is held in `b`: the bits of a double if `a` is 1, else of an int64.
struct Rule {
  Op op;
  std::uint32_t a = 0;
  std::uint64_t b = 0;
};

enum NodeFlag : std::uint8_t {
  node_secret = 1,
  node_live = 2,
  node_never = 4,      // the schema `false`
  node_branching = 8,  // has rules that evaluate other schemas on the same instance
};

/// One schema object (or boolean schema).
struct Node {
  std::uint32_t first_rule = 0;
  std::uint32_t rule_count = 0;
  std::uint32_t default_value = none;  ///< values; its own, else that of the schema it refers to
  std::uint8_t types = type_any;
  std::uint8_t flags = 0;
};

/// A piece of Program::text.
struct Name {
  std::uint32_t offset = 0, length = 0;
};
struct Property {
  Name name;
  std::uint32_t node = none;
};
struct PatternProperty {
  std::uint32_t pattern = none, node = none;
};
/// `properties`, `patternProperties` and `additionalProperties` of one schema object: the last depends on the others.
struct Members {
  std::uint32_t first_property = 0, property_count = 0;
  std::uint32_t order = none;  ///< ids [order, order + property_count): the properties sorted by name; only if they are many
  std::uint32_t first_pattern = 0, pattern_count = 0;
  std::uint32_t additional = none;
};
/// `prefixItems` and `items` of one schema object.
struct Items {
  std::uint32_t first_prefix = 0, prefix_count = 0;  ///< ids
  std::uint32_t rest = none;
};
/// One entry of `dependentRequired`: `trigger` demands names [first, first + count).
struct Dependent {
  Name trigger;
  std::uint32_t first = 0, count = 0;
};

struct Program {
  std::vector<Node> nodes;  ///< nodes[0] is the root
  std::vector<Rule> rules;
  std::vector<Property> properties;
  std::vector<Members> members;
  std::vector<Value> values;  ///< of enum, const and default
  std::vector<Name> names;
  std::vector<Items> items;
  std::vector<std::uint32_t> ids;  ///< lists of nodes (branches, targets of references) and of properties by name
  std::vector<PatternProperty> pattern_properties;
  std::vector<Dependent> dependents;
  std::vector<Pattern> patterns;
  std::string text;
  bool has_secrets = false;
  bool has_defaults = false;

  [[nodiscard]] std::string_view view(Name n) const { return std::string_view(text).substr(n.offset, n.length); }
  /// The property of that name, nullptr if there is none.
  [[nodiscard]] const Property* find_property(const Members& m, std::string_view name) const;

  /// Calls `visit(node)` for every schema that applies to the same instance as `node` whenever `node` does, or may do so: targets of
  /// `$ref`, branches of allOf, anyOf, oneOf, if/then/else, and with `include_not` also `not`.
  template <class Visit>
  void for_each_in_place(std::uint32_t node, bool include_not, Visit visit) const {
    const Node& n = nodes[node];
    if ((n.flags & node_branching) == 0) return;
    for (std::uint32_t i = n.first_rule; i < n.first_rule + n.rule_count; ++i) {
      const Rule& rule = rules[i];
      switch (rule.op) {
        case Op::reference:
          visit(ids[rule.a]);
          break;
        case Op::all_of:
        case Op::any_of:
        case Op::one_of:
          for (std::uint64_t k = 0; k < rule.b; ++k) visit(ids[rule.a + k]);
          break;
        case Op::negation:
          if (include_not) visit(rule.a);
          break;
        case Op::conditional:
          for (std::uint32_t k = 0; k < 3; ++k)
            if (ids[rule.a + k] != none) visit(ids[rule.a + k]);
          break;
        default:
          break;
      }
    }
  }
};

/// Where the evaluation stands in the instance: a chain of frames on the stack, turned into text only for a violation.
struct Path {
  const Path* parent = nullptr;
  std::string_view key;
  std::size_t index = 0;
  bool is_index = false;

  /// "a.b[0]"; names that could be mistaken for something else are written as ["a.b"]. Empty for the root.
  [[nodiscard]] std::string text() const;
};

/// Limits on the work one schema can cause; quantities of nested calls, elementary steps and violations.
inline constexpr std::uint32_t max_schema_depth = 96;    ///< subschemas within subschemas, as written
inline constexpr std::uint32_t max_in_place_depth = 64;  ///< $ref to $ref to allOf ... without going into the instance
inline constexpr std::uint32_t max_evaluation_depth = 600;
inline constexpr std::uint64_t max_evaluation_steps = 10'000'000;
inline constexpr std::size_t max_violations = 100;
inline constexpr std::uint32_t max_schema_nodes = 20'000;
inline constexpr std::size_t max_patterns = 256, max_large_patterns = 8;
inline constexpr std::uint64_t max_default_nodes = 10'000;  ///< one default, with the defaults it brings along

/// The value and all within it.
std::uint64_t count_nodes(const Value& v);
std::uint8_t type_of(const Value& instance);
/// The evaluation of `instance` against `node`, all violations in document order. `hide`: see Schema::validate.
std::vector<SchemaViolation> evaluate(const Program& program, std::uint32_t node, const Value& instance,
                                      const std::function<bool(std::string_view)>& hide);
/// True if a schema that applies at the place of `path` below `node`, or above that place, says `secret: true`.
bool is_secret_at(const Program& program, std::uint32_t node, const Path& path);

enum class FillResult : std::uint8_t { done, endless, too_large };
/// Schema::fill_defaults below `node`, adding at most `max_nodes` nodes. `within`: index of the default that `instance` is a copy of, or
/// `none`; meeting it again is `endless`.
FillResult fill(const Program& program, std::uint32_t node, Value& instance, std::uint64_t max_nodes, std::uint32_t within);

}  // namespace tenon::host::json_schema
