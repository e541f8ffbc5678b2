// Text of strangers made harmless inside a line: no control character, no line break, no quote that ends a string.
#pragma once

#include <string_view>

#include "log_line_buffer.hpp"
#include "log_plain.hpp"

namespace tenon::host {

/// What append_escaped leaves room for, behind what it wrote.
inline constexpr std::size_t escape_slack = 16;

/// As append_escaped, for text that begins with a special character.
template <Escape how>
char* append_special(LineBuffer& line, char* p, std::string_view text);

/// Appends `text` at `p`. Escaped are C0, DEL and C1 controls, line and paragraph separators, bidirectional overrides and marks, and the
/// byte order mark: what makes a terminal or a reader see something else than what is there. Returns where to go on, with room for
/// escape_slack more bytes, or nullptr if `text` is not well-formed UTF-8.
template <Escape how>
inline char* append_escaped(LineBuffer& line, char* p, std::string_view text) {
  p = line.ensure(p, text.size() + escape_slack);
  const std::size_t n = copy_plain<how>(p, text);
  if (n == text.size()) return p + n;
  return append_special<how>(line, p + n, text.substr(n));
}

/// True if `text` needs quotes as a key or value of a text line: anything but printable ASCII without space, `"`, `=`, `\`.
bool needs_quotes(std::string_view text);

/// Bytes at the start of `text` that are ASCII (0x00..0x7F).
std::size_t ascii_prefix(std::string_view text);

}  // namespace tenon::host
