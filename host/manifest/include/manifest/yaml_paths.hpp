// The two ways of parse_yaml(), apart, for tests and fuzzers that compare them. Everybody else calls parse_yaml().
#pragma once

#include <optional>

#include "base/diagnostic.hpp"
#include "base/value.hpp"
#include "manifest/yaml.hpp"

namespace tenon::host {

/// yaml-cpp alone: all of YAML, and every finding.
std::optional<Value> parse_yaml_with_yaml_cpp(const SourceRef& source, Diagnostics& diagnostics, const YamlLimits& limits = {});

/// The short cut for plain texts, as nearly all manifests are: a block map of keys with plain or quoted scalars of one line, lists and maps in
/// block or flow form, comments. It gives the same Value with the same places, ten times as fast (yaml-cpp matches patterns at each character).
/// nullopt: the text holds something else, or is wrong, and yaml-cpp must say what it is. Never reports.
std::optional<Value> parse_plain_yaml(const SourceRef& source, const YamlLimits& limits = {});

}  // namespace tenon::host
