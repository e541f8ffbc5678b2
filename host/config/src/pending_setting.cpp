// One setting of a module from the environment or the command line: which key, and which value.
#include <algorithm>

#include "base/text.hpp"
#include "layers.hpp"
#include "module_value.hpp"
#include "secrets.hpp"
#include "value_check.hpp"

namespace tenon::host::config_room {
namespace {

class Pending {
 public:
  Pending(const PendingSetting& setting, const LockedPaths& locks, ModuleValue& module)
      : setting_(setting), locks_(locks), module_(module), where_{setting.source, 0, 0, 1} {}

  void apply() {
    for (const std::string& key : setting_.path)
      if (!step(key)) return;
    std::optional<Value> value = setting_.value ? setting_.value : typed(setting_.text);
    if (!value) return;
    Path full = {"modules", module_.module, "config"};
    if (!setting_.privileged && !setting_.value && (value->is_map() || value->is_list())) {
      // What is in the text is known only now; that the path itself may be set was checked when it was read.
      full.insert(full.end(), keys_.begin(), keys_.end());
      locks_.check(*value, full, false, module_.found);
      full.resize(3);
    }
    if (setting_.privileged && !setting_.value) warn_literal(*value);
    merge(module_.value, nest(keys_, std::move(*value), where_), full, setting_.privileged ? nullptr : &locks_, module_.found);
  }

 private:
  void error(const char* code, std::string message, std::string help) {
    module_.found.error(code, where_, std::move(message), std::move(help)).path = module_.full_path(keys_);
  }

  // Takes one key of the path. False after an error.
  bool step(const std::string& key) {
    const std::string parent = schema_path(keys_);
    const Value* here = &module_.value;
    for (const std::string& k : keys_)
      if (here != nullptr) here = here->find(k);
    if ((here != nullptr && here->is_list()) || module_.schema.type_at(parent) == "array") {
      error("config.list_index", "`" + module_.full_path(keys_) + "` is a list, `" + printable(key, 64) + "` in it cannot be set",
            "lists are replaced as a whole");
      return false;
    }
    if (!setting_.any_case) {
      keys_.push_back(key);
      return true;
    }
    std::vector<std::string> names = module_.schema.property_names(parent);
    const bool named_by_schema = !names.empty();
    if (here != nullptr && here->is_map())
      for (const ValueMap::Member& member : *here->as_map()) names.push_back(member.key);
    std::sort(names.begin(), names.end());
    names.erase(std::unique(names.begin(), names.end()), names.end());
    return choose(key, names, named_by_schema, parent);
  }

  bool choose(const std::string& key, const std::vector<std::string>& names, bool named_by_schema, const std::string& parent) {
    std::vector<std::string_view> matches, all(names.begin(), names.end());
    for (const std::string& name : names)
      if (equal_ignoring_case(name, key)) matches.push_back(name);
    if (matches.size() > 1) {
      error("config.ambiguous",
            "`" + printable(key, 64) + "` stands for both `" + printable(matches[0], 64) + "` and `" + printable(matches[1], 64) +
                "` in `" + module_.full_path(keys_) + "`: names match regardless of case",
            "set it with `--set`, or in a file");
      return false;
    }
    if (matches.size() == 1) {
      keys_.emplace_back(matches[0]);
      return true;
    }
    const std::string name = to_lower(key);
    std::string path = parent;
    append_schema_key(path, name);
    if (named_by_schema && module_.schema.type_at(path).empty()) {
      Path unknown = keys_;
      unknown.push_back(printable(name, 64));
      std::string help;
      if (const auto near = nearest(name, all)) {
        Path meant = keys_;
        meant.emplace_back(*near);
        help = "did you mean `" + module_.full_path(meant) + "`?";
      } else {
        help = "known keys: ";
        for (std::size_t i = 0; i < all.size() && i < 12; ++i) help += (i != 0 ? ", `" : "`") + printable(all[i], 64) + "`";
      }
      error("config.unknown_key", "unknown key `" + module_.full_path(unknown) + "`", std::move(help));
      return false;
    }
    keys_.push_back(name);
    return true;
  }

  // Text by the schema's type. What does not fit stays text, and the schema says what it wants instead.
  std::optional<Value> typed(const std::string& text) {
    const std::string path = schema_path(keys_);
    const std::string type = module_.schema.type_at(path);
    std::optional<Value> value;
    if (type == "array" || type == "object") {
      value = structure(text, true);
      if (!value) return std::nullopt;
    } else if (has_expansion(text) || type == "string" || type == "null") {
      value = Value(text);
    } else if ((type.empty() || type == "boolean") && (text == "true" || text == "false")) {
      value = Value(text == "true");
      if (type.empty()) module_.alternatives.push_back({path, keys_, text});
    } else {
      if (type != "boolean") value = number_from_text(text);
      if (!value && type.empty() && (text[0] == '[' || text[0] == '{')) value = structure(text, false);
      // Several types are possible: if the schema does not take it like this, it is meant as a string.
      if (value && type.empty()) module_.alternatives.push_back({path, keys_, text});
      if (!value) value = Value(text);
    }
    drop_places(*value, setting_.source);
    return value;
  }

  std::optional<Value> structure(const std::string& text, bool report) {
    Diagnostics found;
    std::optional<Value> value = parse_masked(setting_.source->name, text, true, found);
    if (value || !report) return value;
    // Neither the text nor what the parser says about it is shown: the schema may call parts of it secret, which cannot be told from the rest.
    const bool list = module_.schema.type_at(schema_path(keys_)) == "array";
    error("config.type", "`" + module_.full_path(keys_) + "` must be a " + (list ? "list" : "map") + ", and the text is none",
          list ? "write it in YAML's flow form: `[a, b]`" : "write it in YAML's flow form: `{a: 1, b: 2}`");
    return std::nullopt;
  }

  // Names were judged when the text was read; what only the schema calls a secret is judged here.
  void warn_literal(const Value& value) {
    const bool named = std::any_of(keys_.begin(), keys_.end(), [](const std::string& key) { return is_secret_name(key); });
    if (named || value.is_null() || has_expansion(setting_.text) || !module_.schema.is_secret(schema_path(keys_))) return;
    const std::string path = module_.full_path(keys_);
    module_.found
        .warning("config.literal_password", where_,
                 "`" + path + "` is a literal secret: whoever reads the environment of the process reads it",
                 "write `${cred:NAME}` or `${file:/PATH}` instead")
        .path = path;
  }

  const PendingSetting& setting_;
  const LockedPaths& locks_;
  ModuleValue& module_;
  Where where_;
  Path keys_;
};

}  // namespace

void apply_pending(const PendingSetting& pending, const Value& manifest_defaults, const LockedPaths& locks, ModuleValue& module) {
  if (pending.path.empty() && pending.value && pending.value->is_null()) {  // unset: as if the operator had said nothing
    module.value = manifest_defaults.is_map() ? manifest_defaults : Value(ValueMap());
    return;
  }
  Pending(pending, locks, module).apply();
}

}  // namespace tenon::host::config_room
