#include "schema_keywords.hpp"

#include <algorithm>
#include <array>

#include "base/text.hpp"

namespace tenon::host::json_schema {
namespace {

struct Entry {
  std::string_view name;
  Keyword keyword;
};

// Sorted by name.
constexpr Entry keywords[] = {
    {"$comment", Keyword::comment},
    {"$defs", Keyword::defs},
    {"$ref", Keyword::ref},
    {"$schema", Keyword::schema},
    {"additionalProperties", Keyword::additional_properties},
    {"allOf", Keyword::all_of},
    {"anyOf", Keyword::any_of},
    {"const", Keyword::constant},
    {"default", Keyword::default_value},
    {"dependentRequired", Keyword::dependent_required},
    {"deprecated", Keyword::deprecated},
    {"description", Keyword::description},
    {"else", Keyword::else_branch},
    {"enum", Keyword::enumeration},
    {"examples", Keyword::examples},
    {"exclusiveMaximum", Keyword::exclusive_maximum},
    {"exclusiveMinimum", Keyword::exclusive_minimum},
    {"format", Keyword::format},
    {"if", Keyword::if_branch},
    {"items", Keyword::items},
    {"live", Keyword::live},
    {"maxItems", Keyword::max_items},
    {"maxLength", Keyword::max_length},
    {"maxProperties", Keyword::max_properties},
    {"maximum", Keyword::maximum},
    {"minItems", Keyword::min_items},
    {"minLength", Keyword::min_length},
    {"minProperties", Keyword::min_properties},
    {"minimum", Keyword::minimum},
    {"multipleOf", Keyword::multiple_of},
    {"not", Keyword::negation},
    {"oneOf", Keyword::one_of},
    {"pattern", Keyword::pattern},
    {"patternProperties", Keyword::pattern_properties},
    {"prefixItems", Keyword::prefix_items},
    {"properties", Keyword::properties},
    {"readOnly", Keyword::read_only},
    {"required", Keyword::required},
    {"secret", Keyword::secret},
    {"then", Keyword::then_branch},
    {"title", Keyword::title},
    {"type", Keyword::type},
    {"uniqueItems", Keyword::unique_items},
    {"writeOnly", Keyword::write_only},
};
static_assert(std::is_sorted(std::begin(keywords), std::end(keywords), [](const Entry& a, const Entry& b) { return a.name < b.name; }));

// Keywords of JSON Schema, this draft's or an older one's, that the subset leaves out.
struct Foreign {
  std::string_view name, advice;
};
constexpr Foreign foreign[] = {
    {"$anchor", "refer to it by its place, such as `#/$defs/port`"},
    {"$dynamicAnchor", "refer to it by its place, such as `#/$defs/port`"},
    {"$dynamicRef", "use `$ref` with a place, such as `#/$defs/port`"},
    {"$id", "leave it out: a schema is known by the module that brings it"},
    {"$recursiveAnchor", "leave it out and use `$ref: \"#\"`"},
    {"$recursiveRef", "use `$ref: \"#\"`"},
    {"$vocabulary", "leave it out"},
    {"additionalItems", "2020-12 writes `items` beside `prefixItems`"},
    {"contains", "describe every entry with `items`, or use a map instead of a list"},
    {"contentEncoding", "say it in `description`"},
    {"contentMediaType", "say it in `description`"},
    {"contentSchema", "say it in `description`"},
    {"definitions", "2020-12 writes `$defs`"},
    {"dependencies", "2020-12 writes `dependentRequired`"},
    {"dependentSchemas", "write it with `if` and `then`"},
    {"id", "leave it out: a schema is known by the module that brings it"},
    {"maxContains", "describe every entry with `items`, or use a map instead of a list"},
    {"minContains", "describe every entry with `items`, or use a map instead of a list"},
    {"nullable", "write `type: [..., \"null\"]`"},
    {"propertyNames", "use `patternProperties` with `additionalProperties: false`"},
    {"unevaluatedItems", "use `items: false` beside `prefixItems`"},
    {"unevaluatedProperties", "use `additionalProperties: false`"},
};

}  // namespace

std::optional<Keyword> find_keyword(std::string_view name) {
  const auto* end = std::end(keywords);
  const auto* it = std::lower_bound(std::begin(keywords), end, name, [](const Entry& e, std::string_view n) { return e.name < n; });
  if (it == end || it->name != name) return std::nullopt;
  return it->keyword;
}

UnknownKeyword describe_unknown_keyword(std::string_view name) {
  for (const Foreign& f : foreign)
    if (f.name == name) return {"the schema keyword `" + std::string(name) + "` is not supported", std::string(f.advice)};
  std::array<std::string_view, std::size(keywords)> names;
  std::transform(std::begin(keywords), std::end(keywords), names.begin(), [](const Entry& e) { return e.name; });
  UnknownKeyword out{"`" + printable(name, 60) + "` is not a schema keyword", "a name of a setting belongs under `properties`"};
  if (const auto close = nearest(name, names)) out.help = "did you mean `" + std::string(*close) + "`?";
  return out;
}

}  // namespace tenon::host::json_schema
