#include "secrets.hpp"

#include <algorithm>
#include <array>
#include <optional>

#include "url.hpp"

namespace tenon::host::config_room {
namespace {

constexpr std::size_t npos = std::string::npos;
// The first four are the rule; the others are what people call the same things.
constexpr std::array<std::string_view, 6> secret_parts = {"password", "secret", "token", "key", "passwd", "passphrase"};

bool is_letter(char c) { return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z'); }

// Depth of a line: spaces and list dashes before its content.
std::size_t indent_of(std::string_view line) {
  std::size_t i = 0;
  while (i < line.size() && (line[i] == ' ' || line[i] == '\t' || (line[i] == '-' && i + 1 < line.size() && line[i + 1] == ' '))) ++i;
  return i;
}

// The key that ends before the colon at `colon`, without quotes. nullopt: it is too long to be judged.
std::optional<std::string_view> key_before(std::string_view line, std::size_t colon) {
  // The bound keeps a line of many colons linear.
  const std::size_t skipped = colon > 128 ? colon - 128 : 0;
  line = line.substr(skipped, colon - skipped);
  std::size_t end = line.size();
  while (end > 0 && (line[end - 1] == ' ' || line[end - 1] == '\t')) --end;
  if (end > 0 && (line[end - 1] == '"' || line[end - 1] == '\'')) {
    const std::size_t open = end >= 2 ? line.rfind(line[end - 1], end - 2) : npos;
    if (open != npos) return line.substr(open + 1, end - open - 2);
    if (skipped != 0) return std::nullopt;
  }
  const std::size_t before = end == 0 ? npos : line.find_last_of(" \t:,{}[]\"'?", end - 1);
  if (before == npos && skipped != 0) return std::nullopt;
  return line.substr(before == npos ? 0 : before + 1, end - (before == npos ? 0 : before + 1));
}

template <class F>
void for_each_place(Value& value, const F& change) {
  value.set_where(change(value.where()));
  if (ValueList* list = value.as_list())
    for (Value& item : *list) for_each_place(item, change);
  if (ValueMap* map = value.as_map()) {
    for (ValueMap::Member& member : *map) {
      member.key_where = change(std::move(member.key_where));
      for_each_place(member.value, change);
    }
  }
}

}  // namespace

bool is_secret_name(std::string_view key) {
  const std::string name = to_lower(key);
  return std::any_of(secret_parts.begin(), secret_parts.end(), [&](std::string_view part) { return name.find(part) != npos; });
}

MaskedText::MaskedText(std::string_view yaml) : text_(yaml) {
  for (std::size_t start = 0; start < text_.size(); start = line_end(start) + 1) line_starts_.push_back(start);
  for (std::size_t start = 0; start < text_.size();) {
    std::size_t end = line_end(start);
    const std::size_t indent = indent_of(std::string_view(text_).substr(start, end - start));
    for (std::size_t colon = text_.find(':', start); colon < end; colon = text_.find(':', colon)) {
      const std::optional<std::string_view> key = key_before(std::string_view(text_).substr(start, end - start), colon - start);
      const bool explicit_value = colon == start + indent;  // of `? key` on a line before
      ++colon;
      if (!explicit_value && key && !is_secret_name(*key)) continue;
      while (colon < end && (text_[colon] == ' ' || text_[colon] == '\t')) ++colon;
      const std::size_t stop = value_end(colon, indent);
      blank(colon, stop);
      colon = stop;
      if (stop > end) {  // goes on behind the value, in its last line
        start = stop;
        end = line_end(stop);
      }
    }
    start = end + 1;
  }
  for (const auto& [begin, end] : url_passwords(text_)) blank(begin, end);
}

void MaskedText::blank_scalar(std::uint32_t line, std::uint32_t column) {
  if (line == 0 || line > line_starts_.size()) return;
  const std::size_t start = line_starts_[line - 1], end = line_end(start);
  const std::size_t from = offset_of(line, column);
  blank(from, value_end(from, indent_of(std::string_view(text_).substr(start, end - start))));
}

void MaskedText::restore(std::string_view original, std::uint32_t line, std::uint32_t column, std::uint32_t length) {
  if (line == 0 || line > line_starts_.size() || original.size() != text_.size()) return;
  const std::size_t from = offset_of(line, column), to = offset_of(line, column + length);
  text_.replace(from, to - from, original.substr(from, to - from));
}

void MaskedText::blank_module_values() {
  const auto is_word = [](char c) { return is_letter(c) || (c >= '0' && c <= '9') || c == '_' || c == '-' || c == '.'; };
  bool inside = false;
  std::size_t config_indent = 0;
  for (std::size_t start = 0, end = 0; start < text_.size(); start = end + 1) {
    end = line_end(start);
    const std::string_view line = std::string_view(text_).substr(start, end - start);
    const std::size_t indent = indent_of(line);
    if (indent < line.size() && indent <= config_indent) inside = false;
    if (inside) {
      std::size_t key = indent;
      while (key < line.size() && is_word(line[key])) ++key;
      blank(start + (key > indent && key < line.size() && line[key] == ':' ? key + 1 : indent), end);
      continue;
    }
    for (std::size_t colon = line.find(':'); colon != npos; colon = line.find(':', colon + 1)) {
      const std::optional<std::string_view> key = key_before(line, colon);
      if (key && *key != "config") continue;
      const std::size_t value = line.find_first_not_of(" \t\r", colon + 1);
      config_indent = indent;
      inside = true;
      if (value != npos) {
        const std::size_t stop = value_end(start + value, indent);
        blank(start + value, std::max(stop, end));
        end = line_end(std::max(stop, end));
      }
      break;
    }
  }
}

// In bytes; the end of the line if it is shorter.
std::size_t MaskedText::offset_of(std::uint32_t line, std::uint32_t column) const {
  const std::size_t start = line_starts_[line - 1], end = line_end(start);
  std::size_t from = start;
  for (std::uint32_t i = 1; i < column && from < end; ++i) {
    ++from;
    while (from < end && (static_cast<unsigned char>(text_[from]) & 0xC0U) == 0x80U) ++from;
  }
  return from;
}

std::size_t MaskedText::line_end(std::size_t from) const { return std::min(text_.find('\n', from), text_.size()); }

// The end of the value that begins at `from` in a line indented by `indent`: a quoted scalar up to its quote, anything else to the end of the
// line with the lines below that are indented more.
std::size_t MaskedText::value_end(std::size_t from, std::size_t indent) const {
  if (from < text_.size() && (text_[from] == '"' || text_[from] == '\'')) {
    const char quote = text_[from];
    for (std::size_t i = from + 1; i < text_.size(); ++i) {
      if (quote == '"' && text_[i] == '\\') {
        ++i;
      } else if (text_[i] == quote) {
        if (quote == '"' || i + 1 == text_.size() || text_[i + 1] != quote) return i + 1;
        ++i;
      }
    }
    return text_.size();  // not closed: not YAML, and all of the rest may belong to the secret
  }
  std::size_t end = line_end(from);
  while (end < text_.size()) {
    const std::size_t next_end = line_end(end + 1);
    const std::string_view line = std::string_view(text_).substr(end + 1, next_end - end - 1);
    if (line.find_first_not_of(" \t\r") != npos && indent_of(line) <= indent) break;
    end = next_end;
  }
  return end;
}

// A character becomes one of as many bytes, so that offsets hold too.
void MaskedText::blank(std::size_t from, std::size_t to) {
  for (std::size_t i = from; i < std::min(to, text_.size());) {
    const auto lead = static_cast<unsigned char>(text_[i]);
    std::size_t length = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : lead >= 0xC0 ? 2 : 1;
    for (std::size_t k = 1; k < length; ++k)
      if (i + k >= text_.size() || (static_cast<unsigned char>(text_[i + k]) & 0xC0U) != 0x80U) length = 1;  // not UTF-8
    constexpr std::array<std::string_view, 4> shades = {"*", "\u00B7", "\u2022", "\U0001F512"};
    if (length > 1) {
      text_.replace(i, length, shades[length - 1]);
    } else if (lead != '\n' && lead != '\r') {
      text_[i] = '*';
    }
    i += length;
    changed_ = true;
  }
}

void move_places(Value& value, const SourceRef& from, const SourceRef& to) {
  for_each_place(value, [&](Where where) {
    if (where.source == from) where.source = to;
    return where;
  });
}

void drop_places(Value& value, const SourceRef& source) {
  for_each_place(value, [&](const Where&) { return Where{source, 0, 0, 1}; });
}

std::string without_quotes(std::string_view message) {
  std::string out;
  bool inside = false;
  for (char c : message) {
    if (c == '`') {
      inside = !inside;
      if (inside) out += "`***";
      out += inside ? "" : "`";
    } else if (!inside) {
      out += c;
    }
  }
  return out;
}

}  // namespace tenon::host::config_room
