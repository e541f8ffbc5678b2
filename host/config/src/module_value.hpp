// The parts of making a module's configuration: texts get their type from the schema, references are expanded, places are named.
#pragma once

#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "config/config.hpp"
#include "config/schema.hpp"
#include "locked.hpp"

namespace tenon::host::config_room {

/// A path as Schema writes it: `a.b[0]`, `a["odd key"]`.
void append_schema_key(std::string& path, std::string_view key);
void append_schema_index(std::string& path, std::size_t index);
std::string schema_path(std::span<const std::string> path);

/// A value that may stand differently, if the schema refuses it as it is: null as absent, an untyped text as string.
struct Alternative {
  std::string path;  ///< of the schema
  Path keys;
  std::optional<std::string> text;  ///< absent = erase
};

/// Work on the configuration of one module.
struct ModuleValue {
  const std::string& module;
  const Config& config;
  const Schema& schema;
  Value value;
  std::vector<Alternative> alternatives;
  std::vector<std::string> secret_paths;  ///< as Config::secret_paths, below `config`
  std::set<std::string> hidden;           ///< the same, as Schema writes them
  std::set<std::string> unexpanded;       ///< what could not be expanded, as Schema writes it: said already, not to be judged as it stands
  Diagnostics found;

  [[nodiscard]] std::string full_path(std::span<const std::string> path) const;
  [[nodiscard]] bool from_operator(const Where& where) const { return where.source && config.sources.contains(where.source); }
  /// A value no message and no excerpt may show.
  [[nodiscard]] bool is_hidden(const std::string& schema_path) const;
};

/// Applies one setting from environment or command line.
void apply_pending(const PendingSetting& pending, const Value& manifest_defaults, const LockedPaths& locks, ModuleValue& module);
/// Expands the operator's texts; what a manifest says is never expanded: plugins must not read the operator's files.
void expand_module(ModuleValue& module);
/// Collects the operator's nulls as alternatives.
void collect_nulls(ModuleValue& module);
/// Applies those alternatives whose place is among the violations. True if there was one.
bool apply_alternatives(const std::vector<SchemaViolation>& violations, ModuleValue& module);
/// Takes secrets that only the schema knows out of the excerpts of the findings.
void mask_excerpts(ModuleValue& module);

}  // namespace tenon::host::config_room
