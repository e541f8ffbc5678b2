// The text of a YAML source: checked before a parser sees it, and places in it by byte offset.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "base/diagnostic.hpp"
#include "manifest/yaml.hpp"

namespace tenon::host {

/// A place without its source, which is shared by all values of a text.
struct Place {
  std::uint32_t line = 0, column = 0, length = 1;
};

/// Not thread-safe: remembers where it last looked, so that asking in the order of the text costs one walk over it.
class YamlText {
 public:
  /// Refuses what no YAML text may contain (invalid UTF-8, other encodings, control characters, lone carriage returns) and what would cost
  /// yaml-cpp unbounded memory before its first event (it reads a whole `[...]` ahead). Reports at most one error.
  static std::optional<YamlText> check(const SourceRef& source, const YamlLimits& limits, Diagnostics& diagnostics);

  [[nodiscard]] std::string_view bytes() const { return bytes_; }  ///< without byte order mark
  [[nodiscard]] const SourceRef& source() const { return source_; }
  /// `length`: bytes to underline, at least one character.
  Place place(std::size_t offset, std::size_t length = 1);
  [[nodiscard]] Where where(const Place& p) const { return {source_, p.line, p.column, p.length}; }
  Where where(std::size_t offset, std::size_t length = 1) { return where(place(offset, length)); }

  /// The next offset at or after `offset` that is no blank, line break or comment.
  [[nodiscard]] std::size_t skip_space(std::size_t offset) const;
  /// The next offset at or after `offset` that is no blank.
  [[nodiscard]] std::size_t skip_blanks(std::size_t offset) const;
  /// Past the anchors and tags that stand before a node.
  [[nodiscard]] std::size_t skip_properties(std::size_t offset) const;
  /// Behind an alias, anchor or tag.
  [[nodiscard]] std::size_t word_end(std::size_t offset) const;
  /// Behind the closing quote of the text quoted at `offset`; npos if it is never closed.
  [[nodiscard]] std::size_t quoted_end(std::size_t offset) const;
  /// Behind the last character of the line that is neither blank nor line break.
  [[nodiscard]] std::size_t line_end(std::size_t offset) const;
  /// The byte there, NUL beyond the end.
  [[nodiscard]] char at(std::size_t offset) const { return offset < bytes_.size() ? bytes_[offset] : '\0'; }

 private:
  explicit YamlText(const SourceRef& source);
  std::optional<Diagnostic> find_fault(const YamlLimits& limits);
  Diagnostic fault(std::string code, std::size_t offset, std::string message, std::string help);

  SourceRef source_;
  std::string_view bytes_;
  std::uint32_t first_column_ = 1;  ///< of the first line: 2 behind a byte order mark, which the printed line shows
  std::size_t offset_ = 0;          ///< where line_ and column_ hold
  std::uint32_t line_ = 1, column_ = 1;
};

}  // namespace tenon::host
