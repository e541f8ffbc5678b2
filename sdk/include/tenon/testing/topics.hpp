// Names of topics and services, their patterns, and trace contexts, as the fake host checks them.
#ifndef TENON_TESTING_TOPICS_HPP
#define TENON_TESTING_TOPICS_HPP

#include <cstddef>
#include <string_view>

namespace tenon {
inline namespace v1 {
namespace testing {

namespace detail {

/// Words of letters, digits, `_` and `-`, joined by dots; in a pattern also `*`, and `>` at the end.
inline bool is_topic(std::string_view text, bool pattern) {
  if (text.empty() || text.size() > 255) return false;
  for (;;) {
    const auto dot = text.find('.');
    const std::string_view word = text.substr(0, dot);
    const bool last = dot == std::string_view::npos;
    const bool wild = pattern && (word == "*" || (word == ">" && last));
    if (!wild && (word.empty() ||
                  word.find_first_not_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-") != std::string_view::npos))
      return false;
    if (last) return true;
    text.remove_prefix(dot + 1);
  }
}

/// Every topic of `narrow` (a topic or a pattern) lies in `wide`.
inline bool topic_within(std::string_view narrow, std::string_view wide) {
  const auto take = [](std::string_view& text) {
    const auto dot = text.find('.');
    const std::string_view word = text.substr(0, dot);
    text.remove_prefix(dot == std::string_view::npos ? text.size() : dot + 1);
    return word;
  };
  while (!wide.empty()) {
    if (narrow.empty()) return false;
    const std::string_view w = take(wide);
    if (w == ">") return true;
    const std::string_view n = take(narrow);
    if (n == ">" || (w != "*" && w != n)) return false;
  }
  return narrow.empty();
}

/// Nobody but the host publishes, offers or stores what is below a reserved word, whatever is granted.
inline bool is_hosts_name(std::string_view name) {
  const std::string_view word = name.substr(0, name.find_first_of("./"));
  for (const std::string_view reserved : {"core", "directory", "grpc_hub", "host", "tenon"})
    if (word == reserved) return true;
  return false;
}

inline bool is_traceparent(std::string_view t) {
  if (t.size() != 55 || t.substr(0, 3) != "00-" || t[35] != '-' || t[52] != '-') return false;
  for (const std::size_t i : {3U, 36U, 53U})
    if (t.substr(i, i == 3 ? 32 : i == 36 ? 16 : 2).find_first_not_of("0123456789abcdef") != std::string_view::npos) return false;
  return t.substr(3, 32).find_first_not_of('0') != std::string_view::npos &&
         t.substr(36, 16).find_first_not_of('0') != std::string_view::npos;
}

}  // namespace detail

}  // namespace testing
}  // namespace v1
}  // namespace tenon

#endif
