// What differs from run to run gets a name, so that text can be compared word for word.
#pragma once

#include <string>
#include <string_view>

namespace tenon::test {

/// Wherever `before` stands, the characters of `run` that follow it become `name`: ("pid=17 x", "pid=", digits, "PID") -> "pid=PID x".
inline std::string name_after(std::string text, std::string_view before, std::string_view run, std::string_view name) {
  for (std::size_t at = text.find(before); at != std::string::npos; at = text.find(before, at + name.size())) {
    at += before.size();
    const std::size_t end = text.find_first_not_of(run, at);
    text.replace(at, (end == std::string::npos ? text.size() : end) - at, name);
  }
  return text;
}

inline std::string replace_all(std::string text, std::string_view part, std::string_view name) {
  for (std::size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + name.size()))
    text.replace(at, part.size(), name);
  return text;
}

/// The time at the beginning of each line of a text log becomes `name`.
inline std::string name_log_times(const std::string& text, std::string_view name) {
  constexpr std::size_t length = std::string_view("2026-11-21T06:31:58.347Z").size();
  std::string out;
  for (std::size_t begin = 0; begin < text.size();) {
    std::size_t end = text.find('\n', begin);
    end = end == std::string::npos ? text.size() : end + 1;
    const std::string_view line(text.data() + begin, end - begin);
    const bool timed = line.size() > length && line[4] == '-' && line[10] == 'T' && line[length - 1] == 'Z' && line[length] == ' ';
    out.append(timed ? name : std::string_view()).append(timed ? line.substr(length) : line);
    begin = end;
  }
  return out;
}

inline constexpr std::string_view digits = "0123456789";

}  // namespace tenon::test
