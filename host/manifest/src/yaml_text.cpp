#include "yaml_text.hpp"

#include <algorithm>
#include <array>
#include <cstring>

#include "base/text.hpp"

namespace tenon::host {
namespace {

// Brackets and commas are counted without regard to quotes and comments: cheap, and a text that trips these by accident is no configuration.
constexpr std::size_t max_open_brackets = 1024;

bool is_continuation(char c) { return (static_cast<unsigned char>(c) & 0xC0U) == 0x80U; }

/// Bytes that the first look must stop at.
constexpr std::array<bool, 256> make_notable() {
  std::array<bool, 256> out{};
  for (std::size_t c = 0; c < 256; ++c) out[c] = (c < 0x20 && c != '\t' && c != '\n') || c >= 0x7F;
  for (char c : {'[', ']', '{', '}', ','}) out[static_cast<unsigned char>(c)] = true;
  return out;
}
constexpr std::array<bool, 256> notable = make_notable();

std::string_view other_encoding(std::string_view text) {
  const auto starts = [&text](std::string_view prefix) { return text.substr(0, prefix.size()) == prefix; };
  using namespace std::string_view_literals;
  if (starts("\xFF\xFE\x00\x00"sv) || starts("\x00\x00\xFE\xFF"sv)) return "UTF-32";
  if (starts("\xFF\xFE"sv) || starts("\xFE\xFF"sv)) return "UTF-16";
  if (text.size() >= 4 && text[0] == '\0' && text[1] == '\0' && text[2] == '\0' && text[3] != '\0') return "UTF-32";
  if (text.size() >= 4 && text[0] != '\0' && text[1] == '\0' && text[2] == '\0' && text[3] == '\0') return "UTF-32";
  if (text.size() >= 2 && (text[0] == '\0') != (text[1] == '\0')) return "UTF-16";
  return {};
}

constexpr std::string_view hex = "0123456789ABCDEF";

}  // namespace

YamlText::YamlText(const SourceRef& source) : source_(source), bytes_(source->text) {
  if (bytes_.substr(0, 3) == "\xEF\xBB\xBF") {
    bytes_.remove_prefix(3);
    first_column_ = column_ = 2;
  }
}

std::optional<YamlText> YamlText::check(const SourceRef& source, const YamlLimits& limits, Diagnostics& diagnostics) {
  YamlText out(source);
  if (std::optional<Diagnostic> d = out.find_fault(limits)) {
    diagnostics.add(std::move(*d));
    return std::nullopt;
  }
  return out;
}

Diagnostic YamlText::fault(std::string code, std::size_t offset, std::string message, std::string help) {
  return {Severity::error, std::move(code), std::move(message), std::move(help), where(offset), {}, {}, ExitCode::config};
}

std::optional<Diagnostic> YamlText::find_fault(const YamlLimits& limits) {
  if (source_->text.size() > limits.max_bytes) {
    Diagnostic d =
        fault("yaml.limit", 0, "the text has " + format_size(source_->text.size()) + ", more than " + format_size(limits.max_bytes), {});
    d.where = {source_, 0, 0, 1};
    return d;
  }
  if (const std::string_view encoding = other_encoding(bytes_); !encoding.empty()) {
    Diagnostic d = fault("yaml.encoding", 0, "the text is " + std::string(encoding) + ", expected UTF-8", "save the file as UTF-8");
    d.where = {source_, 0, 0, 1};
    return d;
  }
  if (const std::size_t bad = invalid_utf8_at(bytes_); bad != std::string_view::npos) {
    const auto byte = static_cast<unsigned char>(bytes_[bad]);
    return fault("yaml.encoding", bad, std::string("byte 0x") + hex[byte >> 4U] + hex[byte & 15U] + " is not UTF-8",
                 "save the file as UTF-8");
  }
  std::size_t open = 0, separators = 0;
  for (std::size_t i = 0; i < bytes_.size(); ++i) {
    const auto c = static_cast<unsigned char>(bytes_[i]);
    if (!notable[c]) continue;
    if (c == '[' || c == '{') {
      if (++open > max_open_brackets)
        return fault("yaml.limit", i, "brackets are nested deeper than " + std::to_string(limits.max_depth) + " levels", {});
    }
    if (c == ']' || c == '}') open -= open != 0 ? 1 : 0;
    if (c == '[' || c == '{' || (c == ',' && open != 0)) {
      if (++separators > limits.max_nodes)
        return fault("yaml.limit", i, "the text has more than " + std::to_string(limits.max_nodes) + " nodes", {});
      continue;
    }
    if (c == '\r' && at(i + 1) != '\n')
      return fault("yaml.encoding", i, "a carriage return without a line feed is not a line break here",
                   R"(end lines with LF or CR LF; in "..." write \r)");
    const bool c1 = c == 0xC2 && static_cast<unsigned char>(at(i + 1)) < 0xA0 && static_cast<unsigned char>(at(i + 1)) != 0x85;
    const bool noncharacter = c == 0xEF && bytes_.substr(i + 1, 1) == "\xBF" && static_cast<unsigned char>(at(i + 2)) >= 0xBE;
    if ((c < 0x20 && c != '\r') || c == 0x7F || c1 || noncharacter) {
      const std::string shown =
          noncharacter ? "U+FFF" + std::string(1, static_cast<unsigned char>(at(i + 2)) == 0xBE ? 'E' : 'F') : "U+00" + [this, i, c] {
            const auto b = c == 0xC2 ? static_cast<unsigned char>(at(i + 1)) : c;
            return std::string{hex[b >> 4U], hex[b & 15U]};
          }();
      return fault("yaml.encoding", i, "the character " + shown + " may not stand in YAML",
                   R"(write it as an escape in "...", for example "\x1b")");
    }
  }
  return std::nullopt;
}

Place YamlText::place(std::size_t offset, std::size_t length) {
  offset = std::min(offset, bytes_.size());
  if (offset < offset_) {
    const std::size_t begin = offset == 0 ? std::string_view::npos : bytes_.rfind('\n', offset - 1);
    line_ -= static_cast<std::uint32_t>(
        std::count(bytes_.begin() + static_cast<std::ptrdiff_t>(offset), bytes_.begin() + static_cast<std::ptrdiff_t>(offset_), '\n'));
    offset_ = begin == std::string_view::npos ? 0 : begin + 1;
    column_ = offset_ == 0 ? first_column_ : 1;
  }
  for (; offset_ < offset; ++offset_) {
    if (bytes_[offset_] == '\n') {
      ++line_;
      column_ = 1;
    } else if (!is_continuation(bytes_[offset_])) {
      ++column_;
    }
  }
  return {line_, column_, static_cast<std::uint32_t>(std::max<std::size_t>(1, utf8_length(bytes_.substr(offset, length))))};
}

std::size_t YamlText::skip_blanks(std::size_t offset) const { return std::min(bytes_.find_first_not_of(" \t", offset), bytes_.size()); }

std::size_t YamlText::skip_space(std::size_t offset) const {
  for (;;) {
    const std::size_t next = std::min(bytes_.find_first_not_of(" \t\r\n", offset), bytes_.size());
    const bool comment = at(next) == '#' && (next == 0 || std::strchr(" \t\r\n", bytes_[next - 1]) != nullptr);
    if (!comment) return next;
    offset = std::min(bytes_.find('\n', next), bytes_.size());
  }
}

std::size_t YamlText::skip_properties(std::size_t offset) const {
  offset = skip_space(offset);
  while (at(offset) == '&' || at(offset) == '!') offset = skip_space(word_end(offset));
  return offset;
}

std::size_t YamlText::word_end(std::size_t offset) const {
  if (bytes_.substr(offset, 2) == "!<") return std::min(bytes_.find('>', offset), bytes_.size() - 1) + 1;
  return std::min(bytes_.find_first_of(" \t\r\n,[]{}", offset), bytes_.size());
}

std::size_t YamlText::quoted_end(std::size_t offset) const {
  const char quote = at(offset);
  for (std::size_t i = offset + 1; i < bytes_.size(); ++i) {
    if (quote == '"' && bytes_[i] == '\\') {
      ++i;
    } else if (bytes_[i] == quote) {
      if (quote == '"' || at(i + 1) != '\'') return i + 1;
      ++i;
    }
  }
  return std::string_view::npos;
}

std::size_t YamlText::line_end(std::size_t offset) const {
  std::size_t end = std::min(bytes_.find('\n', offset), bytes_.size());
  while (end > offset && std::strchr(" \t\r", bytes_[end - 1]) != nullptr) --end;
  return end;
}

}  // namespace tenon::host
