// Text helpers shared by all rooms: UTF-8, names, suggestions, globs, durations and sizes, JSON escapes.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"

namespace tenon::host {

/// Byte offset of the first byte that does not belong to well-formed UTF-8 (RFC 3629: no surrogates, no overlong
/// forms, at most U+10FFFF); npos if all is well.
std::size_t invalid_utf8_at(std::string_view text);

/// `text` made fit for a terminal or log line: control characters (C0, DEL, C1, line and bidi separators) and invalid
/// bytes as \xNN or \u{...}; cut at a character boundary after `max` bytes with "…".
std::string printable(std::string_view text, std::size_t max = 200);

/// Characters (code points) in the first `bytes` bytes of `text`: a byte offset as a column.
std::size_t utf8_length(std::string_view text);

/// The candidate nearest to `name` (Damerau-Levenshtein distance at most 1 for up to 4 characters, 2 up to 8, else 3), if any.
/// Ties: the first. For "did you mean".
std::optional<std::string_view> nearest(std::string_view name, std::span<const std::string_view> candidates);

/// Module names: [a-z][a-z0-9]*(_[a-z0-9]+)*, at most 63 bytes.
bool is_module_name(std::string_view name);

/// Dotted names and topics: words [A-Za-z0-9_-]+ joined by dots, at most 255 bytes. With `pattern`, a word may be `*`
/// and the last one `>`. No allocation.
bool is_dotted_name(std::string_view name, bool pattern = false);

/// The value of a hexadecimal digit of either case; -1 if it is none.
constexpr int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

/// Splits at every `sep`; keeps empty parts; never returns an empty vector.
std::vector<std::string_view> split(std::string_view text, char sep);

/// "5s", "250ms", "1h30m", "10us", "2d" -> nanoseconds. Units ns us ms s m h d; a number without a unit, signs,
/// spaces, overflow are errors. Decimals are allowed ("1.5s").
Result<std::chrono::nanoseconds> parse_duration(std::string_view text);
/// Shortest exact form: "1h30m", "250ms", "0s".
std::string format_duration(std::chrono::nanoseconds d);

/// "16MiB", "4kB", "100B" -> bytes. Units B, kB MB GB TB (1000), KiB MiB GiB TiB (1024); a number without a unit is an error.
Result<std::uint64_t> parse_size(std::string_view text);
std::string format_size(std::uint64_t bytes);

/// Appends `text` as a JSON string with quotes. Invalid UTF-8 becomes U+FFFD.
void append_json_string(std::string& out, std::string_view text);

}  // namespace tenon::host
