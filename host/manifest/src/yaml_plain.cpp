// Whatever is not certainly one of the plain texts is left to yaml-cpp: a doubt costs time, a wrong guess would cost a meaning.
#include "yaml_plain.hpp"

#include <string>
#include <utility>

#include "yaml_scalar.hpp"

namespace tenon::host {
namespace {

constexpr std::size_t max_key = 1000;  // yaml-cpp reads keys of up to 1024 bytes

bool is_key_start(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }
bool is_key_char(char c) { return is_key_start(c) || (c >= '0' && c <= '9') || c == '-' || c == '.'; }

/// What a plain scalar may not begin with, here more than YAML asks.
bool is_indicator(char c) { return std::string_view(",[]{}#&*!|>'\"%@`?:=").find(c) != std::string_view::npos; }

class PlainReader {
 public:
  PlainReader(YamlText& text, const YamlLimits& limits) : text_(text), bytes_(text.bytes()), limits_(limits) {}

  std::optional<Value> read() {
    try {
      to_content_from_line_start();
      if (column_ != 0) return std::nullopt;
      Value out = block_map(0, 1);
      if (column_ != none) return std::nullopt;
      return out;
    } catch (const NotPlain&) {
      return std::nullopt;
    }
  }

 private:
  struct NotPlain {};
  static constexpr std::size_t none = std::string_view::npos;

  [[nodiscard]] char at(std::size_t offset) const { return offset < bytes_.size() ? bytes_[offset] : '\n'; }
  static void require(bool holds) {
    if (!holds) throw NotPlain{};
  }
  void count() { require(++nodes_ <= limits_.max_nodes); }

  void skip_spaces() {
    while (at(pos_) == ' ') ++pos_;
  }
  /// At the end of a line's content: nothing but blanks and a comment follows.
  [[nodiscard]] bool at_line_end() const { return at(pos_) == '\n' || (at(pos_) == '#' && pos_ > 0 && bytes_[pos_ - 1] == ' '); }

  /// From behind a value to the first character of the next line with content; column_ is none at the end of the text.
  void to_next_content() {
    skip_spaces();
    require(at_line_end());
    end_line();
    to_content_from_line_start();
  }
  void end_line() { pos_ = std::min(bytes_.find('\n', pos_), bytes_.size()); }
  void to_content_from_line_start() {
    if (at(pos_) == '\n' && pos_ > 0 && pos_ < bytes_.size()) ++pos_;
    while (pos_ < bytes_.size()) {
      const std::size_t line = pos_;
      skip_spaces();
      if (at(pos_) != '\n' && at(pos_) != '#') {
        column_ = pos_ - line;
        return;
      }
      end_line();
      if (pos_ < bytes_.size()) ++pos_;
    }
    column_ = none;
  }

  Value placed(Value value, std::size_t begin, std::size_t length) {
    value.set_where(text_.where(begin, length));
    return value;
  }

  // ---- block ----

  [[nodiscard]] bool at_dash() const { return at(pos_) == '-' && (at(pos_ + 1) == ' ' || at(pos_ + 1) == '\n'); }

  /// Behind the plain key at pos_ if there is one, with its colon; else none.
  [[nodiscard]] std::size_t plain_key_end() const {
    if (!is_key_start(at(pos_))) return none;
    std::size_t end = pos_ + 1;
    while (is_key_char(at(end))) ++end;
    return at(end) == ':' && (at(end + 1) == ' ' || at(end + 1) == '\n') ? end : none;
  }

  /// Reads key and colon.
  std::string key(Where& where) {
    const std::size_t begin = pos_;
    std::string out;
    if (at(pos_) == '"' || at(pos_) == '\'') {
      out = quoted();
      require(at(pos_) == ':' && (at(pos_ + 1) == ' ' || at(pos_ + 1) == '\n'));
    } else {
      const std::size_t end = plain_key_end();
      require(end != none);
      out = bytes_.substr(begin, end - begin);
      pos_ = end;
      const std::optional<Value> resolved = resolve_plain_scalar(out);
      require(resolved && resolved->is_string());
    }
    require(pos_ - begin <= max_key);
    where = text_.where(begin, pos_ - begin);
    ++pos_;
    count();
    return out;
  }

  void add(ValueMap& map, std::string name, Value value, Where where) {
    const std::size_t before = map.size();
    map.set(std::move(name), std::move(value), std::move(where));
    require(map.size() != before);  // a duplicate
  }

  Value block_map(std::size_t column, std::size_t depth) {
    require(depth <= limits_.max_depth);
    count();
    ValueMap map;
    const Where first = text_.where(pos_, 1);
    do {
      Where where;
      std::string name = key(where);
      skip_spaces();
      Value value;
      if (!at_line_end()) {
        value = inline_value(depth);
      } else {
        to_next_content();
        if (column_ != none && column_ > column) {
          value = nested(depth + 1);
        } else if (column_ == column && at_dash()) {
          value = block_list(column, depth + 1);
        } else {
          count();
          value.set_where(where);
        }
      }
      add(map, std::move(name), std::move(value), std::move(where));
    } while (column_ == column);
    require(column_ == none || column_ < column);
    Value out(std::move(map));
    out.set_where(first);
    return out;
  }

