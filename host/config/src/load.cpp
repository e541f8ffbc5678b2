#include <unistd.h>

#include <algorithm>

#include "base/text.hpp"
#include "config/config.hpp"
#include "expansion.hpp"
#include "finish.hpp"
#include "key_table.hpp"
#include "layers.hpp"
#include "locked.hpp"
#include "provenance.hpp"
#include "settings.hpp"

namespace tenon::host {
namespace {

using namespace config_room;

const Value* locked_list(const Setting& setting) {
  if (setting.path.empty()) return setting.value.find("locked");
  return setting.path.size() == 1 && setting.path[0] == "locked" ? &setting.value : nullptr;
}

// `locked` only adds: what those who may set it say is joined, whatever the layer.
LockedPaths locked_paths(const Gathered& gathered, ValueList& configured) {
  LockedPaths out;
  for (const Setting& setting : gathered.settings) {
    const Value* list = setting.privileged ? locked_list(setting) : nullptr;
    if (list == nullptr || !list->is_list()) continue;
    for (const Value& glob : *list->as_list()) {
      if (out.contains(*glob.as_string())) continue;
      out.add(*glob.as_string());
      configured.push_back(glob);
    }
  }
  return out;
}

// The first file decides on the environment, whatever it says; everything else goes by the globs.
void check_locks(const Setting& setting, const LockedPaths& locks, Diagnostics& diagnostics) {
  Diagnostics found;
  Path path = setting.path;
  locks.check(setting.value, path, false, found);
  for (Diagnostic& d : found.items())
    if (!setting.first_file || d.path != "instance.environment") diagnostics.add(std::move(d));
}

void check_locks(const std::string& module, const PendingSetting& pending, const Value& tree, const LockedPaths& locks,
                 Diagnostics& diagnostics) {
  if (pending.privileged) return;
  Path path = {"modules", module, "config"};
  for (const std::string& key : pending.path) path.push_back(pending.any_case ? to_lower(key) : key);
  Value value = pending.value ? *pending.value : Value(pending.text);
  value.set_where({pending.source, 0, 0, 1});
  locks.check(value, path, pending.any_case, diagnostics);
  // Unsetting all of a module's configuration is done when its schema is known, without a look at what the operator's files say.
  if (!pending.path.empty() || !value.is_null()) return;
  const Value* modules = tree.find("modules");
  const Value* settings = modules != nullptr ? modules->find(module) : nullptr;
  if (const Value* config = settings != nullptr ? settings->find("config") : nullptr)
    locks.check_replaced(*config, value, path, diagnostics);
}

Value merge_all(Gathered& gathered, const LockedPaths& locks, Diagnostics& diagnostics) {
  Value tree{ValueMap()};
  for (Setting& setting : gathered.settings) {
    if (!setting.privileged) check_locks(setting, locks, diagnostics);
    Path path;
    const Where where = setting.value.where();
    merge(tree, nest(setting.path, std::move(setting.value), where), path, setting.privileged ? nullptr : &locks, diagnostics);
  }
  for (const auto& [module, settings] : gathered.pending)
    for (const PendingSetting& pending : settings) check_locks(module, pending, tree, locks, diagnostics);
  return tree;
}

// What waits for the schemas, as text where it would stand: shown for modules that are not resolved.
void overlay_pending(Value& tree, const Config& config) {
  for (const auto& [module, settings] : config.host.modules) {
    for (const PendingSetting& pending : settings.pending) {
      Path path = {"modules", module, "config"};
      for (const std::string& key : pending.path) path.push_back(pending.any_case ? to_lower(key) : key);
      Value value = pending.value ? *pending.value : Value(pending.text);
      const Where where{pending.source, 0, 0, 1};
      value.set_where(where);
      Diagnostics none;
      Path root;
      merge(tree, nest(path, std::move(value), where), root, nullptr, none);
    }
  }
}

// The state directory stands in the configuration also when nobody configured it: first in `paths`, as in the table.
void show_state_directory(Value& tree, const ConfigInput& input, Config& config) {
  ValueMap* root = tree.as_map();
  Value* paths = root->find("paths");
  if (paths == nullptr || !paths->is_map() || paths->find("state") != nullptr || config.host.state_dir.empty()) return;
  Value directory(config.host.state_dir);
  const bool given = std::any_of(input.environment.begin(), input.environment.end(),
                                 [](const auto& v) { return v.first == "STATE_DIRECTORY" && !v.second.empty(); });
  if (given) {
    const auto source = std::make_shared<const Source>(Source{"$STATE_DIRECTORY", {}});
    directory.set_where({source, 0, 0, 1});
    config.sources.emplace(source, Layer::environment);
  }
  ValueMap ordered;
  ordered.set("state", std::move(directory));
  for (ValueMap::Member& member : *paths->as_map())
    ordered.set(std::move(member.key), std::move(member.value), std::move(member.key_where));
  const Where where = paths->where();
  *paths = Value(std::move(ordered));
  paths->set_where(where);
}

// Whether discovery and plan can go on without what is wrong. An error without a path may concern everything.
bool spoils_discovery(const Diagnostic& d) {
  if (d.severity != Severity::error) return false;
  const std::string_view first = std::string_view(d.path).substr(0, d.path.find('.'));
  const auto decides = [](std::string_view key) { return key == "paths" || key == "security" || key == "plugins"; };
  if (first.empty() || decides(first)) return true;
  if (d.code != "config.unknown_key" || first.size() != d.path.size()) return false;
  const auto meant = nearest(to_lower(first), key_tree().order);
  return meant && decides(*meant);
}

}  // namespace

void hide_module_values(const std::unordered_map<SourceRef, SourceRef>& excerpts, Diagnostics& diagnostics) {
  for (Diagnostic& d : diagnostics.items())
    if (const auto shown = excerpts.find(d.where.source); shown != excerpts.end()) d.where.source = shown->second;
}

std::shared_ptr<const Config> load_config(const ConfigInput& input, Diagnostics& diagnostics) {
  LoadedConfig loaded = load_config_as_far_as_possible(input, diagnostics);
  return loaded.valid ? std::move(loaded.config) : nullptr;
}

LoadedConfig load_config_as_far_as_possible(const ConfigInput& given, Diagnostics& diagnostics) {
  ConfigInput input = given;
  if (!input.euid) input.euid = ::geteuid();
  Diagnostics found;
  Gathered gathered;
  gather_files(input, gathered, found);
  gather_environment(input, Layer::environment, gathered, found);
  gather_command_line(input, gathered, found);
  gather_environment(input, Layer::super, gathered, found);

  auto config = std::make_shared<Config>();
  ValueList configured_locks;
  const LockedPaths locks = locked_paths(gathered, configured_locks);
  Value merged = merge_all(gathered, locks, found);
  Value tree = with_defaults(merged);
  if (!configured_locks.empty()) {
    Value list(std::move(configured_locks));
    list.set_where(list.as_list()->front().where());
    tree.as_map()->set("locked", std::move(list));
  }
  config->expander = std::make_shared<const Expander>(input.environment, input.credentials_dir);
  expand_tree(tree, *config->expander, config->secret_paths, found);
  check_across(tree, config->secret_paths, found);
  fill_settings(tree, std::move(gathered.pending), config->host);
  config->directory = input.directory;
  fill_directories(tree, input, config->host, found);
  overlay_pending(tree, *config);

  found.sort();
  hide_module_values(gathered.excerpts, found);
  const bool valid = !found.has_errors();
  const bool useless = std::any_of(found.items().begin(), found.items().end(), spoils_discovery);
  diagnostics.append(std::move(found));
  if (useless) return {};
  config->locked = locks.texts();
  config->sources = std::move(gathered.sources);
  config->excerpts = std::move(gathered.excerpts);
  show_state_directory(tree, input, *config);
  config->effective = std::move(tree);
  collect_provenance(config->effective, *config, config->provenance);
  std::sort(config->secret_paths.begin(), config->secret_paths.end());
  return {valid, std::move(config)};
}

}  // namespace tenon::host
