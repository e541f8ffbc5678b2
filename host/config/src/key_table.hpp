// The one table of the host's own keys: what is known, of which type, within which bounds, with which default, and what it means. The check,
// the defaults, config/tenon.yaml and the reload read nothing else.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace tenon::host::config_room {

enum class KeyType : std::uint8_t {
  text_name,       ///< [A-Za-z0-9_-], 1 to 63
  word,            ///< one of `words`
  boolean,         ///< true, false
  integer,         ///< min..max
  duration,        ///< min..max nanoseconds, unit required
  size,            ///< min..max bytes, unit required
  path,            ///< of a file or directory; relative ones count from the working directory
  path_list,       ///< list of paths
  glob_list,       ///< list of globs
  service_list,    ///< list of patterns of services, each with an optional "/major"
  topic_list,      ///< list of patterns of topics
  namespace_list,  ///< list of storage namespaces
  url,             ///< sqlite:, postgres://, postgresql://; may hold a password, never quoted
  module_name,     ///< a name as of a module, here of a database server
  free_map,        ///< a map that the module's schema describes
};

struct KeyRule {
  std::string_view pattern;  ///< dotted; `*` = a name: of a module, a server, a loop
  KeyType type;
  const char* fallback;  ///< default as YAML; nullptr = none
  std::int64_t min = 0, max = 0;
  std::string_view words = {};  ///< separated by '|'
  bool live = false;            ///< a reload changes it at once
  const char* example =
      nullptr;  ///< shown in config/tenon.yaml, commented out, where there is no default or the key may not stand in a file
  std::string_view meaning = {};
};

/// What is replaced as a whole, and written as a YAML list.
bool is_list(KeyType type);

/// All keys, in the order of config/tenon.yaml.
std::span<const KeyRule> key_rules();
/// What precedes the first key of a section in config/tenon.yaml; empty if nothing.
std::string_view section_meaning(std::string_view section);

/// True for keys whose defaults hold only where their section is written.
bool is_of_optional_section(std::string_view dotted_path);

/// A key of the design that this version does not serve, and why.
struct UnservedKey {
  std::string_view pattern, reason;
};
std::span<const UnservedKey> unserved_keys();

/// Sections whose defaults hold only where they are written.
std::span<const std::string_view> optional_section_names();

/// Sections whose entries are named as modules name their background loops.
std::span<const std::string_view> loop_section_names();

/// Paths locked in every installation.
std::span<const std::string_view> built_in_locked();
bool is_built_in_locked(std::string_view dotted_path);

/// The table as a tree.
struct KeyNode {
  std::map<std::string_view, std::unique_ptr<KeyNode>, std::less<>> children;
  std::unique_ptr<KeyNode> any;         ///< for `*`
  std::vector<std::string_view> order;  ///< keys of `children` that can be used, as in the table
  const KeyRule* rule = nullptr;        ///< a leaf, or a free map
  const UnservedKey* unserved = nullptr;
  [[nodiscard]] const KeyNode* child(std::string_view key) const;
  [[nodiscard]] bool is_section() const { return rule == nullptr && unserved == nullptr; }
  bool optional = false;    ///< a section whose defaults hold only where it is written
  bool loop_names = false;  ///< entries are named as modules name their background loops, or "*"; else as modules are named
};
const KeyNode& key_tree();

/// True if some key of the table, or below a free map, can match the glob.
bool glob_can_match(std::span<const std::string> words);

/// The rule at a dotted path of plain keys; nullptr if it is a section or unknown. Below a free map: the rule of the map.
const KeyRule* rule_at(std::string_view dotted_path);

}  // namespace tenon::host::config_room
