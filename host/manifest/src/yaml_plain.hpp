// The short cut of parse_yaml() for plain texts; see manifest/yaml_paths.hpp.
#pragma once

#include <optional>

#include "base/value.hpp"
#include "manifest/yaml.hpp"
#include "yaml_text.hpp"

namespace tenon::host {

/// nullopt: not one of the texts this reads.
std::optional<Value> parse_plain(YamlText& text, const YamlLimits& limits);

}  // namespace tenon::host
