#include "yaml_scalar.hpp"

#include <charconv>
#include <cmath>
#include <cstdint>
#include <string>

namespace tenon::host {
namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }

/// Takes digits off the front; how many.
std::size_t take_digits(std::string_view& s) {
  std::size_t n = 0;
  while (n < s.size() && is_digit(s[n])) ++n;
  s.remove_prefix(n);
  return n;
}

/// [-+]? ( \. [0-9]+ | [0-9]+ ( \. [0-9]* )? ) ( [eE] [-+]? [0-9]+ )?
bool is_float(std::string_view s) {
  if (!s.empty() && (s[0] == '-' || s[0] == '+')) s.remove_prefix(1);
  const std::size_t whole = take_digits(s);
  std::size_t fraction = 0;
  if (!s.empty() && s[0] == '.') {
    s.remove_prefix(1);
    fraction = take_digits(s);
  }
  if (whole + fraction == 0) return false;
  if (s.empty()) return true;
  if (s[0] != 'e' && s[0] != 'E') return false;
  s.remove_prefix(1);
  if (!s.empty() && (s[0] == '-' || s[0] == '+')) s.remove_prefix(1);
  return take_digits(s) != 0 && s.empty();
}

std::optional<Value> real(std::string_view s) {
  if (s[0] == '+') s.remove_prefix(1);
  double d = 0;
  if (std::from_chars(s.data(), s.data() + s.size(), d).ec == std::errc()) return Value(d);
  // Out of range: too small is zero, too large is refused. The wider type tells them apart.
  long double wide = 0;
  if (std::from_chars(s.data(), s.data() + s.size(), wide).ec == std::errc() && std::fabs(wide) < 1)
    return Value(static_cast<double>(wide));
  return std::nullopt;
}

/// Integers that do not fit become reals.
std::optional<Value> integer(std::string_view digits, int base, bool negative) {
  std::uint64_t n = 0;
  const bool fits = std::from_chars(digits.data(), digits.data() + digits.size(), n, base).ec == std::errc();
  if (fits && n <= static_cast<std::uint64_t>(INT64_MAX))
    return Value(negative ? -static_cast<std::int64_t>(n) : static_cast<std::int64_t>(n));
  if (fits && negative && n == static_cast<std::uint64_t>(INT64_MAX) + 1) return Value(INT64_MIN);
  if (base == 10) return real((negative ? "-" : "") + std::string(digits));
  double d = 0;
  for (char c : digits) d = d * base + (is_digit(c) ? c - '0' : (c | 0x20) - 'a' + 10);
  if (!std::isfinite(d)) return std::nullopt;
  return Value(d);
}

std::optional<Value> number_or_string(std::string_view text) {
  std::string_view s = text;
  const bool negative = s[0] == '-';
  if (negative || s[0] == '+') s.remove_prefix(1);
  std::string_view rest = s;
  take_digits(rest);
  if (rest.empty() && !s.empty()) {
    if (s.size() > 1 && s[0] == '0') return Value(std::string(text));
    return integer(s, 10, negative);
  }
  if (text.size() > 2 && text[0] == '0' && (text[1] == 'o' || text[1] == 'x')) {
    const std::string_view digits = text.substr(2);
    if (digits.find_first_not_of(text[1] == 'o' ? "01234567" : "0123456789abcdefABCDEF") == std::string_view::npos)
      return integer(digits, text[1] == 'o' ? 8 : 16, false);
  }
  if (s == ".inf" || s == ".Inf" || s == ".INF" || text == ".nan" || text == ".NaN" || text == ".NAN") return std::nullopt;
  if (is_float(text)) return real(text);
  return Value(std::string(text));
}

}  // namespace

bool is_yaml_null(std::string_view text) { return text.empty() || text == "~" || text == "null" || text == "Null" || text == "NULL"; }

std::optional<Value> resolve_plain_scalar(std::string_view text) {
  if (text.empty()) return Value();
  switch (text[0]) {
    case '~':
    case 'n':
    case 'N':
      if (is_yaml_null(text)) return Value();
      break;
    case 't':
    case 'T':
      if (text == "true" || text == "True" || text == "TRUE") return Value(true);
      break;
    case 'f':
    case 'F':
      if (text == "false" || text == "False" || text == "FALSE") return Value(false);
      break;
    case '+':
    case '-':
    case '.':
      return number_or_string(text);
    default:
      if (is_digit(text[0])) return number_or_string(text);
  }
  return Value(std::string(text));
}

}  // namespace tenon::host
