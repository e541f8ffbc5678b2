// Config for tests: the values a module finds in `modules.<name>.config`.
#ifndef TENON_TESTING_CONFIG_HPP
#define TENON_TESTING_CONFIG_HPP

#include <charconv>
#include <cmath>
#include <initializer_list>
#include <numeric>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "tenon/cpp/config.hpp"

namespace tenon {
inline namespace v1 {
namespace testing {

/// A JSON-like value. Durations and sizes are text in a configuration; chrono durations and tenon::Size are accepted and written as such.
class Value {
 public:
  enum class Kind { null, boolean, integer, real, text, list, map };
  using Member = std::pair<std::string, Value>;

  Value() = default;
  Value(std::nullptr_t) {}
  template <class T, std::enable_if_t<std::is_arithmetic_v<T>, int> = 0>
  Value(T v) {
    if constexpr (std::is_same_v<T, bool>) {
      kind_ = Kind::boolean;
      integer_ = v ? 1 : 0;
    } else if constexpr (std::is_integral_v<T>) {
      kind_ = Kind::integer;
      integer_ = static_cast<std::int64_t>(v);
    } else {
      kind_ = Kind::real;
      real_ = static_cast<double>(v);
    }
  }
  Value(const char* v) : kind_(Kind::text), text_(v) {}
  Value(std::string v) : kind_(Kind::text), text_(std::move(v)) {}
  Value(std::string_view v) : kind_(Kind::text), text_(v) {}
  template <class Rep, class Period>
  Value(std::chrono::duration<Rep, Period> v)
      : kind_(Kind::text), text_(std::to_string(std::chrono::duration_cast<std::chrono::nanoseconds>(v).count()) + "ns") {}
  Value(Size v) : kind_(Kind::text), text_(std::to_string(v.bytes) + "B") {}
  static Value list(std::vector<Value> items = {}) {
    Value v;
    v.kind_ = Kind::list;
    v.items_ = std::move(items);
    return v;
  }

  [[nodiscard]] Kind kind() const { return kind_; }
  [[nodiscard]] std::int64_t integer() const { return integer_; }  ///< also 0 or 1 of a boolean
  [[nodiscard]] double real() const { return kind_ == Kind::integer ? static_cast<double>(integer_) : real_; }
  [[nodiscard]] const std::string& text() const { return text_; }
  [[nodiscard]] const std::vector<Value>& items() const { return items_; }
  [[nodiscard]] const std::vector<Member>& members() const { return members_; }
  [[nodiscard]] std::string_view kind_name() const {
    constexpr std::string_view names[] = {"null", "boolean", "integer", "number", "string", "list", "map"};
    return names[static_cast<int>(kind_)];
  }

  /// The value at a dotted path; nullptr if there is none.
  [[nodiscard]] const Value* at(std::string_view path) const {
    const Value* v = this;
    while (!path.empty() && v != nullptr) {
      const auto dot = path.find('.');
      v = v->child(path.substr(0, dot));
      path = dot == std::string_view::npos ? std::string_view() : path.substr(dot + 1);
    }
    return v;
  }
  /// Sets the value at a dotted path, making maps on the way.
  void set(std::string_view path, Value value) {
    if (path.empty()) {
      *this = std::move(value);
      return;
    }
    const auto dot = path.find('.');
    Value* next = const_cast<Value*>(child(path.substr(0, dot)));
    if (next == nullptr) {
      if (kind_ != Kind::map) *this = Value::map({});
      next = &members_.emplace_back(std::string(path.substr(0, dot)), Value()).second;
    }
    next->set(dot == std::string_view::npos ? std::string_view() : path.substr(dot + 1), std::move(value));
  }
  /// Lays a value over this one, as the host lays a configuration over the manifest's `defaults`: maps member by member, anything else as a whole.
  void merge(const Value& over) {
    if (kind_ != Kind::map || over.kind_ != Kind::map) {
      *this = over;
      return;
    }
    for (const Member& m : over.members_) {
      if (Value* mine = const_cast<Value*>(child(m.first)); mine != nullptr)
        mine->merge(m.second);
      else
        members_.push_back(m);
    }
  }
  [[nodiscard]] std::string json() const;

  friend bool operator==(const Value& a, const Value& b) { return a.json() == b.json(); }
  friend bool operator!=(const Value& a, const Value& b) { return !(a == b); }

 protected:
  static Value map(std::vector<Member> members) {
    Value v;
    v.kind_ = Kind::map;
    v.members_ = std::move(members);
    return v;
  }

 private:
  friend class JsonReader;
  [[nodiscard]] const Value* child(std::string_view key) const {
    for (const Member& m : members_)
      if (m.first == key) return &m.second;
    std::size_t index = 0;
    const auto [end, error] = std::from_chars(key.data(), key.data() + key.size(), index);
    const bool is_index = error == std::errc() && end == key.data() + key.size();
    return kind_ == Kind::list && is_index && index < items_.size() ? &items_[index] : nullptr;
  }

  Kind kind_ = Kind::null;
  std::int64_t integer_ = 0;
  double real_ = 0;
  std::string text_;
  std::vector<Value> items_;
  std::vector<Member> members_;
};

/// Reads JSON text; throws std::invalid_argument saying at which byte it is wrong.
class JsonReader {
 public:
  explicit JsonReader(std::string_view text) : text_(text) {}
  Value document() {
    Value v = value(0);
    skip_space();
    if (at_ != text_.size()) bad("more text behind the value");
    return v;
  }

 private:
  [[noreturn]] void bad(const char* what) const { throw std::invalid_argument("JSON, byte " + std::to_string(at_) + ": " + what); }
  void skip_space() {
    while (at_ < text_.size() && std::string_view(" \t\r\n").find(text_[at_]) != std::string_view::npos) ++at_;
  }
  bool take(std::string_view word) {
    if (text_.substr(at_, word.size()) != word) return false;
    at_ += word.size();
    return true;
  }
  void expect(std::string_view word, const char* what) {
    skip_space();
    if (!take(word)) bad(what);
  }
  Value value(int depth) {
    if (depth > 64) bad("nested too deeply");
    skip_space();
    if (take("null")) return nullptr;
    if (take("true")) return true;
    if (take("false")) return false;
    if (at_ < text_.size() && text_[at_] == '"') return string();
    if (take("[")) return list(depth);
    if (take("{")) return map(depth);
    return number();
  }
  Value list(int depth) {
    std::vector<Value> items;
    for (skip_space(); !take("]"); skip_space()) {
      if (!items.empty()) expect(",", "expected `,` or `]`");
      items.push_back(value(depth + 1));
    }
    return Value::list(std::move(items));
  }
  Value map(int depth) {
    std::vector<Value::Member> members;
    for (skip_space(); !take("}"); skip_space()) {
      if (!members.empty()) expect(",", "expected `,` or `}`");
      skip_space();
      std::string key = string();
      expect(":", "expected `:` behind a key");
      members.emplace_back(std::move(key), value(depth + 1));
    }
    return Value::map(std::move(members));
  }
  std::string string() {
    if (!take("\"")) bad("expected a string");
    std::string out;
    while (at_ < text_.size() && text_[at_] != '"') {
      char c = text_[at_++];
      if (c == '\\') {
        if (at_ == text_.size()) break;
        c = text_[at_++];
        const auto simple = std::string_view("nrtbf").find(c);
        if (c == 'u') {
          append_escape(out);
          continue;
        }
        if (simple != std::string_view::npos) c = "\n\r\t\b\f"[simple];
      }
      out += c;
    }
    if (!take("\"")) bad("a string without its end");
    return out;
  }
  void append_escape(std::string& out) {
    unsigned code = 0;
    const auto digits = text_.substr(at_, 4);
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), code, 16);
    if (error != std::errc() || end != digits.data() + 4 || (code >= 0xD800 && code < 0xE000))
      bad("expected four hexadecimal digits, no surrogates");
    at_ += 4;
    if (code < 0x80) {
      out += static_cast<char>(code);
    } else if (code < 0x800) {
      out += static_cast<char>(0xC0 | (code >> 6U));
      out += static_cast<char>(0x80 | (code & 0x3FU));
    } else {
      out += static_cast<char>(0xE0 | (code >> 12U));
      out += static_cast<char>(0x80 | ((code >> 6U) & 0x3FU));
      out += static_cast<char>(0x80 | (code & 0x3FU));
    }
  }
  Value number() {
    const auto word = text_.substr(at_, text_.find_first_not_of("+-.0123456789eE", at_) - at_);
    std::int64_t integer = 0;
    auto result = std::from_chars(word.data(), word.data() + word.size(), integer);
    if (result.ec == std::errc() && result.ptr == word.data() + word.size() && !word.empty()) {
      at_ += word.size();
      return integer;
    }
    std::size_t used = 0;
    double real = 0;
    try {
      real = std::stod(std::string(word), &used);
    } catch (const std::exception&) {
      bad("expected a value");
    }
    if (used != word.size()) bad("expected a number");
    at_ += word.size();
    return real;
  }

  std::string_view text_;
  std::size_t at_ = 0;
};

/// `Config{{"page_size", 100}, {"interval", 50ms}, {"tls", Config{{"on", true}}}, {"peers", Value::list({"a", "b"})}}`
class Config : public Value {
 public:
  Config() : Value(map({})) {}
  Config(std::initializer_list<Member> members) : Value(map(members)) {}
  /// From JSON text: `Config::parse(R"({"page_size": 100})")`.
  static Config parse(std::string_view json_text) {
    Config c;
    static_cast<Value&>(c) = JsonReader(json_text).document();
    if (c.kind() != Kind::map) throw std::invalid_argument("a configuration is a map");
    return c;
  }
};

namespace detail {

inline void append_json_text(std::string& out, std::string_view text) {
  out += '"';
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      out.append(1, '\\').append(1, c);
    } else if (static_cast<unsigned char>(c) < 0x20) {
      char escape[8];
      std::snprintf(escape, sizeof escape, "\\u%04x", static_cast<unsigned>(c));
      out += escape;
    } else {
      out += c;
    }
  }
  out += '"';
}

