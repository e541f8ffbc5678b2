// Where leaves come from.
#pragma once

#include <map>
#include <string>

#include "config/config.hpp"

namespace tenon::host::config_room {

using ProvenanceMap = std::map<std::string, Config::Provenance, std::less<>>;

/// Of every leaf of the effective tree.
void collect_provenance(const Value& tree, const Config& config, ProvenanceMap& out);

}  // namespace tenon::host::config_room
