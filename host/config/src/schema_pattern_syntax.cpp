// ECMA-262 regular expressions -> RE2's syntax.
#include <algorithm>
#include <charconv>
#include <optional>

#include "base/text.hpp"
#include "schema_pattern.hpp"
#include "schema_pattern_classes.hpp"

namespace tenon::host::json_schema {
namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

/// One element of a pattern or class: a character, or a piece of class syntax that stands for a set of them.
struct Atom {
  std::optional<char32_t> character;
  std::string set;         // what goes between [ and ]
  bool assertion = false;  // \b \B: `set` is used as it is
};

class Translator {
 public:
  explicit Translator(std::string_view in) : in_(in) {}

  Result<std::string> run() {
    while (error_.empty() && at_ < in_.size()) element();
    if (!error_.empty()) {
      Error e;
      e.code = Code::invalid_argument;
      e.message = error_;
      e.exit = ExitCode::config;
      return e;
    }
    return std::move(out_);
  }

 private:
  void fail(std::string message) {
    if (error_.empty()) error_ = std::move(message);
    at_ = in_.size();
  }
  [[nodiscard]] char peek(std::size_t ahead = 0) const { return at_ + ahead < in_.size() ? in_[at_ + ahead] : '\0'; }
  [[nodiscard]] bool has(std::string_view next) const { return in_.substr(at_, next.size()) == next; }

  static void append_character(std::string& out, char32_t c) {
    if (c < 0x80 && (is_letter(static_cast<char>(c)) || is_digit(static_cast<char>(c)))) {
      out += static_cast<char>(c);
      return;
    }
    char buffer[8];
    const auto end = std::to_chars(buffer, buffer + sizeof buffer, static_cast<std::uint32_t>(c), 16).ptr;
    out += "\\x{";
    out.append(buffer, end);
    out += '}';
  }

  void element() {
    switch (peek()) {
      case '\\': {
        const Atom atom = escape(false);
        if (!error_.empty()) return;
        if (atom.character)
          append_character(out_, *atom.character);
        else if (atom.assertion)
          out_ += atom.set;
        else
          out_ += "[" + atom.set + "]";
        return;
      }
      case '.':
        out_ += R"([^\n\r\x{2028}\x{2029}])";
        ++at_;
        return;
      case '[':
        character_class();
        return;
      case '(':
        group();
        return;
      case '{':
        braces();
        return;
      case '$':
        out_ += "\\z";
        ++at_;
        return;
      case '^':
        out_ += "\\A";
        ++at_;
        return;
      case '|':
      case ')':
      case '*':
      case '+':
      case '?':
        out_ += in_[at_++];
        return;
      default:
        append_character(out_, next_character());
    }
  }

  void group() {
    ++at_;
    if (peek() != '?') {
      out_ += "(?:";
      return;
    }
    if (has("?:")) {
      at_ += 2;
      out_ += "(?:";
    } else if (has("?=") || has("?!")) {
      fail("look-ahead `(" + std::string(in_.substr(at_, 2)) + "` is not supported");
    } else if (has("?<=") || has("?<!")) {
      fail("look-behind `(" + std::string(in_.substr(at_, 3)) + "` is not supported");
    } else if (has("?<")) {
      const std::size_t close = in_.find('>', at_);
      if (close == std::string_view::npos || close == at_ + 2) return fail("the group name after `(?<` is missing or not closed by `>`");
      at_ = close + 1;
      out_ += "(?:";
    } else if (has("?i:") || has("?-i:")) {
      const std::size_t colon = in_.find(':', at_);
      out_ += "(" + std::string(in_.substr(at_, colon + 1 - at_));
      at_ = colon + 1;
    } else if (has("?P<")) {
      fail("`(?P<` is not ECMA-262; a named group is written `(?<name>...)`");
    } else {
      fail("`(" + printable(in_.substr(at_, 2)) + "` is not ECMA-262; for either case write `(?i:...)`");
    }
  }

