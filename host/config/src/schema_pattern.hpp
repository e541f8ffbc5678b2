// Regular expressions of `pattern` and `patternProperties`: ECMA-262 syntax (with the u flag), run by RE2 in linear time.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

#include "base/result.hpp"

namespace re2 {
class RE2;
}

namespace tenon::host::json_schema {

inline constexpr std::size_t max_pattern_bytes = 4096;

/// A compiled pattern. Immutable; search is thread-safe.
class Pattern {
 public:
  /// Look-around, back-references and repetition beyond 1000 are what RE2 cannot do; the error says which one it was.
  static Result<Pattern> compile(std::string_view ecma);
  Pattern(Pattern&&) noexcept;
  Pattern& operator=(Pattern&&) noexcept;
  ~Pattern();

  /// Not anchored: true if it matches anywhere in `text` (UTF-8; NUL is a character like any other).
  [[nodiscard]] bool search(std::string_view text) const;
  /// As written.
  [[nodiscard]] const std::string& text() const { return text_; }
  /// Instructions of the compiled program: the cost of a search is at most this times the length of the text.
  [[nodiscard]] std::size_t cost() const { return cost_; }
  /// True if it needs much memory (up to 8 MiB, others 512 KiB): a schema may have few of these.
  [[nodiscard]] bool is_large() const { return large_; }

 private:
  Pattern(std::string text, std::unique_ptr<const re2::RE2> re, bool large);
  std::string text_;
  std::unique_ptr<const re2::RE2> re_;
  std::size_t cost_ = 1;
  bool large_;
};

/// The same language in RE2's syntax. ECMA-262 differs in `\s`, `.`, `$`, classes such as `[]` and `[[:alpha:]]`, `\u`, `\c`, and the
/// names of `\p{...}`.
Result<std::string> ecma_to_re2(std::string_view ecma);

}  // namespace tenon::host::json_schema
