// Host names of RFC 1123, and what RFC 5891 and 5892 demand of internationalized labels in their ASCII form (A-labels, "xn--").
// The bidirectional rule of RFC 5893 is not checked: it is for registries.
#include <re2/re2.h>

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>

#include "base/text.hpp"
#include "schema_formats.hpp"

namespace tenon::host::json_schema {
namespace {

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

// Punycode, RFC 3492.
constexpr std::uint32_t base = 36, t_min = 1, t_max = 26, skew = 38, damp = 700, initial_bias = 72, initial_n = 128;

std::uint32_t adapt(std::uint32_t delta, std::uint32_t points, bool first) {
  delta = first ? delta / damp : delta / 2;
  delta += delta / points;
  std::uint32_t k = 0;
  for (; delta > ((base - t_min) * t_max) / 2; k += base) delta /= base - t_min;
  return k + (base - t_min + 1) * delta / (delta + skew);
}

std::uint32_t threshold(std::uint32_t k, std::uint32_t bias) { return k <= bias ? t_min : std::min(t_max, k - bias); }

/// `text` is at most 59 ASCII letters, digits and hyphens, so nothing below overflows 64 bits.
std::optional<std::u32string> decode_punycode(std::string_view text) {
  std::u32string out;
  std::size_t at = 0;
  if (const std::size_t hyphen = text.rfind('-'); hyphen != std::string_view::npos) {
    for (char c : text.substr(0, hyphen)) out += static_cast<char32_t>(lower(c));
    at = hyphen + 1;
  }
  std::uint64_t n = initial_n, i = 0;
  std::uint32_t bias = initial_bias;
  while (at < text.size()) {
    const std::uint64_t before = i;
    std::uint64_t weight = 1;
    for (std::uint32_t k = base;; k += base) {
      if (at == text.size()) return std::nullopt;
      const char c = lower(text[at++]);
      const std::uint32_t digit = c >= 'a' && c <= 'z'   ? static_cast<std::uint32_t>(c - 'a')
                                  : c >= '0' && c <= '9' ? static_cast<std::uint32_t>(c - '0' + 26)
                                                         : base;
      if (digit == base) return std::nullopt;
      i += digit * weight;
      if (i > UINT32_MAX) return std::nullopt;
      const std::uint32_t t = threshold(k, bias);
      if (digit < t) break;
      weight *= base - t;
      if (weight > UINT32_MAX) return std::nullopt;
    }
    const auto points = static_cast<std::uint32_t>(out.size() + 1);
    bias = adapt(static_cast<std::uint32_t>(i - before), points, before == 0);
    n += i / points;
    i %= points;
    if (n > 0x10FFFF || (n >= 0xD800 && n < 0xE000)) return std::nullopt;
    out.insert(out.begin() + static_cast<std::ptrdiff_t>(i), static_cast<char32_t>(n));
    ++i;
  }
  return out;
}

/// What decode_punycode reads, in lower case.
std::string encode_punycode(const std::u32string& text) {
  std::string out;
  for (char32_t c : text)
    if (c < 0x80) out += static_cast<char>(c);
  const auto basic = static_cast<std::uint32_t>(out.size());
  std::uint32_t handled = basic, bias = initial_bias;
  if (basic != 0) out += '-';
  std::uint64_t delta = 0;
  char32_t n = initial_n;
  while (handled < text.size()) {
    char32_t next = 0x110000;
    for (char32_t c : text)
      if (c >= n && c < next) next = c;
    delta += std::uint64_t{next - n} * (handled + 1);
    n = next;
    for (char32_t c : text) {
      if (c < n) ++delta;
      if (c != n) continue;
      std::uint64_t q = delta;
      for (std::uint32_t k = base;; k += base) {
        const std::uint32_t t = threshold(k, bias);
        const auto digit = static_cast<std::uint32_t>(q < t ? q : t + (q - t) % (base - t));
        out += static_cast<char>(digit < 26 ? 'a' + digit : '0' + (digit - 26));
        if (q < t) break;
        q = (q - t) / (base - t);
      }
      bias = adapt(static_cast<std::uint32_t>(delta), handled + 1, handled == basic);
      delta = 0;
      ++handled;
    }
    ++delta;
    ++n;
  }
  return out;
}

std::string to_utf8(char32_t c) {
  std::string out;
  if (c < 0x80) {
    out += static_cast<char>(c);
  } else if (c < 0x800) {
    out += static_cast<char>(0xC0 | (c >> 6));
    out += static_cast<char>(0x80 | (c & 0x3F));
  } else if (c < 0x10000) {
    out += static_cast<char>(0xE0 | (c >> 12));
    out += static_cast<char>(0x80 | ((c >> 6) & 0x3F));
    out += static_cast<char>(0x80 | (c & 0x3F));
  } else {
    out += static_cast<char>(0xF0 | (c >> 18));
    out += static_cast<char>(0x80 | ((c >> 12) & 0x3F));
    out += static_cast<char>(0x80 | ((c >> 6) & 0x3F));
    out += static_cast<char>(0x80 | (c & 0x3F));
  }
  return out;
}

bool is_in(char32_t c, const re2::RE2& set) { return re2::RE2::FullMatch(to_utf8(c), set); }

bool is_mark(char32_t c) {
  static const re2::RE2 set(R"(\p{M})");
  return is_in(c, set);
}
bool is_greek(char32_t c) {
  static const re2::RE2 set(R"(\p{Greek})");
  return is_in(c, set);
}
bool is_hebrew(char32_t c) {
  static const re2::RE2 set(R"(\p{Hebrew})");
  return is_in(c, set);
}
bool is_japanese(char32_t c) {
  static const re2::RE2 set(R"([\p{Hiragana}\p{Katakana}\p{Han}])");
  return is_in(c, set);
}
/// Letters, digits and marks that case folding leaves alone: RFC 5892 2.1 and 2.2, near enough without normalization tables.
bool is_letter_or_digit(char32_t c) {
  static const re2::RE2 set(R"([\p{Ll}\p{Lo}\p{Lm}\p{Mn}\p{Mc}\p{Nd}])");
  return is_in(c, set);
}
/// Canonical combining class 9.
bool is_virama(char32_t c) {
  constexpr char32_t viramas[] = {0x94D,   0x9CD,   0xA4D,   0xACD,   0xB4D,   0xBCD,   0xC4D,   0xCCD,   0xD3B,   0xD3C,   0xD4D,
                                  0xDCA,   0xE3A,   0xEBA,   0xF84,   0x1039,  0x103A,  0x1714,  0x1715,  0x1734,  0x17D2,  0x1A60,
                                  0x1B44,  0x1BAA,  0x1BAB,  0x1BF2,  0x1BF3,  0x2D7F,  0xA806,  0xA82C,  0xA8C4,  0xA953,  0xA9C0,
                                  0xAAF6,  0xABED,  0x10A3F, 0x11046, 0x11070, 0x1107F, 0x110B9, 0x11133, 0x11134, 0x111C0, 0x11235,
                                  0x112EA, 0x1134D, 0x11442, 0x114C2, 0x115BF, 0x1163F, 0x116B6, 0x1172B, 0x11839, 0x1193D, 0x1193E,
                                  0x119E0, 0x11A34, 0x11A47, 0x11A99, 0x11C3F, 0x11D44, 0x11D45, 0x11D97};
  return std::binary_search(std::begin(viramas), std::end(viramas), c);
}
bool is_arabic_indic(char32_t c) { return c >= 0x660 && c <= 0x669; }
bool is_extended_arabic_indic(char32_t c) { return c >= 0x6F0 && c <= 0x6F9; }

/// RFC 5892 section 2.6 (exceptions) and appendix A (contextual rules), else letters and digits.
bool is_allowed_at(const std::u32string& label, std::size_t i) {
  const char32_t c = label[i];
  const char32_t before = i > 0 ? label[i - 1] : 0, after = i + 1 < label.size() ? label[i + 1] : 0;
  switch (c) {
    case 0xDF:
    case 0x3C2:
    case 0x6FD:
    case 0x6FE:
    case 0xF0B:
    case 0x3007:
      return true;
    case 0x640:
    case 0x7FA:
    case 0x302E:
    case 0x302F:
    case 0x3031:
    case 0x3032:
    case 0x3033:
    case 0x3034:
    case 0x3035:
    case 0x303B:
      return false;
    case 0x200C: {  // zero width non-joiner: after a virama, or between letters that join in Arabic script
      static const re2::RE2 joining(R"([\p{Arabic}\p{Syriac}\p{Mongolian}\p{Nko}\p{Mandaic}])");
      return i > 0 && (is_virama(before) || (after != 0 && is_in(before, joining) && is_in(after, joining)));
    }
    case 0x200D:  // zero width joiner
      return i > 0 && is_virama(before);
    case 0xB7:  // middle dot
      return before == U'l' && after == U'l';
    case 0x375:  // Greek keraia
      return after != 0 && is_greek(after);
    case 0x5F3:  // Hebrew geresh, gershayim
    case 0x5F4:
      return i > 0 && is_hebrew(before);
    case 0x30FB:  // Katakana middle dot
      return std::any_of(label.begin(), label.end(), [](char32_t other) { return other != 0x30FB && is_japanese(other); });
    default:
      break;
  }
  if (is_arabic_indic(c)) return std::none_of(label.begin(), label.end(), is_extended_arabic_indic);
  if (is_extended_arabic_indic(c)) return std::none_of(label.begin(), label.end(), is_arabic_indic);
  if (c < 0x80) return c == U'-' || (c >= U'0' && c <= U'9') || (c >= U'a' && c <= U'z');
  return is_letter_or_digit(c);
}

/// `text`: what follows "xn--".
bool is_a_label(std::string_view text) {
  const auto label = decode_punycode(text);
  if (!label || label->empty()) return false;
  if (std::all_of(label->begin(), label->end(), [](char32_t c) { return c < 0x80; })) return false;
  std::string lowered(text);
  std::transform(lowered.begin(), lowered.end(), lowered.begin(), lower);
  if (encode_punycode(*label) != lowered) return false;
  if (label->front() == U'-' || label->back() == U'-' || (label->size() >= 4 && (*label)[2] == U'-' && (*label)[3] == U'-')) return false;
  if (is_mark(label->front())) return false;
  for (std::size_t i = 0; i < label->size(); ++i)
    if (!is_allowed_at(*label, i)) return false;
  return true;
}

bool is_label(std::string_view label) {
  if (label.empty() || label.size() > 63 || label.front() == '-' || label.back() == '-') return false;
  for (char c : label)
    if (lower(c) != '-' && !(lower(c) >= 'a' && lower(c) <= 'z') && !(c >= '0' && c <= '9')) return false;
  if (label.size() > 4 && lower(label[0]) == 'x' && lower(label[1]) == 'n' && label.substr(2, 2) == "--")
    return is_a_label(label.substr(4));
  return true;
}

}  // namespace

bool is_hostname(std::string_view text) {
  if (text.empty() || text.size() > 253) return false;
  for (std::string_view label : split(text, '.'))
    if (!is_label(label)) return false;
  // RFC 1123: a host name never has the form of an address, #.#.#.#, as the last label is alphabetic.
  const auto labels = split(text, '.');
  const auto digits_only = [](std::string_view label) { return label.find_first_not_of("0123456789") == std::string_view::npos; };
  return labels.size() != 4 || !std::all_of(labels.begin(), labels.end(), digits_only);
}

}  // namespace tenon::host::json_schema
