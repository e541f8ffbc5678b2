// Dotted paths of configuration keys, and the globs that lock them.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace tenon::host::config_room {

using Path = std::vector<std::string>;

/// Appends `.key`; keys with other characters than [A-Za-z0-9_-] are quoted, so that a dot in a key is told from a level.
void append_key(std::string& path, std::string_view key);
std::string child_path(std::string_view path, std::string_view key);
std::string join_path(std::span<const std::string> path);

char lower(char c);
std::string to_lower(std::string_view text);
bool equal_ignoring_case(std::string_view a, std::string_view b);

/// One locked path: `*` stands for one key, `**` for any number of keys, also none. A glob that matches a path locks everything below it.
class Glob {
 public:
  /// `text` must have passed glob_problem.
  explicit Glob(std::string_view text);
  [[nodiscard]] bool locks(std::span<const std::string> path, bool any_case = false) const;
  [[nodiscard]] const std::vector<std::string>& words() const { return words_; }

 private:
  std::vector<std::string> words_;
};

/// Why `text` is no glob, as the end of a sentence; empty if it is one.
std::string glob_problem(std::string_view text);

}  // namespace tenon::host::config_room
