// `tenond config`: the effective configuration with the source of every leaf, secrets masked.
#include <algorithm>
#include <set>

#include "base/text.hpp"
#include "config/config.hpp"
#include "config/schema.hpp"
#include "expansion.hpp"
#include "module_value.hpp"
#include "path.hpp"
#include "secrets.hpp"
#include "url.hpp"

namespace tenon::host {
namespace {

using namespace config_room;
using ModuleConfigs = std::vector<std::pair<std::string, const ModuleConfig*>>;

constexpr std::size_t comment_column = 48;

std::string_view layer_name(Layer layer) {
  switch (layer) {
    case Layer::defaults:
      return "defaults";
    case Layer::file:
      return "file";
    case Layer::environment:
      return "environment";
    case Layer::command_line:
      return "command_line";
    case Layer::super:
      break;
  }
  return "super";
}

bool is_in(const std::vector<std::string>& sorted, const std::string& path) {
  return std::binary_search(sorted.begin(), sorted.end(), path);
}

// A copy of the effective tree with the resolved configurations in their places and every secret replaced.
class Mask {
 public:
  explicit Mask(const Config& config) : config_(config) {}

  Value tree(const ModuleConfigs& modules) {
    Value out = config_.effective;
    put_resolved(out, modules);
    for (const auto& [name, known] : modules) {
      const auto [entry, is_new] = known_.try_emplace(name, known);
      if (!is_new && entry->second != known) entry->second = nullptr;  // two say what is secret: believe neither
    }
    for (ValueMap::Member& member : *out.as_map()) {
      if (member.key == "modules")
        mask_modules(member.value);
      else
        host(member.value, child_path("", member.key));
    }
    return out;
  }
  std::set<std::string> secrets;  ///< paths of what was replaced

 private:
  static void put_resolved(Value& tree, const ModuleConfigs& modules) {
    if (modules.empty()) return;
    Value& entries = tree.find("modules") != nullptr ? *tree.as_map()->find("modules") : tree.as_map()->set("modules", Value(ValueMap()));
    std::vector<ValueMap::Member> sorted;
    for (const auto& [name, resolved] : modules) {
      if (resolved == nullptr || !resolved->value.is_map()) continue;
      Value* entry = entries.as_map()->find(name);
      if (entry == nullptr) entry = &entries.as_map()->set(name, Value(ValueMap()));
      if (entry->is_map()) entry->as_map()->set("config", resolved->value);
    }
    for (ValueMap::Member& member : *entries.as_map()) sorted.push_back(std::move(member));
    std::sort(sorted.begin(), sorted.end(), [](const auto& a, const auto& b) { return a.key < b.key; });
    ValueMap ordered;
    for (ValueMap::Member& member : sorted) ordered.set(std::move(member.key), std::move(member.value), std::move(member.key_where));
    entries = Value(std::move(ordered));
  }

  void mask_modules(Value& modules) {
    if (!modules.is_map()) return;
    for (ValueMap::Member& entry : *modules.as_map()) {
      const std::string path = child_path("modules", entry.key);
      if (!entry.value.is_map()) continue;
      const auto it = known_.find(entry.key);
      for (ValueMap::Member& member : *entry.value.as_map()) {
        if (member.key == "config")
          module(member.value, path + ".config", "", "", false, it != known_.end() ? it->second : nullptr);
        else
          host(member.value, child_path(path, member.key));
      }
    }
  }

  void host(Value& value, const std::string& path) {
    if (is_in(config_.secret_paths, path)) return hide(value, path);
    if (ValueMap* map = value.as_map()) {
      for (ValueMap::Member& member : *map) host(member.value, child_path(path, member.key));
    } else if (ValueList* list = value.as_list()) {
      for (Value& item : *list) host(item, path);
    } else {
      hide_passwords(value, path);
    }
  }

  // `below`: the path under `config`, `of_schema` the same as Schema writes it.
  void module(Value& value, const std::string& path, const std::string& below, const std::string& of_schema, bool secret,
              const ModuleConfig* known) {
    if (!value.is_map() && !value.is_list()) secret = secret || !may_be_shown(of_schema, known) || is_secret_as_written(value, known);
    if (known != nullptr && is_in(known->secret_paths, below)) secret = true;
    if (ValueMap* map = value.as_map()) {
      for (ValueMap::Member& member : *map) {
        std::string schema_child = of_schema;
        append_schema_key(schema_child, member.key);
        module(member.value, child_path(path, member.key), child_path(below, member.key), schema_child,
               secret || is_secret_name(member.key), known);
      }
    } else if (ValueList* list = value.as_list()) {
      for (std::size_t i = 0; i < list->size(); ++i) {
        std::string schema_child = of_schema;
        append_schema_index(schema_child, i);
        module((*list)[i], path, below, schema_child, secret, known);
      }
    } else if (secret) {
      hide(value, path);
    } else {
      hide_passwords(value, path);
    }
  }

  // Without a schema nobody knows what is secret. A value that was not resolved may be a text that stands for a list or map, or for another
  // key than it seems (names in the environment match in any case): only what the schema calls one plain value is one.
  static bool may_be_shown(const std::string& of_schema, const ModuleConfig* known) {
    if (known == nullptr || !known->schema || of_schema.empty()) return false;
    if (known->schema->is_secret(of_schema)) return false;
    if (known->value.is_map()) return true;
    const std::string type = known->schema->type_at(of_schema);
    return type == "string" || type == "integer" || type == "number" || type == "boolean";
  }

  // What is not resolved is not expanded: its defaults stand in it.
  static bool is_secret_as_written(const Value& value, const ModuleConfig* known) {
    const std::string* text = value.as_string();
    return text != nullptr && !(known != nullptr && known->value.is_map()) && refers_to_secret(*text);
  }

