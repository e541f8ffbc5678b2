#include "base/text.hpp"
#include "key_table.hpp"
#include "layers.hpp"
#include "secrets.hpp"
#include "tree_check.hpp"
#include "value_check.hpp"

namespace tenon::host::config_room {
namespace {

constexpr std::size_t max_depth = 64;  // as in YAML

// The place in the table a text setting is meant for.
struct Target {
  const KeyNode* node = nullptr;
  Path path;   // as the keys are written
  Path below;  // what is left below a free map
};

bool is_list(const KeyRule& rule) { return is_list(rule.type); }

std::optional<Target> find_target(const TextSetting& setting, const Where& where, Diagnostics& diagnostics) {
  Target target{&key_tree(), {}, {}};
  std::string path;
  for (std::size_t i = 0; i < setting.path.size(); ++i) {
    const KeyNode& node = *target.node;
    if (node.unserved != nullptr) break;
    if (node.rule != nullptr && node.rule->type == KeyType::free_map) {
      target.below.assign(setting.path.begin() + static_cast<std::ptrdiff_t>(i), setting.path.end());
      break;
    }
    if (node.rule != nullptr) {
      const std::string key = printable(setting.any_case ? to_lower(setting.path[i]) : setting.path[i], 64);
      if (is_list(*node.rule))
        diagnostics
            .error("config.list_index", where, "`" + path + "` is a list, `" + key + "` in it cannot be set",
                   "lists are replaced as a whole")
            .path = path;
      else
        diagnostics
            .error("config.unknown_key", where, "`" + path + "` is no map, it has no key `" + key + "`",
                   "it must be " + describe(*node.rule))
            .path = path;
      return std::nullopt;
    }
    const std::string key = setting.any_case ? to_lower(setting.path[i]) : setting.path[i];
    const KeyNode* child = node.child(key);
    if (child == nullptr) {
      report_unknown_key(node, path, key, where, diagnostics);
      return std::nullopt;
    }
    if (child == node.any.get() && report_bad_name(node, path, key, where, diagnostics)) return std::nullopt;
    append_key(path, key);
    target.path.push_back(key);
    target.node = child;
  }
  if (target.node->unserved != nullptr) {
    report_unserved(*target.node->unserved, path, where, diagnostics);
    return std::nullopt;
  }
  return target;
}

// A list or map as YAML flow.
std::optional<Value> structure_from_text(const TextSetting& setting, const SourceRef& source, Diagnostics& diagnostics) {
  std::optional<Value> value = parse_masked(setting.label, setting.text, true, diagnostics);
  if (value) drop_places(*value, source);
  return value;
}

std::optional<Value> value_from_text(const TextSetting& setting, const KeyNode& node, const SourceRef& source, Diagnostics& diagnostics) {
  std::optional<Value> value;
  if (setting.is_list) {
    ValueList list;
    for (const std::string& item : setting.items) list.emplace_back(item);
    value = Value(std::move(list));
  } else if (setting.text.empty()) {
    value = Value();
  } else if (node.rule == nullptr || is_list(*node.rule) || node.rule->type == KeyType::free_map) {
    value = structure_from_text(setting, source, diagnostics);
  } else {
    value = has_expansion(setting.text) ? Value(setting.text) : scalar_from_text(*node.rule, setting.text);
  }
  if (value) drop_places(*value, source);
  return value;
}

// Takes `modules.<name>.config` out of a tree given as text: it waits for the schema. Unsetting a module unsets what waits, too.
void take_module_configs(const Path& path, Value& value, const PendingSetting& like, Gathered& gathered) {
  if (path.empty() || path[0] != "modules") return;
  const auto take = [&](const std::string& module, Value& settings) {
    if (settings.is_null()) gathered.pending.erase(module);
    ValueMap* map = settings.as_map();
    Value* config = map != nullptr ? map->find("config") : nullptr;
    if (config == nullptr) return;
    PendingSetting& pending = gathered.pending[module].emplace_back(like);
    pending.value = std::move(*config);
    map->erase("config");
  };
  if (path.size() == 2) return take(path[1], value);
  if (path.size() != 1) return;
  if (value.is_null()) gathered.pending.clear();
  if (ValueMap* modules = value.as_map())
    for (ValueMap::Member& member : *modules) take(member.key, member.value);
}

void warn_literal_secret(const Value& value, const std::string& path, bool secret, const Where& where, Diagnostics& diagnostics) {
  if (const ValueMap* map = value.as_map()) {
    for (const ValueMap::Member& member : *map)
      warn_literal_secret(member.value, child_path(path, member.key), secret || is_secret_name(member.key), where, diagnostics);
    return;
  }
  if (const ValueList* list = value.as_list()) {
    for (const Value& item : *list) warn_literal_secret(item, path, secret, where, diagnostics);
    return;
  }
  const std::string* text = value.as_string();
  const bool literal =
      text != nullptr ? (secret && !text->empty() && !has_expansion(*text)) || has_literal_password(*text) : secret && value.is_number();
  if (!literal) return;
  diagnostics
      .warning("config.literal_password", where,
               "`" + path + "` is a literal secret: whoever reads the environment of the process reads it",
               "write `${cred:NAME}` or `${file:/PATH}` instead")
      .path = path;
}

bool any_secret(const Path& path, std::size_t from) {
  for (std::size_t i = from; i < path.size(); ++i)
    if (is_secret_name(path[i])) return true;
  return false;
}

}  // namespace

void add_text(TextSetting setting, Gathered& gathered, Diagnostics& diagnostics) {
  const auto source = std::make_shared<const Source>(Source{printable(setting.label, 300), {}});
  const Where where{source, 0, 0, 1};
  setting.label = source->name;
  const bool privileged = setting.layer == Layer::super;
  if (const std::size_t bad = invalid_utf8_at(setting.text); bad != std::string::npos) {
    diagnostics.error("config.utf8", where, "the value is not valid UTF-8 at byte " + std::to_string(bad));
    return;
  }
  if (setting.path.size() > max_depth) {
    diagnostics.error("config.bounds", where, "the path has more than " + std::to_string(max_depth) + " keys");
    return;
  }
  std::optional<Target> target = find_target(setting, where, diagnostics);
  if (!target) return;
  const KeyNode& node = *target->node;
  gathered.sources.emplace(source, setting.layer);
  const std::string path = join_path(target->path);
  PendingSetting pending{{}, {}, std::nullopt, setting.layer, setting.any_case, privileged, source};

  if (node.rule != nullptr && node.rule->type == KeyType::free_map && !target->below.empty()) {
    pending.path = std::move(target->below);
    if (setting.text.empty())
      pending.value.emplace().set_where(where);  // the operator's null, as one in a file: where it stands tells it from a manifest's
    else
      pending.text = std::move(setting.text);
    if (privileged && !pending.text.empty()) {
      std::string full = path;
      for (const std::string& key : pending.path) append_key(full, setting.any_case ? to_lower(key) : key);
      warn_literal_secret(Value(pending.text), full, any_secret(pending.path, 0), where, diagnostics);
    }
    gathered.pending[target->path[1]].push_back(std::move(pending));
    return;
  }

  std::optional<Value> value = value_from_text(setting, node, source, diagnostics);
  if (!value) return;
  Diagnostics found;
  check_tree(*value, node, path, found);
  const bool wrong = found.has_errors();
  append_limited(diagnostics, std::move(found), where);
  if (wrong) return;
  if (privileged) warn_literal_secret(*value, path, false, where, diagnostics);
  if (node.rule != nullptr && node.rule->type == KeyType::free_map) {
    pending.value = std::move(*value);
    gathered.pending[target->path[1]].push_back(std::move(pending));
    return;
  }
  take_module_configs(target->path, *value, pending, gathered);
  gathered.settings.push_back({std::move(target->path), std::move(*value), privileged, false});
}

}  // namespace tenon::host::config_room
