// From the merged tree to the effective one: defaults, expansion, and what holds between keys.
#pragma once

#include <string>
#include <vector>

#include "base/diagnostic.hpp"
#include "base/value.hpp"
#include "expansion.hpp"

namespace tenon::host::config_room {

/// The tree in the order of the table, names sorted, defaults filled in; null = as if not written. `modules.<name>.config` is left as it is.
Value with_defaults(const Value& merged);

/// Expands every text but those of `modules.<name>.config` and checks the results; paths of secret ones are added to `secret_paths`.
void expand_tree(Value& tree, const Expander& expander, std::vector<std::string>& secret_paths, Diagnostics& diagnostics);

/// Rules that concern several keys. What stands at one of `secret_paths` is not shown.
void check_across(const Value& tree, const std::vector<std::string>& secret_paths, Diagnostics& diagnostics);

}  // namespace tenon::host::config_room
