// What a reload changes, and the Config that results.
#include <algorithm>
#include <set>

#include "config/config.hpp"
#include "config/schema.hpp"
#include "key_table.hpp"
#include "locked.hpp"
#include "module_value.hpp"
#include "path.hpp"
#include "provenance.hpp"
#include "settings.hpp"
#include "value_check.hpp"

namespace tenon::host {
namespace {

using namespace config_room;

// Compares leaves; `change(keys, path)` for each that differs. Configuration of modules is left out: see diff_module_config.
template <class Change>
void compare(const Value* a, const Value* b, const KeyNode* node, Path& keys, const Change& change) {
  if (node != nullptr && node->rule != nullptr && node->rule->type == KeyType::free_map) return;
  const ValueMap* left = a != nullptr ? a->as_map() : nullptr;
  const ValueMap* right = b != nullptr ? b->as_map() : nullptr;
  const bool other_kind = a != nullptr && b != nullptr && (left == nullptr) != (right == nullptr);
  const auto is_empty = [](const ValueMap* map) { return map == nullptr || map->empty(); };
  const bool came_or_went = node == nullptr && (a == nullptr) != (b == nullptr) && is_empty(left) && is_empty(right);
  if (other_kind || came_or_went) return change(keys, node);
  if (left == nullptr && right == nullptr) {
    if ((a == nullptr) != (b == nullptr) || (a != nullptr && !(*a == *b))) change(keys, node);
    return;
  }
  const auto descend = [&](const std::string& key, const Value* in_a, const Value* in_b) {
    keys.push_back(key);
    compare(in_a, in_b, node != nullptr ? node->child(key) : nullptr, keys, change);
    keys.pop_back();
  };
  if (left != nullptr)
    for (const ValueMap::Member& member : *left) descend(member.key, &member.value, right != nullptr ? right->find(member.key) : nullptr);
  if (right != nullptr)
    for (const ValueMap::Member& member : *right)
      if (left == nullptr || left->find(member.key) == nullptr) descend(member.key, nullptr, &member.value);
}

bool refers(const Value& value) {
  if (const std::string* text = value.as_string()) return has_expansion(*text);
  if (const ValueMap* map = value.as_map())
    return std::any_of(map->begin(), map->end(), [](const ValueMap::Member& m) { return refers(m.value); });
  if (const ValueList* list = value.as_list()) return std::any_of(list->begin(), list->end(), refers);
  return false;
}

// What a module is told may differ: its settings do, or they refer to files and variables, whose contents may.
bool may_differ(const ModuleSettings& a, const ModuleSettings& b) {
  const auto same = [](const PendingSetting& x, const PendingSetting& y) {
    return x.path == y.path && x.text == y.text && x.layer == y.layer && x.value.has_value() == y.value.has_value() &&
           (!x.value || *x.value == *y.value);
  };
  if (!(a.config == b.config) || !std::equal(a.pending.begin(), a.pending.end(), b.pending.begin(), b.pending.end(), same)) return true;
  return refers(a.config) || std::any_of(a.pending.begin(), a.pending.end(),
                                         [](const PendingSetting& p) { return has_expansion(p.text) || (p.value && refers(*p.value)); });
}

void set_at(Value& tree, std::span<const std::string> keys, const Value* value, const ValueMap::Member* like) {
  ValueMap* map = tree.as_map();
  for (std::size_t i = 0; i + 1 < keys.size() && map != nullptr; ++i) {
    Value* next = map->find(keys[i]);
    if (next == nullptr) {
      if (value == nullptr) return;
      next = &map->set(keys[i], Value(ValueMap()));
    }
    map = next->as_map();
  }
  if (map == nullptr || keys.empty()) return;
  if (value != nullptr)
    map->set(keys.back(), *value, like != nullptr ? like->key_where : Where{});
  else
    map->erase(keys.back());
}

const Value* get_at(const Value& tree, std::span<const std::string> keys) {
  const Value* value = &tree;
  for (const std::string& key : keys)
    if (value != nullptr) value = value->find(key);
  return value;
}

struct Changes {
  std::vector<Path> applied, needs_restart;
};

Changes host_changes(const Config& running, const Config& next) {
  Changes out;
  Path keys;
  LockedPaths locks;
  for (const std::string& glob : running.locked) locks.add(glob);
  compare(&running.effective, &next.effective, &key_tree(), keys, [&](const Path& path, const KeyNode* node) {
    const bool live = node != nullptr && node->rule != nullptr && node->rule->live && !locks.locks(path);
    (live ? out.applied : out.needs_restart).push_back(path);
  });
  return out;
}

std::vector<std::string> names(const std::vector<Path>& paths) {
  std::vector<std::string> out;
  out.reserve(paths.size());
  for (const Path& path : paths) out.push_back(join_path(path));
  std::sort(out.begin(), out.end());
  return out;
}

// Both, sorted: rather too much is masked than too little.
void unite(std::vector<std::string>& into, const std::vector<std::string>& other) {
  into.insert(into.end(), other.begin(), other.end());
  std::sort(into.begin(), into.end());
  into.erase(std::unique(into.begin(), into.end()), into.end());
}

const ModuleSettings& settings_of(const Config& config, const std::string& module) {
  static const ModuleSettings none;
  const auto it = config.host.modules.find(module);
  return it != config.host.modules.end() ? it->second : none;
}

}  // namespace

ReloadDiff diff_config(const Config& running, const Config& next) {
  const Changes changes = host_changes(running, next);
  ReloadDiff out;
  out.applied = names(changes.applied);
  out.needs_restart = names(changes.needs_restart);
  std::set<std::string> modules;
  for (const Config* config : {&running, &next})
    for (const auto& [module, settings] : config->host.modules)
      if (!modules.contains(module) && may_differ(settings_of(running, module), settings_of(next, module))) modules.insert(module);
  out.modules.assign(modules.begin(), modules.end());
  return out;
}

std::shared_ptr<const Config> apply_reload(const Config& running, const Config& next) {
  auto out = std::make_shared<Config>(running);
  for (const Path& path : host_changes(running, next).applied) {
    const Value* value = get_at(next.effective, path);
    const Value* parent = get_at(next.effective, std::span(path).first(path.size() - 1));
    const ValueMap::Member* member = parent != nullptr && parent->is_map() ? parent->as_map()->find_member(path.back()) : nullptr;
    set_at(out->effective, path, value, member);
  }
  fill_log(out->effective, out->host.log);  // the live keys are all about logging
  if (out->host.log.file) out->host.log.file->path = begun_at(running.directory, out->host.log.file->path);

  std::set<std::string> modules;
  for (const Config* config : {&running, &next})
    for (const auto& [module, settings] : config->host.modules) modules.insert(module);
  for (const std::string& module : modules) {
    const ModuleSettings& from = settings_of(next, module);
    ModuleSettings& to = out->host.modules[module];
    to.config = from.config;
    to.pending = from.pending;
    if (!to.where.source) to.where = from.where;
    const Path path = {"modules", module, "config"};
    set_at(out->effective, path, get_at(next.effective, path), nullptr);
  }
  out->expander = next.expander;
  out->sources.insert(next.sources.begin(), next.sources.end());
  out->excerpts.insert(next.excerpts.begin(), next.excerpts.end());
  unite(out->secret_paths, next.secret_paths);
  out->provenance.clear();
  collect_provenance(out->effective, *out, out->provenance);
  return out;
}

ModuleReload diff_module_config(const ModuleConfig& running, const ModuleConfig& next) {
  ModuleReload out;
  out.config = running;
  Path keys;
  std::vector<Path> applied;
  compare(&running.value, &next.value, nullptr, keys, [&](const Path& path, const KeyNode*) {
    const bool live = running.schema && running.schema->is_live(schema_path(path));
    (live ? out.applied : out.needs_restart).push_back(join_path(path));
    if (live) applied.push_back(path);
  });
  for (const Path& path : applied) set_at(out.config.value, path, get_at(next.value, path), nullptr);
  std::sort(out.applied.begin(), out.applied.end());
  std::sort(out.needs_restart.begin(), out.needs_restart.end());
  if (!out.applied.empty()) unite(out.config.secret_paths, next.secret_paths);
  return out;
}

}  // namespace tenon::host
