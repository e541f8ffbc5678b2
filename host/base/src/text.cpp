#include "base/text.hpp"

#include <algorithm>
#include <array>

namespace tenon::host {
namespace {

struct Decoded {
  std::uint32_t code_point;
  std::size_t length;  // 0 = invalid
};

// Well-formed sequences of Unicode 15 table 3-7 (= RFC 3629).
Decoded decode(std::string_view s) {
  const auto byte = [&s](std::size_t i) { return static_cast<std::uint32_t>(static_cast<unsigned char>(s[i])); };
  const std::uint32_t b0 = byte(0);
  if (b0 < 0x80) return {b0, 1};
  const auto tail = [&](std::size_t i, std::uint32_t low = 0x80, std::uint32_t high = 0xBF) {
    return i < s.size() && byte(i) >= low && byte(i) <= high;
  };
  if (b0 >= 0xC2 && b0 <= 0xDF) {
    if (tail(1)) return {(b0 & 0x1FU) << 6U | (byte(1) & 0x3FU), 2};
  } else if (b0 >= 0xE0 && b0 <= 0xEF) {
    if (tail(1, b0 == 0xE0 ? 0xA0 : 0x80, b0 == 0xED ? 0x9F : 0xBF) && tail(2))
      return {(b0 & 0x0FU) << 12U | (byte(1) & 0x3FU) << 6U | (byte(2) & 0x3FU), 3};
  } else if (b0 >= 0xF0 && b0 <= 0xF4) {
    if (tail(1, b0 == 0xF0 ? 0x90 : 0x80, b0 == 0xF4 ? 0x8F : 0xBF) && tail(2) && tail(3))
      return {(b0 & 0x07U) << 18U | (byte(1) & 0x3FU) << 12U | (byte(2) & 0x3FU) << 6U | (byte(3) & 0x3FU), 4};
  }
  return {0, 0};
}

// Would confuse a terminal, a log line or its reader: controls, line/paragraph separators, bidirectional overrides, BOM.
bool needs_escape(std::uint32_t c) {
  return c < 0x20 || (c >= 0x7F && c < 0xA0) || c == 0x2028 || c == 0x2029 || (c >= 0x200E && c <= 0x200F) ||
         (c >= 0x202A && c <= 0x202E) || (c >= 0x2066 && c <= 0x2069) || c == 0xFEFF;
}

constexpr std::string_view hex_digits = "0123456789abcdef";

void append_escape(std::string& out, std::uint32_t c) {
  if (c == '\n') {
    out += "\\n";
  } else if (c == '\t') {
    out += "\\t";
  } else if (c == '\r') {
    out += "\\r";
  } else if (c < 0x100) {
    out += "\\x";
    out += hex_digits[c >> 4U];
    out += hex_digits[c & 15U];
  } else {
    std::string digits;
    for (; c != 0; c >>= 4U) digits.insert(digits.begin(), hex_digits[c & 15U]);
    out += "\\u{" + digits + "}";
  }
}

constexpr bool is_word_character(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
}

constexpr auto word_characters = [] {
  std::array<bool, 256> out{};
  for (int c = 0; c < 256; ++c) out[static_cast<std::size_t>(c)] = is_word_character(static_cast<char>(c));
  return out;
}();

// Optimal string alignment distance, given up (limit + 1) once it must exceed `limit`.
std::size_t distance(std::string_view a, std::string_view b, std::size_t limit) {
  if (a.size() > b.size() + limit || b.size() > a.size() + limit) return limit + 1;
  std::vector<std::size_t> before_last(b.size() + 1), last(b.size() + 1), row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) last[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    row[0] = i;
    std::size_t best = row[0];
    for (std::size_t j = 1; j <= b.size(); ++j) {
      row[j] = std::min({last[j] + 1, row[j - 1] + 1, last[j - 1] + (a[i - 1] == b[j - 1] ? 0U : 1U)});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) row[j] = std::min(row[j], before_last[j - 2] + 1);
      best = std::min(best, row[j]);
    }
    if (best > limit) return limit + 1;
    before_last.swap(last);
    last.swap(row);
  }
  return last[b.size()];
}

}  // namespace

