#include "log_escape.hpp"

#include <array>
#include <cstdint>
#include <utility>

#include "base/text.hpp"

namespace tenon::host {
namespace {

// ---- one special character -------------------------------------------------------------------------------------------------------------

constexpr std::size_t longest_escape = 8;  // \u{2028}
constexpr std::string_view hex_digits = "0123456789abcdef";

char* put_hex(char* p, std::string_view prefix, std::uint32_t value, unsigned digits) {
  p = put(p, prefix);
  for (unsigned i = digits; i-- > 0;) p = put(p, hex_digits[value >> (4 * i) & 15U]);
  return p;
}

bool is_hidden(std::uint32_t c) {
  return (c >= 0x80 && c < 0xA0) || c == 0x061C || c == 0x200E || c == 0x200F || (c >= 0x2028 && c <= 0x202E) ||
         (c >= 0x2066 && c <= 0x2069) || c == 0xFEFF;
}

// The code point that starts at text[0], which is above 0x7F, and its length; length 0 if it is not well-formed.
std::pair<std::uint32_t, std::size_t> code_point(std::string_view text) {
  const auto byte = [text](std::size_t i) { return static_cast<std::uint32_t>(static_cast<unsigned char>(text[i])); };
  const std::size_t length = byte(0) >= 0xF0 ? 4 : byte(0) >= 0xE0 ? 3 : 2;
  if (text.size() < length || invalid_utf8_at(text.substr(0, length)) != std::string_view::npos) return {0, 0};
  std::uint32_t c = byte(0) & (0xFFU >> (length + 1));
  for (std::size_t i = 1; i < length; ++i) c = c << 6U | (byte(i) & 0x3FU);
  return {c, length};
}

template <Escape how>
char* put_ascii_escape(char* p, char c) {
  switch (c) {
    case '\n':
      return put(p, "\\n");
    case '\r':
      return put(p, "\\r");
    case '\t':
      return put(p, "\\t");
    case '"':
      return put(p, "\\\"");
    case '\\':
      return put(p, "\\\\");
    default:
      break;
  }
  return how == Escape::json ? put_hex(p, "\\u", static_cast<unsigned char>(c), 4) : put_hex(p, "\\x", static_cast<unsigned char>(c), 2);
}

// Appends the special character at text[0] and takes it off. False if it is not well-formed.
template <Escape how>
bool put_special(char*& p, std::string_view& text) {
  if (static_cast<unsigned char>(text[0]) < 0x80) {
    p = put_ascii_escape<how>(p, text[0]);
    text.remove_prefix(1);
    return true;
  }
  const auto [c, length] = code_point(text);
  if (length == 0) return false;
  if (!is_hidden(c))
    p = put(p, text.substr(0, length));
  else if (how == Escape::json)
    p = put_hex(p, "\\u", c, 4);  // all hidden ones are below U+10000
  else if (c < 0x100)
    p = put_hex(p, "\\x", c, 2);
  else
    p = put(put_hex(p, "\\u{", c, 4), '}');
  text.remove_prefix(length);
  return true;
}

constexpr std::array<bool, 256> make_bare_table() {
  std::array<bool, 256> bare{};
  for (std::size_t c = 0x21; c < 0x7F; ++c) bare[c] = c != '"' && c != '=' && c != '\\';
  return bare;
}
constexpr std::array<bool, 256> bare_table = make_bare_table();

}  // namespace

template <Escape how>
char* append_special(LineBuffer& line, char* p, std::string_view text) {
  while (!text.empty()) {
    // Special characters come in runs: text in another script, control characters.
    while (!text.empty() && is_special<how>(static_cast<unsigned char>(text[0]))) {
      p = line.ensure(p, text.size() + longest_escape + escape_slack);
      if (!put_special<how>(p, text)) return nullptr;
    }
    p = line.ensure(p, text.size() + escape_slack);
    const std::size_t n = copy_plain<how>(p, text);
    p += n;
    text.remove_prefix(n);
  }
  return p;
}
template char* append_special<Escape::json>(LineBuffer& line, char* p, std::string_view text);
template char* append_special<Escape::quoted>(LineBuffer& line, char* p, std::string_view text);
template char* append_special<Escape::bare>(LineBuffer& line, char* p, std::string_view text);

bool needs_quotes(std::string_view text) {
  for (char c : text)
    if (!bare_table[static_cast<unsigned char>(c)]) return true;
  return text.empty();
}

std::size_t ascii_prefix(std::string_view text) {
  std::size_t n = 0;
  while (n + 8 <= text.size() && (load<std::uint64_t>(text.data() + n) & high_bits) == 0) n += 8;
  while (n < text.size() && static_cast<unsigned char>(text[n]) < 0x80) ++n;
  return n;
}

}  // namespace tenon::host
