// YAML text -> Value, strictly: what yaml-cpp lets pass in silence is an error here.
#pragma once

#include <optional>

#include "base/diagnostic.hpp"
#include "base/value.hpp"

namespace tenon::host {

/// Limits against hostile text. Nodes are counted after expansion of aliases.
struct YamlLimits {
  std::size_t max_bytes = 1024 * 1024;
  std::size_t max_nodes = 100'000;
  std::size_t max_depth = 64;
  std::size_t max_aliases = 100;
};

/// Parses exactly one document. Errors (with position and caret) for: invalid UTF-8, a duplicate key, a key that is not a plain
/// scalar string, a second document, a cyclic or undefined alias, a tag other than the core schema's, the limits, and whatever yaml-cpp
/// refuses. Plain scalars resolve by the YAML 1.2 core schema (`yes`, `on`, `0o7`-less octals stay strings); quoted ones are strings.
/// An empty document is an empty map. nullopt if anything was an error; all errors that can be told apart are reported.
/// Thread-safe.
std::optional<Value> parse_yaml(const SourceRef& source, Diagnostics& diagnostics, const YamlLimits& limits = {});

/// One value in YAML flow form ("[a, b]", "{x: 1}", "5"), as given in the environment or after --set.
std::optional<Value> parse_yaml_flow(const SourceRef& source, Diagnostics& diagnostics);

}  // namespace tenon::host