std::size_t invalid_utf8_at(std::string_view text) {
  std::size_t i = 0;
  while (i < text.size()) {
    if (static_cast<unsigned char>(text[i]) < 0x80) {
      ++i;
      continue;
    }
    const Decoded d = decode(text.substr(i));
    if (d.length == 0) return i;
    i += d.length;
  }
  return std::string_view::npos;
}

std::string printable(std::string_view text, std::size_t max) {
  std::string out;
  std::size_t i = 0;
  while (i < text.size()) {
    if (i >= max) return out + "…";
    const Decoded d = decode(text.substr(i));
    if (d.length == 0) {
      append_escape(out, static_cast<unsigned char>(text[i]));
      ++i;
    } else {
      if (i + d.length > max) return out + "…";
      if (needs_escape(d.code_point))
        append_escape(out, d.code_point);
      else
        out.append(text.substr(i, d.length));
      i += d.length;
    }
  }
  return out;
}

std::size_t utf8_length(std::string_view text) {
  return static_cast<std::size_t>(
      std::count_if(text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xC0U) != 0x80U; }));
}

std::optional<std::string_view> nearest(std::string_view name, std::span<const std::string_view> candidates) {
  if (name.size() > 128) return std::nullopt;  // the distance is quadratic, and such a name is no typing error
  const std::size_t limit = name.size() <= 4 ? 1 : name.size() <= 8 ? 2 : 3;
  std::size_t best = limit + 1;
  std::optional<std::string_view> out;
  for (std::string_view candidate : candidates) {
    const std::size_t d = distance(name, candidate, limit);
    if (d < best) {
      best = d;
      out = candidate;
    }
  }
  return out;
}

bool is_module_name(std::string_view name) {
  if (name.empty() || name.size() > 63 || name[0] < 'a' || name[0] > 'z') return false;
  char before = '_';
  for (char c : name) {
    const bool letter_or_digit = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
    if (!letter_or_digit && (c != '_' || before == '_')) return false;
    before = c;
  }
  return before != '_';
}

bool is_dotted_name(std::string_view name, bool pattern) {
  if (name.empty() || name.size() > 255) return false;
  // In one pass and without split: every event published goes through here.
  bool word = false;  // something stands before the next dot
  for (std::size_t i = 0; i < name.size(); ++i) {
    const char c = name[i];
    if (word_characters[static_cast<unsigned char>(c)]) {
      word = true;
    } else if (c == '.' && word) {
      word = false;
    } else if (pattern && !word && (c == '*' || c == '>')) {
      const bool last = i + 1 == name.size();
      if (!last && (c == '>' || name[i + 1] != '.')) return false;
      word = true;
    } else {
      return false;
    }
  }
  return word;
}

std::vector<std::string_view> split(std::string_view text, char sep) {
  std::vector<std::string_view> out;
  for (;;) {
    const std::size_t end = text.find(sep);
    out.push_back(text.substr(0, end));
    if (end == std::string_view::npos) return out;
    text.remove_prefix(end + 1);
  }
}

namespace {

bool is_plain_json(char c) { return c >= 0x20 && c < 0x7F && c != '"' && c != '\\'; }

}  // namespace

void append_json_string(std::string& out, std::string_view text) {
  out += '"';
  std::size_t i = 0;
  while (i < text.size()) {
    std::size_t plain = i;
    while (plain < text.size() && is_plain_json(text[plain])) ++plain;
    out.append(text, i, plain - i);
    i = plain;
    if (i == text.size()) break;
    const auto c = static_cast<unsigned char>(text[i]);
    if (c < 0x80) {
      ++i;
      switch (c) {
        case '"':
          out += "\\\"";
          break;
        case '\\':
          out += "\\\\";
          break;
        case '\n':
          out += "\\n";
          break;
        case '\r':
          out += "\\r";
          break;
        case '\t':
          out += "\\t";
          break;
        default:
          out += "\\u00";
          out += hex_digits[c >> 4U];
          out += hex_digits[c & 15U];
      }
      continue;
    }
    const Decoded d = decode(text.substr(i));
    if (d.length == 0) {
      out += "\xEF\xBF\xBD";
      ++i;
    } else {
      out.append(text.substr(i, d.length));
      i += d.length;
    }
  }
  out += '"';
}

}  // namespace tenon::host
