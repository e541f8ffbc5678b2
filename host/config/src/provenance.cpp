#include "provenance.hpp"

#include "path.hpp"

namespace tenon::host {
namespace {

void collect(const Value& value, const std::string& path, const Config& config, config_room::ProvenanceMap& out) {
  const ValueMap* map = value.as_map();
  if (map == nullptr || map->empty()) {
    if (!path.empty() && map == nullptr) out.emplace(path, config.provenance_of(value.where()));
    return;
  }
  for (const ValueMap::Member& member : *map) collect(member.value, config_room::child_path(path, member.key), config, out);
}

}  // namespace

Config::Provenance Config::provenance_of(const Where& where) const {
  if (!where.source) return {Layer::defaults, "default"};
  const auto it = sources.find(where.source);
  std::string source = where.source->name;
  if (where.line != 0) source += ":" + std::to_string(where.line);
  if (where.line != 0 && where.column != 0) source += ":" + std::to_string(where.column);
  return {it != sources.end() ? it->second : Layer::defaults, std::move(source)};
}

void config_room::collect_provenance(const Value& tree, const Config& config, ProvenanceMap& out) { collect(tree, "", config, out); }

}  // namespace tenon::host
