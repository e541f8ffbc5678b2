// A tree as written in one source against the table of keys.
#pragma once

#include <string>

#include "base/diagnostic.hpp"
#include "base/value.hpp"
#include "key_table.hpp"

namespace tenon::host::config_room {

/// Reports every key that is unknown or not served and every value of a wrong type or out of bounds; what is wrong becomes null.
void check_tree(Value& tree, const KeyNode& node, const std::string& path, Diagnostics& diagnostics);

/// Why `key` cannot stand below `node`; the diagnostic's path is set.
void report_unknown_key(const KeyNode& node, const std::string& path, std::string_view key, const Where& where, Diagnostics& diagnostics);
void report_unserved(const UnservedKey& unserved, const std::string& path, const Where& where, Diagnostics& diagnostics);
/// True, after an error, if what stands for `*` below `node` is no name: of a module or database server, or of a background loop.
bool report_bad_name(const KeyNode& node, const std::string& path, std::string_view key, const Where& where, Diagnostics& diagnostics);

/// Keeps the first 100 errors and says how many were left out: hostile input must not cost more to report than to read.
void append_limited(Diagnostics& to, Diagnostics from, const Where& where);

}  // namespace tenon::host::config_room
