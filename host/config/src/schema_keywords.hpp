// The keywords of the subset, and what to say about those that are not in it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace tenon::host::json_schema {

enum class Keyword : std::uint8_t {
  comment,
  defs,
  ref,
  schema,
  additional_properties,
  all_of,
  any_of,
  constant,
  default_value,
  dependent_required,
  deprecated,
  description,
  else_branch,
  enumeration,
  examples,
  exclusive_maximum,
  exclusive_minimum,
  format,
  if_branch,
  items,
  live,
  max_items,
  max_length,
  max_properties,
  maximum,
  min_items,
  min_length,
  min_properties,
  minimum,
  multiple_of,
  negation,
  one_of,
  pattern,
  pattern_properties,
  prefix_items,
  properties,
  read_only,
  required,
  secret,
  then_branch,
  title,
  type,
  unique_items,
  write_only,
};

std::optional<Keyword> find_keyword(std::string_view name);

/// For a name that is no keyword of the subset: what is wrong with it, and what to do.
struct UnknownKeyword {
  std::string message, help;
};
UnknownKeyword describe_unknown_keyword(std::string_view name);

}  // namespace tenon::host::json_schema
