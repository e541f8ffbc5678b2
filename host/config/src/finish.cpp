#include "finish.hpp"

#include <algorithm>

#include "base/text.hpp"
#include "key_table.hpp"
#include "path.hpp"
#include "value_check.hpp"

namespace tenon::host::config_room {
namespace {

Value default_of(const KeyRule& rule) {
  if (!is_list(rule.type)) return scalar_from_text(rule, rule.fallback);
  // "[a, b]"; a test reads the same text as YAML.
  std::string_view text(rule.fallback);
  text = text.substr(1, text.size() - 2);
  ValueList list;
  while (!text.empty()) {
    const std::size_t end = text.find(", ");
    list.emplace_back(std::string(text.substr(0, end)));
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 2);
  }
  return Value(std::move(list));
}

Value complete(const Value* value, const KeyNode& node) {
  const bool absent = value == nullptr || value->is_null();
  if (node.rule != nullptr) {
    if (!absent) return *value;
    return node.rule->fallback != nullptr ? default_of(*node.rule) : Value();
  }
  if (absent && node.optional) return {};
  ValueMap out;
  for (std::string_view key : node.order) {
    const ValueMap::Member* member = absent || !value->is_map() ? nullptr : value->as_map()->find_member(key);
    Value child = complete(member != nullptr ? &member->value : nullptr, *node.children.find(key)->second);
    if (!child.is_null()) out.set(std::string(key), std::move(child), member != nullptr ? member->key_where : Where{});
  }
  if (node.any && !absent && value->is_map()) {
    std::vector<const ValueMap::Member*> named;
    for (const ValueMap::Member& member : *value->as_map())
      if (!node.children.contains(member.key) && !member.value.is_null()) named.push_back(&member);
    std::sort(named.begin(), named.end(), [](const auto* a, const auto* b) { return a->key < b->key; });
    for (const ValueMap::Member* member : named) {
      Value child = complete(&member->value, *node.any);
      if (!child.is_null()) out.set(member->key, std::move(child), member->key_where);
    }
  }
  // An entry that says nothing is still an entry: `modules: {orders: {}}`.
  if (absent && out.empty()) return {};
  Value result(std::move(out));
  if (!absent) result.set_where(value->where());
  return result;
}

class TreeExpander {
 public:
  TreeExpander(const Expander& expander, std::vector<std::string>& secret_paths, Diagnostics& diagnostics)
      : expander_(expander), secret_paths_(secret_paths), diagnostics_(diagnostics) {}

  void walk(Value& value, const KeyNode& node, const std::string& path) {
    if (node.rule != nullptr) return leaf(value, *node.rule, path);
    ValueMap* map = value.as_map();
    if (map == nullptr) return;
    for (ValueMap::Member& member : *map)
      if (const KeyNode* child = node.child(member.key)) walk(member.value, *child, child_path(path, member.key));
  }

 private:
  void leaf(Value& value, const KeyRule& rule, const std::string& path) {
    if (rule.type == KeyType::free_map || (is_list(rule.type) && rule.type != KeyType::path_list)) return;
    bool changed = false, secret = false;
    if (const std::string* text = value.as_string()) {
      std::string expanded;
      if (!expand(*text, value.where(), path, expanded, changed, secret) || !changed) return;
      Value typed = scalar_from_text(rule, expanded);
      typed.set_where(value.where());
      value = std::move(typed);
    } else if (ValueList* list = value.as_list()) {
      for (Value& item : *list) {
        std::string expanded;
        bool item_changed = false;
        const std::string* text_of_item = item.as_string();
        if (text_of_item == nullptr || !expand(*text_of_item, item.where(), path, expanded, item_changed, secret) || !item_changed)
          continue;
        Value typed(std::move(expanded));
        typed.set_where(item.where());
        item = std::move(typed);
        changed = true;
      }
    }
    if (!changed) return;
    if (secret) secret_paths_.push_back(path);
    check(value, rule, path, !secret);
  }

  // Whether the text is usable; `changed` if it was expanded.
  bool expand(const std::string& text, const Where& where, const std::string& path, std::string& out, bool& changed, bool& secret) {
    if (!has_expansion(text)) return true;
    Result<Expander::Expanded> expanded = expander_.expand(text, budget_);
    if (!expanded) {
      diagnostics_.error("config.expansion", where, "`" + path + "`: " + expanded.error().message).path = path;
      return false;
    }
    changed = true;
    secret = secret || expanded->secret;
    out = std::move(expanded->text);
    return true;
  }

