// Is this value what the table asks for at this key? And: text from environment and command line as such a value.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/diagnostic.hpp"
#include "base/value.hpp"
#include "key_table.hpp"

namespace tenon::host::config_room {

/// What is wrong with a value, for a diagnostic.
struct Problem {
  std::string code, message, help;
  Where where;  ///< source null = that of the value
};

/// "an integer from 1 to 64", for messages and config/tenon.yaml.
std::string describe(const KeyRule& rule);

/// Checks type and bounds: at most one problem, or one for each element of a list. Text with `${` in it is not judged: it is checked again
/// once expanded. `quote`: the message may show the value.
std::vector<Problem> check_value(const KeyRule& rule, std::string_view path, const Value& value, bool quote = true);

/// `text` as a scalar of the rule's type; unlike in YAML, all of it is text. Lists and maps are not made from text here. Not checked.
Value scalar_from_text(const KeyRule& rule, std::string_view text);

/// A number as JSON writes it (no leading zeros, no signs but `-`), as integer where it fits.
std::optional<Value> number_from_text(std::string_view text);

/// True if the text asks for expansion.
bool has_expansion(std::string_view text);

}  // namespace tenon::host::config_room