  void braces() {
    // {n} {n,} {n,m} are quantifiers; any other brace is itself.
    std::size_t i = at_ + 1;
    std::size_t numbers[2] = {0, 0};
    auto number = [&](std::size_t& n) {
      const std::size_t first = i;
      for (; i < in_.size() && is_digit(in_[i]); ++i) n = std::min<std::size_t>(n * 10 + static_cast<std::size_t>(in_[i] - '0'), 1'000'000);
      return i > first;
    };
    bool quantifier = number(numbers[0]);
    if (quantifier && i < in_.size() && in_[i] == ',') {
      ++i;
      number(numbers[1]);
    }
    quantifier = quantifier && i < in_.size() && in_[i] == '}';
    if (!quantifier) {
      append_character(out_, U'{');
      ++at_;
      return;
    }
    if (std::max(numbers[0], numbers[1]) > 1000)
      return fail("`" + printable(in_.substr(at_, i + 1 - at_)) + "` repeats more than 1000 times");
    out_ += in_.substr(at_, i + 1 - at_);
    at_ = i + 1;
  }

  void character_class() {
    ++at_;
    std::string set;
    const bool negated = peek() == '^';
    if (negated) ++at_;
    for (;;) {
      if (at_ >= in_.size()) return fail("a `[` is not closed");
      if (peek() == ']') break;
      const Atom low = class_atom();
      if (!error_.empty()) return;
      const bool range = peek() == '-' && at_ + 1 < in_.size() && peek(1) != ']';
      if (!range) {
        append_atom(set, low);
        continue;
      }
      ++at_;
      const Atom high = class_atom();
      if (!error_.empty()) return;
      if (low.character && high.character) {
        if (*low.character > *high.character) return fail("a range in `[...]` is out of order");
        append_character(set, *low.character);
        set += '-';
        append_character(set, *high.character);
      } else {
        append_atom(set, low);
        append_character(set, U'-');
        append_atom(set, high);
      }
    }
    ++at_;
    // RE2 has neither the empty class nor the full one.
    if (set.empty())
      out_ += negated ? R"([\x{0}-\x{10ffff}])" : R"([^\x{0}-\x{10ffff}])";
    else
      out_ += (negated ? "[^" : "[") + set + "]";
  }

  static void append_atom(std::string& set, const Atom& atom) {
    if (atom.character)
      append_character(set, *atom.character);
    else
      set += atom.set;
  }

  Atom class_atom() {
    if (peek() == '\\') return escape(true);
    return {next_character(), {}, false};
  }

  /// Decodes one character of well-formed UTF-8.
  char32_t next_character() {
    const auto lead = static_cast<unsigned char>(in_[at_]);
    const std::size_t length = lead < 0x80 ? 1 : lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
    char32_t c = lead < 0x80 ? lead : lead & (0xFFu >> (length + 1));
    for (std::size_t i = 1; i < length; ++i) c = (c << 6) | (static_cast<unsigned char>(peek(i)) & 0x3Fu);
    at_ += length;
    return c;
  }

