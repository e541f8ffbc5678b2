#include "tree_check.hpp"

#include <vector>

#include "base/text.hpp"
#include "path.hpp"
#include "value_check.hpp"

namespace tenon::host::config_room {
namespace {

// The value goes, its place stays: others may have something to say about it, too.
void drop(Value& value) {
  Where where = value.where();
  value = Value();
  value.set_where(std::move(where));
}

constexpr std::size_t max_findings = 100;

std::string a_kind(const Value& value) { return (value.as_integer() != nullptr ? "an " : "a ") + std::string(kind_name(value.kind())); }

// What a loop may be called, so far as it can have a key; "*" is one of them.
bool is_loop_name(std::string_view name) {
  constexpr std::size_t longest = 63;  // TENON_TASK_MAX_NAME
  return !name.empty() && name.size() <= longest && invalid_utf8_at(name) == std::string_view::npos;
}

std::string list_keys(const KeyNode& node) {
  std::string out;
  for (std::string_view key : node.order) {
    if (!out.empty()) out += ", ";
    out.append("`").append(key).append("`");
  }
  return out;
}

}  // namespace

void report_unknown_key(const KeyNode& node, const std::string& path, std::string_view key, const Where& where, Diagnostics& diagnostics) {
  const std::string full = child_path(path, printable(key, 64));
  std::string help;
  if (const auto near = nearest(to_lower(key), node.order))
    help = "did you mean `" + child_path(path, *near) + "`?";
  else if (path.starts_with("modules.") && node.child("config") != nullptr)
    help = "settings of the module itself belong under `" + path + ".config`; known here: " + list_keys(node);
  else
    help = (path.empty() ? "known keys: " : "known in `" + path + "`: ") + list_keys(node);
  diagnostics.error("config.unknown_key", where, "unknown key `" + full + "`", std::move(help)).path = full;
}

void report_unserved(const UnservedKey& unserved, const std::string& path, const Where& where, Diagnostics& diagnostics) {
  diagnostics
      .error("config.not_served", where, "`" + path + "` is not served by this version of tenond: " + std::string(unserved.reason),
             "remove it")
      .path = path;
}

bool report_bad_name(const KeyNode& node, const std::string& path, std::string_view key, const Where& where, Diagnostics& diagnostics) {
  if (node.loop_names ? is_loop_name(key) : is_module_name(key)) return false;
  const std::string full = child_path(path, printable(key, 64));
  diagnostics
      .error("config.name", where, "`" + printable(key, 64) + "` is no name for an entry of `" + path + "`",
             node.loop_names
                 ? "names of loops have 1 to 63 bytes of UTF-8; one without a name is covered by `\"*\"`"
                 : "names consist of lower-case letters, digits and single `_`, begin with a letter and have at most 63 characters")
      .path = full;
  return true;
}

void check_tree(Value& tree, const KeyNode& node, const std::string& path, Diagnostics& diagnostics) {
  if (tree.is_null()) return;
  if (node.rule != nullptr) {
    std::vector<Problem> problems = check_value(*node.rule, path, tree);
    for (Problem& problem : problems)
      diagnostics
          .error(std::move(problem.code), problem.where.source ? problem.where : tree.where(), std::move(problem.message),
                 std::move(problem.help))
          .path = path;
    if (!problems.empty()) drop(tree);
    return;
  }
  ValueMap* map = tree.as_map();
  if (map == nullptr) {
    const std::string what = path.empty() ? "the configuration" : "`" + path + "`";
    diagnostics.error("config.type", tree.where(), what + " must be a map, not " + a_kind(tree)).path = path;
    drop(tree);
    return;
  }
  for (ValueMap::Member& member : *map) {
    const KeyNode* child = node.child(member.key);
    const Where where = member.key_where.source ? member.key_where : member.value.where();
    const bool named = child != nullptr && child == node.any.get();
    if (child == nullptr) {
      report_unknown_key(node, path, member.key, where, diagnostics);
      drop(member.value);
    } else if (named && report_bad_name(node, path, member.key, where, diagnostics)) {
      drop(member.value);
    } else if (const std::string below = child_path(path, member.key); child->unserved != nullptr) {
      report_unserved(*child->unserved, below, where, diagnostics);
      drop(member.value);
    } else {
      check_tree(member.value, *child, below, diagnostics);
    }
  }
}

void append_limited(Diagnostics& to, Diagnostics from, const Where& where) {
  std::size_t errors = 0, others = 0;
  for (Diagnostic& d : from.items()) {
    std::size_t& count = d.severity == Severity::error ? errors : others;
    if (++count <= max_findings) to.add(std::move(d));
  }
  const Where whole{where.source, 0, 0, 1};
  if (errors > max_findings)
    to.error("config.too_many_errors", whole, "there are " + std::to_string(errors - max_findings) + " more errors here",
             "mend those that are shown");
  if (others > max_findings)
    to.warning("config.too_many_warnings", whole, "there are " + std::to_string(others - max_findings) + " more warnings here");
}

}  // namespace tenon::host::config_room
