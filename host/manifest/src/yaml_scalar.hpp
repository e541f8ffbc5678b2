// What a plain scalar means by the core schema of YAML 1.2.
#pragma once

#include <optional>
#include <string_view>

#include "base/value.hpp"

namespace tenon::host {

/// ~, null, Null, NULL and nothing at all.
bool is_yaml_null(std::string_view text);

/// null, a boolean, a number or a string; without a place. nullopt: a number that JSON cannot hold (.inf, .nan, 1e999). Decimal numbers with
/// leading zeros stay strings: half of all readers take them for octal.
std::optional<Value> resolve_plain_scalar(std::string_view text);

}  // namespace tenon::host
