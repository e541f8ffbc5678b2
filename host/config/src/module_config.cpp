#include "config/config.hpp"
#include "config/schema.hpp"
#include "module_value.hpp"
#include "tree_check.hpp"

namespace tenon::host {
namespace {

using namespace config_room;

LockedPaths locks_of(const Config& config) {
  LockedPaths out;
  for (const std::string& glob : config.locked) out.add(glob);
  return out;
}

// Where nothing can be configured there is nothing to unset: null says nothing.
bool says_something(const ModuleSettings& settings) {
  if (settings.config.is_map() && !settings.config.as_map()->empty()) return true;
  for (const PendingSetting& pending : settings.pending) {
    if (!pending.value) return true;
    if (!pending.value->is_null() && !(pending.value->is_map() && pending.value->as_map()->empty())) return true;
  }
  return false;
}

Where first_place(const ModuleSettings& settings) {
  if (settings.config.is_map() && !settings.config.as_map()->empty()) return settings.config.as_map()->begin()->key_where;
  return {settings.pending.front().source, 0, 0, 1};
}

std::optional<ModuleConfig> without_schema(const std::string& module, const Value& manifest_defaults, const ModuleSettings* settings,
                                           Diagnostics& diagnostics) {
  const auto refuse = [&](const Where& where, const char* what) {
    Diagnostic& d =
        diagnostics.error("config.no_schema", where, "`" + module + "` takes no configuration: its manifest has no `config_schema`", what);
    d.module = module;
    d.path = "modules." + module + ".config";
    return std::nullopt;
  };
  if (settings != nullptr && says_something(*settings)) return refuse(first_place(*settings), "remove the setting");
  if (manifest_defaults.is_map() && !manifest_defaults.as_map()->empty())
    return refuse(manifest_defaults.where(), "remove `defaults` from the manifest");
  return ModuleConfig{Value(ValueMap()), nullptr, {}};
}

// `schema`: the place of the manifest that asks for what nobody has given.
void report(const std::vector<SchemaViolation>& violations, const ModuleSettings* settings, const Where& schema, ModuleValue& module) {
  const std::string prefix = module.full_path({});
  for (const SchemaViolation& violation : violations) {
    if (module.unexpanded.contains(violation.path)) continue;
    Where where = violation.where;
    if (!where.source && settings != nullptr) where = settings->where;
    if (!where.source) where = schema;
    const std::string joint = violation.path.empty() || violation.path[0] == '[' ? "" : ".";
    const std::string path = prefix + joint + violation.path;
    const std::string help = violation.missing && violation.help.empty() ? "set `" + path + "`" : violation.help;
    module.found.error(violation.missing ? "config.required" : "config.schema", where, "in `" + prefix + "`: " + violation.message, help)
        .path = path;
  }
}

void validate(const ModuleSettings* settings, const Where& schema, ModuleValue& module) {
  // What is not filled in to the end is not checked: values would be said to be missing that are not.
  const auto fill = [&] {
    if (module.schema.fill_defaults(module.value)) return true;
    const std::string path = module.full_path({});
    module.found
        .error("config.bounds", settings != nullptr ? settings->where : module.value.where(),
               "in `" + path + "`: filling in the defaults of the schema takes too many values or steps",
               "make the configuration smaller, or the schema simpler")
        .path = path;
    return false;
  };
  const auto check = [&] {
    return module.schema.validate(module.value, [&](std::string_view path) { return module.is_hidden(std::string(path)); });
  };
  if (!fill()) return;
  std::vector<SchemaViolation> violations = check();
  if (!violations.empty() && !module.alternatives.empty() && apply_alternatives(violations, module)) {
    if (!fill()) return;
    violations = check();
  }
  report(violations, settings, schema, module);
}

}  // namespace

std::optional<ModuleConfig> resolve_module_config(const std::string& module, const std::optional<Value>& schema,
                                                  const Value& manifest_defaults, const Config& config, Diagnostics& diagnostics) {
  const auto it = config.host.modules.find(module);
  const ModuleSettings* settings = it != config.host.modules.end() ? &it->second : nullptr;
  if (!schema) return without_schema(module, manifest_defaults, settings, diagnostics);

  Diagnostics compiling;
  std::optional<Schema> compiled = Schema::compile(*schema, compiling);
  for (Diagnostic& d : compiling.items()) d.module = module;
  diagnostics.append(std::move(compiling));
  if (!compiled) return std::nullopt;
  auto shared = std::make_shared<const Schema>(std::move(*compiled));

  ModuleValue work{module, config, *shared, manifest_defaults.is_map() ? manifest_defaults : Value(ValueMap()), {}, {}, {}, {}, {}};
  if (settings != nullptr) {
    Path path = {"modules", module, "config"};
    if (settings->config.is_map()) merge(work.value, settings->config, path, nullptr, work.found);
    if (!settings->pending.empty()) {
      const LockedPaths locks = locks_of(config);
      for (const PendingSetting& pending : settings->pending) apply_pending(pending, manifest_defaults, locks, work);
    }
    expand_module(work);
    collect_nulls(work);
  }
  validate(settings, schema->where(), work);

  const bool failed = work.found.has_errors();
  if (!work.found.empty()) {
    mask_excerpts(work);
    for (Diagnostic& d : work.found.items()) d.module = module;
    append_limited(diagnostics, std::move(work.found), settings != nullptr ? settings->where : Where{});
  }
  if (failed) return std::nullopt;
  return ModuleConfig{std::move(work.value), std::move(shared), std::move(work.secret_paths)};
}

}  // namespace tenon::host