  void hide(Value& value, const std::string& path) {
    if (value.is_null()) return;
    secrets.insert(path);
    const Where where = value.where();
    value = Value(std::string(masked));
    value.set_where(where);
  }

  void hide_passwords(Value& value, const std::string& path) {
    const std::string* text = value.as_string();
    if (text == nullptr || !has_url_password(*text)) return;
    secrets.insert(path);
    const Where where = value.where();
    value = Value(mask_url_passwords(*text));
    value.set_where(where);
  }

  const Config& config_;
  std::unordered_map<std::string, const ModuleConfig*> known_;
};

bool is_plain_scalar(const std::string& text) {
  if (text.empty() || text.size() > 200 || text == "true" || text == "false" || text == "null") return false;
  const auto letter = [](char c) { return (lower(c) >= 'a' && lower(c) <= 'z') || c == '_' || c == '/'; };
  const auto digit = [](char c) { return c >= '0' && c <= '9'; };
  const auto inner = [&](char c) { return letter(c) || digit(c) || c == '.' || c == '-'; };
  // "5s" is text in YAML, "0x1f" is a number.
  const bool quantity = digit(text[0]) && letter(text.back()) && !letter(text[std::min<std::size_t>(1, text.size() - 1)]);
  const bool unit = digit(text[0]) && text.size() == 2 && letter(text[1]);
  return (letter(text[0]) || quantity || unit) && std::all_of(text.begin(), text.end(), inner);
}

std::string quoted(std::string_view text) {
  std::string out;
  append_json_string(out, text);
  return printable(out, std::string::npos);
}

std::string flow(const Value& value) {
  std::string out;
  if (const std::string* text = value.as_string()) return is_plain_scalar(*text) ? *text : quoted(*text);
  if (const ValueList* list = value.as_list()) {
    for (const Value& item : *list) out += (out.empty() ? "" : ", ") + flow(item);
    return "[" + out + "]";
  }
  if (const ValueMap* map = value.as_map()) {
    for (const ValueMap::Member& member : *map)
      out += (out.empty() ? "" : ", ") + (is_plain_scalar(member.key) ? member.key : quoted(member.key)) + ": " + flow(member.value);
    return "{" + out + "}";
  }
  return to_json(value);
}

class TextWriter {
 public:
  TextWriter(const Config& config, const NotInForce& not_in_force) : config_(config), not_in_force_(not_in_force) {}

  std::string write(const Value& tree) {
    members(tree);
    return std::move(out_);
  }

 private:
  void members(const Value& value) {
    for (const ValueMap::Member& member : *value.as_map()) {
      std::string line(keys_.size() * 2, ' ');
      line += (is_plain_scalar(member.key) ? member.key : quoted(member.key)) + ":";
      keys_.push_back(member.key);
      const ValueMap* map = member.value.as_map();
      if (map != nullptr && !map->empty()) {
        end_line(line, doubt());
        members(member.value);
      } else {
        const std::string doubt_of = doubt();
        end_line(line + " " + flow(member.value),
                 printable(config_.provenance_of(member.value.where()).source, 4096) + (doubt_of.empty() ? "" : "; " + doubt_of));
      }
      keys_.pop_back();
    }
  }

  // Why what stands at `keys_` does not hold; empty: it does.
  [[nodiscard]] std::string doubt() const {
    if (keys_.size() != 3 || keys_[0] != "modules" || keys_[2] != "config") return {};
    const auto it = not_in_force_.find(keys_[1]);
    return it == not_in_force_.end() ? std::string() : "not in force: " + printable(it->second, 600);
  }

  void end_line(std::string line, const std::string& comment) {
    if (!comment.empty()) {
      const std::size_t width = utf8_length(line);
      line.append(width + 2 < comment_column ? comment_column - width : 2, ' ');
      line += "# " + comment;
    }
    out_ += line + "\n";
  }

  const Config& config_;
  const NotInForce& not_in_force_;
  Path keys_;
  std::string out_;
};

void append_provenance(std::string& out, const Value& value, const std::string& path, const Config& config) {
  const ValueMap* map = value.as_map();
  if (map != nullptr) {
    for (const ValueMap::Member& member : *map) append_provenance(out, member.value, child_path(path, member.key), config);
    return;
  }
  const Config::Provenance from = config.provenance_of(value.where());
  if (out.back() != '{') out += ',';
  append_json_string(out, path);
  out += ":{\"layer\":\"";
  out.append(layer_name(from.layer)).append("\",\"source\":");
  append_json_string(out, from.source);
  out += '}';
}

}  // namespace

std::string config_to_text(const Config& config, const ModuleConfigs& modules, const NotInForce& not_in_force) {
  Mask mask(config);
  return TextWriter(config, not_in_force).write(mask.tree(modules));
}

std::string config_to_json(const Config& config, const ModuleConfigs& modules, const NotInForce& not_in_force) {
  Mask mask(config);
  const Value tree = mask.tree(modules);
  std::string out = "{\"config\":" + to_json(tree) + ",\"provenance\":{";
  append_provenance(out, tree, "", config);
  out += "},\"secret\":[";
  bool first = true;
  for (const std::string& path : mask.secrets) {
    if (!first) out += ',';
    first = false;
    append_json_string(out, path);
  }
  out += "],\"not_in_force\":{";
  first = true;
  for (const auto& [module, why] : not_in_force) {
    const Value* entries = tree.find("modules");
    const Value* entry = entries != nullptr ? entries->find(module) : nullptr;
    if (entry == nullptr || entry->find("config") == nullptr) continue;
    if (!first) out += ',';
    first = false;
    append_json_string(out, module);
    out += ':';
    append_json_string(out, why);
  }
  return out + "}}";
}

}  // namespace tenon::host