  Value block_list(std::size_t column, std::size_t depth) {
    require(depth <= limits_.max_depth);
    count();
    ValueList list;
    const Where first = text_.where(pos_, 1);
    do {
      const std::size_t dash = pos_++;
      skip_spaces();
      if (!at_line_end()) {
        const std::size_t inner = column + (pos_ - dash);
        if (at_dash()) {
          list.push_back(block_list(inner, depth + 1));
        } else if (plain_key_end() != none) {
          list.push_back(block_map(inner, depth + 1));
        } else {
          list.push_back(inline_value(depth));
        }
      } else {
        const Where where = text_.where(dash, 1);
        to_next_content();
        if (column_ != none && column_ > column) {
          list.push_back(nested(depth + 1));
        } else {
          count();
          list.emplace_back();
          list.back().set_where(where);
        }
      }
    } while (column_ == column && at_dash());
    require(column_ == none || column_ <= column);
    Value out(std::move(list));
    out.set_where(first);
    return out;
  }

  Value nested(std::size_t depth) {
    if (at_dash()) return block_list(column_, depth);
    return block_map(column_, depth);
  }

  /// A value that ends on the line of its key or dash, or a flow list or map; goes on to the next content. If the text goes on deeper than the
  /// key, the value is one over several lines: the loops above refuse that.
  Value inline_value(std::size_t depth) {
    Value out;
    const char c = at(pos_);
    if (c == '[' || c == '{') {
      out = flow(depth + 1);
    } else if (c == '"' || c == '\'') {
      const std::size_t begin = pos_;
      std::string s = quoted();
      count();
      out = placed(Value(std::move(s)), begin, pos_ - begin);
    } else {
      out = block_scalar_of_one_line();
    }
    to_next_content();
    return out;
  }

  Value block_scalar_of_one_line() {
    require(!is_indicator(at(pos_)) && !at_dash());
    const std::size_t begin = pos_;
    std::size_t end = begin;
    for (; at(pos_) != '\n'; ++pos_) {
      if (at(pos_) == ' ') continue;
      if (at(pos_) == '#' && bytes_[pos_ - 1] == ' ') break;
      require(at(pos_) != ':' || (at(pos_ + 1) != ' ' && at(pos_ + 1) != '\n'));
      end = pos_ + 1;
    }
    return plain(begin, end);
  }

  Value plain(std::size_t begin, std::size_t end) {
    count();
    std::optional<Value> value = resolve_plain_scalar(bytes_.substr(begin, end - begin));
    require(value.has_value());
    return placed(std::move(*value), begin, end - begin);
  }

  /// The text in quotes, of one line, with the escapes that need no table.
  std::string quoted() {
    const char quote = at(pos_++);
    std::string out;
    for (;;) {
      const char c = at(pos_);
      require(c != '\n');
      ++pos_;
      if (c == quote) {
        if (quote == '"' || at(pos_) != '\'') return out;
        ++pos_;
      } else if (quote == '"' && c == '\\') {
        const char escape = at(pos_++);
        require(escape == '"' || escape == '\\' || escape == 'n' || escape == 't');
        out += escape == 'n' ? '\n' : escape == 't' ? '\t' : escape;
        continue;
      }
      out += c;
    }
  }

  // ---- flow ----

  /// Past blanks, line breaks and comments; text in the first column may be something else.
  void skip_flow_space() {
    for (;;) {
      skip_spaces();
      if (pos_ >= bytes_.size()) throw NotPlain{};
      if (!at_line_end()) return;
      end_line();
      require(pos_ + 1 < bytes_.size() && (bytes_[pos_ + 1] == ' ' || bytes_[pos_ + 1] == '\n'));
      ++pos_;
    }
  }

  Value flow(std::size_t depth) {
    require(depth <= limits_.max_depth);
    count();
    const Where where = text_.where(pos_, 1);
    const bool is_map = at(pos_++) == '{';
    const char close = is_map ? '}' : ']';
    ValueMap map;
    ValueList list;
    skip_flow_space();
    if (at(pos_) == close) {
      ++pos_;
    } else {
      for (;;) {
        if (is_map) {
          Where key_where;
          std::string name = key(key_where);
          skip_flow_space();
          add(map, std::move(name), flow_value(depth), std::move(key_where));
        } else {
          list.push_back(flow_value(depth));
        }
        skip_flow_space();
        const char c = at(pos_++);
        if (c == close) break;
        require(c == ',');
        skip_flow_space();
      }
    }
    Value out = is_map ? Value(std::move(map)) : Value(std::move(list));
    out.set_where(where);
    return out;
  }

  Value flow_value(std::size_t depth) {
    const char c = at(pos_);
    if (c == '[' || c == '{') return flow(depth + 1);
    const std::size_t begin = pos_;
    if (c == '"' || c == '\'') {
      std::string s = quoted();
      count();
      return placed(Value(std::move(s)), begin, pos_ - begin);
    }
    require(!is_indicator(c) && !at_dash());
    std::size_t end = begin;
    for (;; ++pos_) {
      const char x = at(pos_);
      if (x == '\n' || x == ',' || x == ']' || x == '}') break;
      if (x == ' ') continue;
      if (x == '#' && bytes_[pos_ - 1] == ' ') break;
      require(x != '[' && x != '{' && x != '?');
      require(x != ':' || std::string_view(" \n,[]{}").find(at(pos_ + 1)) == std::string_view::npos);
      end = pos_ + 1;
    }
    return plain(begin, end);
  }

  YamlText& text_;
  std::string_view bytes_;
  const YamlLimits& limits_;
  std::size_t pos_ = 0, nodes_ = 0;
  std::size_t column_ = 0;  ///< of the content at pos_, after a value
};

}  // namespace

std::optional<Value> parse_plain(YamlText& text, const YamlLimits& limits) {
  // Tabs and carriage returns have rules of their own; a byte order mark shifts columns.
  if (text.bytes().size() != text.source()->text.size() || text.bytes().find_first_of("\t\r") != std::string_view::npos)
    return std::nullopt;
  return PlainReader(text, limits).read();
}

}  // namespace tenon::host
