// The named sets of characters in ECMA-262 patterns, in RE2's syntax.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace tenon::host::json_schema {

/// What `\d` `\D` `\w` `\W` `\s` `\S` stand for, as it is written between [ and ]. `letter` is one of these.
std::string_view class_escape(char letter);

/// The set of `\p{written}` (`letter` p) or `\P{written}` (P): general categories under their names and aliases, scripts as `Script=...`.
/// nullopt if it cannot be a property; RE2 knows which scripts there are.
std::optional<std::string> property_set(char letter, std::string_view written);

}  // namespace tenon::host::json_schema