struct Unit {
  std::string_view name;
  std::uint64_t factor;
};

/// "1h30m", "250ms", "1.5s": numbers with units as listed, each at most once; one only, unless it may be a sum. False if the daemon would refuse it, too:
/// it is none, no whole number of the smallest unit, or beyond `most`.
inline bool parse_quantity(std::string_view text, std::initializer_list<Unit> units, bool sum, std::uint64_t most, std::uint64_t& out) {
  out = 0;
  const Unit* unit = units.begin();
  do {
    std::uint64_t whole = 0, fraction = 0, scale = 1;
    const auto number = std::from_chars(text.data(), text.data() + text.size(), whole);
    if (number.ec != std::errc()) return false;
    text.remove_prefix(static_cast<std::size_t>(number.ptr - text.data()));
    if (!text.empty() && text[0] == '.') {
      const auto digits = text.substr(1, text.find_first_not_of("0123456789", 1) - 1);
      if (digits.empty() || digits.size() > 9) return false;
      for (const char c : digits) {
        fraction = fraction * 10 + static_cast<std::uint64_t>(c - '0');
        scale *= 10;
      }
      text.remove_prefix(1 + digits.size());
    }
    const auto name = text.substr(0, text.find_first_of("0123456789."));
    text.remove_prefix(name.size());
    while (unit != units.end() && unit->name != name) ++unit;
    if (unit == units.end()) return false;
    const std::uint64_t common = std::gcd(unit->factor, scale);
    if (fraction % (scale / common) != 0) return false;
    std::uint64_t part = 0;
    if (__builtin_mul_overflow(whole, unit->factor, &part) ||
        __builtin_add_overflow(part, fraction / (scale / common) * (unit->factor / common), &part) || part > most - out)
      return false;
    out += part;
    ++unit;
  } while (sum && !text.empty());
  return text.empty();
}

