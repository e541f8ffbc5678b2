#include "path.hpp"

#include <algorithm>

#include "base/text.hpp"

namespace tenon::host::config_room {
namespace {

constexpr std::size_t max_glob_bytes = 255;
constexpr std::size_t max_glob_words = 32;

bool is_plain(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-'; }

}  // namespace

void append_key(std::string& path, std::string_view key) {
  if (!path.empty()) path += '.';
  if (!key.empty() && std::all_of(key.begin(), key.end(), is_plain)) {
    path.append(key);
    return;
  }
  path += '"';
  path += printable(key, std::string_view::npos);
  path += '"';
}

std::string child_path(std::string_view path, std::string_view key) {
  std::string out(path);
  append_key(out, key);
  return out;
}

std::string join_path(std::span<const std::string> path) {
  std::string out;
  for (const std::string& key : path) append_key(out, key);
  return out;
}

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

std::string to_lower(std::string_view text) {
  std::string out(text);
  std::transform(out.begin(), out.end(), out.begin(), lower);
  return out;
}

bool equal_ignoring_case(std::string_view a, std::string_view b) {
  return a.size() == b.size() && std::equal(a.begin(), a.end(), b.begin(), [](char x, char y) { return lower(x) == lower(y); });
}

Glob::Glob(std::string_view text) {
  for (std::string_view word : split(text, '.')) words_.emplace_back(word);
}

bool Glob::locks(std::span<const std::string> path, bool any_case) const {
  // Going back to the last `**` only is enough: what an earlier one could still take, the last one can take as well.
  constexpr std::size_t none = std::string_view::npos;
  std::size_t word = 0, key = 0, star = none, star_key = 0;
  for (;;) {
    if (word == words_.size()) return true;
    if (words_[word] == "**") {
      star = word++;
      star_key = key;
    } else if (key < path.size() &&
               (words_[word] == "*" || words_[word] == path[key] || (any_case && equal_ignoring_case(words_[word], path[key])))) {
      ++word;
      ++key;
    } else if (star != none && star_key < path.size()) {
      key = ++star_key;
      word = star + 1;
    } else {
      return false;
    }
  }
}

std::string glob_problem(std::string_view text) {
  if (text.empty()) return "it is empty";
  if (text.size() > max_glob_bytes) return "it is longer than 255 bytes";
  const std::vector<std::string_view> words = split(text, '.');
  if (words.size() > max_glob_words) return "it has more than 32 parts";
  for (std::string_view word : words) {
    if (word.empty()) return "it has an empty part";
    if (word == "*" || word == "**") continue;
    if (word.find('*') != std::string_view::npos) return "`*` and `**` stand for whole keys";
    if (!std::all_of(word.begin(), word.end(), is_plain)) return "keys consist of letters, digits, `_` and `-`";
  }
  return {};
}

}  // namespace tenon::host::config_room
