#include "module_value.hpp"

#include <algorithm>
#include <map>

#include "base/text.hpp"
#include "expansion.hpp"
#include "secrets.hpp"
#include "value_check.hpp"

namespace tenon::host::config_room {
namespace {

// Follows keys through maps.
Value* find_value(Value& root, std::span<const std::string> keys) {
  Value* value = &root;
  for (const std::string& key : keys) {
    ValueMap* map = value->as_map();
    value = map != nullptr ? map->find(key) : nullptr;
    if (value == nullptr) return nullptr;
  }
  return value;
}

// Calls visit(value, keys, path) for every scalar, list elements included; `keys` ends at the first list.
template <class Visit>
void for_each_scalar(Value& value, Path& keys, const std::string& path, const Visit& visit) {
  if (ValueMap* map = value.as_map()) {
    for (ValueMap::Member& member : *map) {
      std::string below = path;
      append_schema_key(below, member.key);
      keys.push_back(member.key);
      for_each_scalar(member.value, keys, below, visit);
      keys.pop_back();
    }
  } else if (ValueList* list = value.as_list()) {
    for (std::size_t i = 0; i < list->size(); ++i) {
      std::string below = path;
      append_schema_index(below, i);
      for_each_scalar((*list)[i], keys, below, visit);
    }
  } else {
    visit(value, keys, path);
  }
}

class Expansion {
 public:
  explicit Expansion(ModuleValue& module) : module_(module) {}

  void scalar(Value& value, const Path& keys, const std::string& path) {
    const std::string* text = value.as_string();
    if (text == nullptr || !has_expansion(*text) || !module_.from_operator(value.where())) return;
    const Where where = value.where();
    Result<Expander::Expanded> expanded = module_.config.expander->expand(*text, budget_);
    if (!expanded) {
      const std::string full = module_.full_path(keys);
      module_.unexpanded.insert(path);
      module_.found.error("config.expansion", where, "`" + full + "`: " + expanded.error().message).path = full;
      return;
    }
    if (expanded->secret) {
      module_.secret_paths.push_back(join_path(keys));
      module_.hidden.insert(path);
    }
    // Like text from the environment, but never a list or map: what is put in must not change the structure.
    const std::string type = module_.schema.type_at(path);
    Value typed(expanded->text);
    if (type == "boolean" && (expanded->text == "true" || expanded->text == "false")) {
      typed = Value(expanded->text == "true");
    } else if (type == "integer" || type == "number") {
      if (std::optional<Value> number = number_from_text(expanded->text)) typed = std::move(*number);
    }
    typed.set_where(where);
    value = std::move(typed);
  }

 private:
  ModuleValue& module_;
  std::size_t budget_ = Expander::default_budget;
};

}  // namespace

void append_schema_key(std::string& path, std::string_view key) {
  const bool plain = !key.empty() && std::none_of(key.begin(), key.end(), [](char c) {
    return static_cast<unsigned char>(c) <= ' ' || c == 0x7F || std::string_view(".[]\"`\\").find(c) != std::string_view::npos;
  });
  if (plain) {
    if (!path.empty()) path += '.';
    path.append(key);
    return;
  }
  path += '[';
  append_json_string(path, key);
  path += ']';
}

void append_schema_index(std::string& path, std::size_t index) { path += "[" + std::to_string(index) + "]"; }

std::string schema_path(std::span<const std::string> path) {
  std::string out;
  for (const std::string& key : path) append_schema_key(out, key);
  return out;
}

std::string ModuleValue::full_path(std::span<const std::string> path) const {
  std::string out = "modules." + module + ".config";
  for (const std::string& key : path) append_key(out, key);
  return out;
}

bool ModuleValue::is_hidden(const std::string& schema_path) const {
  return hidden.contains(schema_path) || is_secret_name(schema_path) || schema.is_secret(schema_path);
}

void expand_module(ModuleValue& module) {
  Expansion expansion(module);
  Path keys;
  for_each_scalar(module.value, keys, "", [&](Value& v, const Path& k, const std::string& p) { expansion.scalar(v, k, p); });
  std::sort(module.secret_paths.begin(), module.secret_paths.end());
  module.secret_paths.erase(std::unique(module.secret_paths.begin(), module.secret_paths.end()), module.secret_paths.end());
}

void collect_nulls(ModuleValue& module) {
  Path keys;
  for_each_scalar(module.value, keys, "", [&](Value& value, const Path& at, const std::string& path) {
    // Elements of lists stay what they are: erasing one would move the others.
    if (value.is_null() && module.from_operator(value.where()) && path == schema_path(at))
      module.alternatives.push_back({path, at, std::nullopt});
  });
}

bool apply_alternatives(const std::vector<SchemaViolation>& violations, ModuleValue& module) {
  std::set<std::string_view> wrong;
  for (const SchemaViolation& violation : violations) wrong.insert(violation.path);
  bool applied = false;
  for (const Alternative& alternative : module.alternatives) {
    if (!wrong.contains(alternative.path) || alternative.keys.empty()) continue;
    if (alternative.text) {
      Value* value = find_value(module.value, alternative.keys);
      if (value == nullptr) continue;
      Value text(*alternative.text);
      text.set_where(value->where());
      *value = std::move(text);
    } else {
      Value* parent = find_value(module.value, std::span(alternative.keys).first(alternative.keys.size() - 1));
      if (parent == nullptr || !parent->is_map()) continue;
      parent->as_map()->erase(alternative.keys.back());
    }
    applied = true;
  }
  return applied;
}

void mask_excerpts(ModuleValue& module) {
  std::map<SourceRef, std::vector<Where>> secrets, plain;
  Path keys;
  for_each_scalar(module.value, keys, "", [&](Value& value, const Path&, const std::string& path) {
    const Where where = value.where();
    if (!where.source || where.line == 0 || where.source->text.empty()) return;
    if (module.is_hidden(path))
      secrets[where.source].push_back(where);
    else if (!module.schema.type_at(path).empty())  // what the schema does not know may be a secret under a mistyped name
      plain[where.source].push_back(where);
  });
  std::map<SourceRef, SourceRef> replaced;
  // Of the operator's files only what this schema knows as no secret is shown: lines may hold values of other modules, too.
  for (const auto& [source, excerpt] : module.config.excerpts) {
    MaskedText text(excerpt->text);
    for (const Where& where : plain[source]) text.restore(source->text, where.line, where.column, where.length);
    replaced[source] = std::make_shared<const Source>(Source{source->name, text.text()});
  }
  for (const auto& [source, places] : secrets) {
    if (replaced.contains(source)) continue;
    MaskedText text(source->text);
    for (const Where& where : places) text.blank_scalar(where.line, where.column);
    replaced[source] = std::make_shared<const Source>(Source{source->name, text.text()});
  }
  for (Diagnostic& d : module.found.items())
    if (const auto it = replaced.find(d.where.source); it != replaced.end()) d.where.source = it->second;
}

}  // namespace tenon::host::config_room