inline bool parse_duration(std::string_view text, std::int64_t& ns) {
  std::uint64_t value = 0;
  const std::initializer_list<Unit> units = {{"d", 86'400'000'000'000},
                                             {"h", 3'600'000'000'000},
                                             {"m", 60'000'000'000},
                                             {"s", 1'000'000'000},
                                             {"ms", 1'000'000},
                                             {"us", 1'000},
                                             {"ns", 1}};
  if (!parse_quantity(text, units, true, static_cast<std::uint64_t>(INT64_MAX), value)) return false;
  ns = static_cast<std::int64_t>(value);
  return true;
}

inline bool parse_size(std::string_view text, std::uint64_t& bytes) {
  const std::initializer_list<Unit> units = {{"TiB", std::uint64_t{1} << 40U},
                                             {"GiB", std::uint64_t{1} << 30U},
                                             {"MiB", 1U << 20U},
                                             {"KiB", 1U << 10U},
                                             {"TB", 1'000'000'000'000},
                                             {"GB", 1'000'000'000},
                                             {"MB", 1'000'000},
                                             {"kB", 1'000},
                                             {"B", 1}};
  return parse_quantity(text, units, false, UINT64_MAX, bytes);
}

}  // namespace detail

inline std::string Value::json() const {
  std::string out;
  switch (kind_) {
    case Kind::null:
      out = "null";
      break;
    case Kind::boolean:
      out = integer_ != 0 ? "true" : "false";
      break;
    case Kind::integer:
      out = std::to_string(integer_);
      break;
    case Kind::real: {
      char number[tenon::detail::number_size];
      if (std::isfinite(real_)) {
        out = tenon::detail::number_text(number, real_);
      } else {
        out = "null";
      }
      break;
    }
    case Kind::text:
      detail::append_json_text(out, text_);
      break;
    case Kind::list:
      for (const Value& v : items_) out.append(out.empty() ? "" : ",").append(v.json());
      out = "[" + out + "]";
      break;
    case Kind::map:
      for (const Member& m : members_) {
        if (!out.empty()) out += ',';
        detail::append_json_text(out, m.first);
        out.append(":").append(m.second.json());
      }
      out = "{" + out + "}";
      break;
  }
  return out;
}

}  // namespace testing
}  // namespace v1
}  // namespace tenon

#endif