  Atom escape(bool in_class) {
    ++at_;
    if (at_ >= in_.size()) {
      fail("it ends in a lone backslash");
      return {};
    }
    const char c = in_[at_];
    if (static_cast<unsigned char>(c) >= 0x80) return {next_character(), {}, false};
    ++at_;
    switch (c) {
      case 'd':
      case 'D':
      case 'w':
      case 'W':
      case 's':
      case 'S':
        return {{}, std::string(class_escape(c)), false};
      case 'p':
      case 'P':
        return property(c);
      case 'b':
        if (in_class) return {U'\b', {}, false};
        return {{}, "\\b", true};
      case 'B':
        if (!in_class) return {{}, "\\B", true};
        break;
      case 't':
        return {U'\t', {}, false};
      case 'n':
        return {U'\n', {}, false};
      case 'v':
        return {U'\v', {}, false};
      case 'f':
        return {U'\f', {}, false};
      case 'r':
        return {U'\r', {}, false};
      case '0':
        if (!is_digit(peek())) return {U'\0', {}, false};
        break;
      case 'c':
        if (is_letter(peek())) return {static_cast<char32_t>(in_[at_++] & 31), {}, false};
        break;
      case 'x':
        return hexadecimal(2);
      case 'u':
        return unicode();
      case 'k':
        if (in_class) break;
        fail("the back-reference `\\k` is not supported");
        return {};
      default:
        if (c >= '1' && c <= '9' && !in_class) {
          fail(std::string("the back-reference `\\") + c + "` is not supported");
          return {};
        }
        if (!is_letter(c) && !is_digit(c)) return {static_cast<char32_t>(static_cast<unsigned char>(c)), {}, false};
    }
    std::string message = "the escape `\\" + printable(std::string_view(&c, 1)) + "` is not ECMA-262";
    if (c == 'A') message += "; the beginning is `^`";
    if (c == 'z' || c == 'Z') message += "; the end is `$`";
    fail(std::move(message));
    return {};
  }

  std::optional<char32_t> digits(std::size_t count) {
    char32_t value = 0;
    for (std::size_t i = 0; i < count; ++i) {
      const int digit = hex_digit(peek(i));
      if (digit < 0) return std::nullopt;
      value = value * 16 + static_cast<char32_t>(digit);
    }
    at_ += count;
    return value;
  }

  Atom hexadecimal(std::size_t count) {
    if (const auto value = digits(count)) return {*value, {}, false};
    fail("`\\x` needs two hexadecimal digits");
    return {};
  }

  Atom unicode() {
    std::optional<char32_t> value;
    if (peek() == '{') {
      ++at_;
      char32_t v = 0;
      std::size_t count = 0;
      for (; hex_digit(peek()) >= 0 && v <= 0x10FFFF; ++at_, ++count) v = v * 16 + static_cast<char32_t>(hex_digit(peek()));
      if (count != 0 && peek() == '}' && v <= 0x10FFFF) {
        ++at_;
        value = v;
      }
    } else {
      value = digits(4);
      if (value && *value >= 0xD800 && *value < 0xDC00 && has("\\u")) {
        at_ += 2;
        const auto low = digits(4);
        if (low && *low >= 0xDC00 && *low < 0xE000) value = 0x10000 + ((*value - 0xD800) << 10) + (*low - 0xDC00);
      }
    }
    if (!value) {
      fail("`\\u` needs four hexadecimal digits, or a code point in braces");
      return {};
    }
    if (*value >= 0xD800 && *value < 0xE000) {
      fail("`\\u` names half of a surrogate pair, which no text contains");
      return {};
    }
    return {*value, {}, false};
  }

  Atom property(char letter) {
    const std::size_t close = in_.find('}', at_);
    if (peek() != '{' || close == std::string_view::npos) {
      fail(std::string("`\\") + letter + "` needs a property in braces, such as `\\p{Letter}`");
      return {};
    }
    const std::string_view written = in_.substr(at_ + 1, close - at_ - 1);
    at_ = close + 1;
    if (auto set = property_set(letter, written)) return {{}, std::move(*set), false};
    fail("the property `\\" + std::string(1, letter) + "{" + printable(written, 60) + "}` is not known");
    return {};
  }

  std::string_view in_;
  std::size_t at_ = 0;
  std::string out_;
  std::string error_;
};

}  // namespace

Result<std::string> ecma_to_re2(std::string_view ecma) {
  if (invalid_utf8_at(ecma) != std::string_view::npos) {
    Error e;
    e.code = Code::invalid_argument;
    e.message = "it is not valid UTF-8";
    e.exit = ExitCode::config;
    return e;
  }
  return Translator(ecma).run();
}

}  // namespace tenon::host::json_schema