  void check(Value& value, const KeyRule& rule, const std::string& path, bool quote) {
    // What was put in may itself contain `${`: that is text now, and judged as such.
    std::vector<Problem> problems;
    const auto contains_reference = [](const Value& v) { return v.is_string() && has_expansion(*v.as_string()); };
    const ValueList* list = value.as_list();
    if (contains_reference(value) || (list != nullptr && std::any_of(list->begin(), list->end(), contains_reference)))
      problems.push_back({"config.type", "`" + path + "` contains `${` after its expansion, which is not expanded again", {}, {}});
    else
      problems = check_value(rule, path, value, quote);
    for (Problem& problem : problems)
      diagnostics_
          .error(std::move(problem.code), problem.where.source ? problem.where : value.where(), std::move(problem.message),
                 std::move(problem.help))
          .path = path;
  }

  const Expander& expander_;
  std::vector<std::string>& secret_paths_;
  Diagnostics& diagnostics_;
  std::size_t budget_ = Expander::default_budget;
};

const Value* at(const Value& tree, std::initializer_list<std::string_view> path) {
  const Value* value = &tree;
  for (std::string_view key : path)
    if (value != nullptr) value = value->find(key);
  return value;
}

}  // namespace

Value with_defaults(const Value& merged) { return complete(&merged, key_tree()); }

void expand_tree(Value& tree, const Expander& expander, std::vector<std::string>& secret_paths, Diagnostics& diagnostics) {
  TreeExpander(expander, secret_paths, diagnostics).walk(tree, key_tree(), "");
}

void check_across(const Value& tree, const std::vector<std::string>& secret_paths, Diagnostics& diagnostics) {
  // A value that was wrong has been dropped: it was told, and is not missing.
  const auto told = [&](const std::string& path) {
    const auto& items = diagnostics.items();
    return std::any_of(items.begin(), items.end(), [&](const Diagnostic& d) { return d.severity == Severity::error && d.path == path; });
  };
  if (const Value* file = at(tree, {"log", "file"}); file != nullptr && file->find("path") == nullptr && !told("log.file.path"))
    diagnostics.error("config.missing", file->where(), "`log.file` lacks `path`, the file to log to", "add `path`, or remove `log.file`")
        .path = "log.file.path";

  const Value* servers = at(tree, {"database", "servers"});
  std::vector<std::string_view> names;
  if (servers != nullptr && servers->is_map())
    for (const ValueMap::Member& member : *servers->as_map()) {
      names.push_back(member.key);
      if (member.value.find("url") != nullptr) continue;
      const std::string path = "database.servers." + member.key;
      if (told(path + ".url")) continue;
      diagnostics.error("config.missing", member.key_where, "`" + path + "` lacks `url`").path = path + ".url";
    }
  const Value* modules = tree.find("modules");
  if (modules == nullptr || !modules->is_map()) return;
  for (const ValueMap::Member& member : *modules->as_map()) {
    const Value* server = at(member.value, {"database", "server"});
    const std::string* name = server != nullptr ? server->as_string() : nullptr;
    if (name == nullptr) continue;
    const std::string path = "modules." + member.key + ".database";
    if (member.value.find("database")->find("url") != nullptr)
      diagnostics.error("config.conflict", server->where(), "`" + path + "` has both `server` and `url`", "remove one of them").path = path;
    if (std::find(names.begin(), names.end(), *name) != names.end()) continue;
    const bool secret = std::find(secret_paths.begin(), secret_paths.end(), path + ".server") != secret_paths.end();
    const auto near = secret ? std::nullopt : nearest(*name, names);
    diagnostics
        .error("config.unknown_server", server->where(),
               "`" + path + ".server` names " + (secret ? "a secret text" : "`" + printable(*name, 64) + "`") +
                   ", which is not one of `database.servers`",
               near ? "did you mean `" + std::string(*near) + "`?" : "")
        .path = path + ".server";
  }
}

}  // namespace tenon::host::config_room
