#include "key_table.hpp"

#include <algorithm>

#include "base/text.hpp"
#include "path.hpp"

namespace tenon::host::config_room {
namespace {

KeyNode& grow(KeyNode& root, std::string_view pattern, bool listed = true) {
  KeyNode* node = &root;
  for (std::string_view word : split(pattern, '.')) {
    std::unique_ptr<KeyNode>& next = word == "*" ? node->any : node->children[word];
    if (!next) {
      next = std::make_unique<KeyNode>();
      if (word != "*" && listed) node->order.push_back(word);
    }
    node = next.get();
  }
  return *node;
}

bool glob_reaches(std::span<const std::string> words, const KeyNode& node) {
  if (words.empty() || (node.rule != nullptr && node.rule->type == KeyType::free_map)) return true;
  const auto rest = words.subspan(1);
  const auto below = [&](std::span<const std::string> with) {
    for (const auto& [key, child] : node.children)
      if (!child->unserved && (words[0] == "**" || words[0] == "*" || words[0] == key) && glob_reaches(with, *child)) return true;
    return node.any && glob_reaches(with, *node.any);
  };
  if (words[0] == "**") return glob_reaches(rest, node) || below(words);
  return below(rest);
}

}  // namespace

bool is_list(KeyType type) {
  return type == KeyType::path_list || type == KeyType::glob_list || type == KeyType::service_list || type == KeyType::topic_list ||
         type == KeyType::namespace_list;
}

bool is_of_optional_section(std::string_view dotted_path) {
  const auto sections = optional_section_names();
  return std::any_of(sections.begin(), sections.end(),
                     [&](std::string_view section) { return dotted_path.starts_with(std::string(section) + "."); });
}

bool is_built_in_locked(std::string_view dotted_path) {
  std::vector<std::string> path;
  for (std::string_view word : split(dotted_path, '.')) path.emplace_back(word);
  for (std::string_view glob : built_in_locked())
    if (Glob(glob).locks(path)) return true;
  return false;
}

const KeyNode* KeyNode::child(std::string_view key) const {
  const auto it = children.find(key);
  if (it != children.end()) return it->second.get();
  return any.get();
}

const KeyNode& key_tree() {
  static const KeyNode tree = [] {
    KeyNode root;
    for (const KeyRule& rule : key_rules()) grow(root, rule.pattern).rule = &rule;
    for (const UnservedKey& key : unserved_keys()) grow(root, key.pattern, false).unserved = &key;
    for (std::string_view section : optional_section_names()) grow(root, section).optional = true;
    for (std::string_view section : loop_section_names()) grow(root, section).loop_names = true;
    return root;
  }();
  return tree;
}

bool glob_can_match(std::span<const std::string> words) { return glob_reaches(words, key_tree()); }

const KeyRule* rule_at(std::string_view dotted_path) {
  const KeyNode* node = &key_tree();
  for (std::string_view key : split(dotted_path, '.')) {
    if (node->rule != nullptr && node->rule->type == KeyType::free_map) break;
    node = node->child(key);
    if (node == nullptr) return nullptr;
  }
  return node->rule;
}

}  // namespace tenon::host::config_room
