// What must not be shown: names and places of secrets, and texts with the secrets blanked out.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/diagnostic.hpp"
#include "base/value.hpp"
#include "path.hpp"

namespace tenon::host::config_room {

inline constexpr std::string_view masked = "***";

/// True for names that contain password, secret, token or key (or passwd, passphrase), in any case and anywhere: `api_key`, `accesskey`,
/// `passwordHash`, and `monkey` too. Rather too much is masked than too little.
bool is_secret_name(std::string_view key);

/// Text of a configuration file for diagnostics, in which secrets are blanked out: as many characters stay, so that lines and columns hold.
class MaskedText {
 public:
  /// Blanks literal secrets: values of keys with secret names, passwords in URLs. Works on text that is not YAML, too.
  explicit MaskedText(std::string_view yaml);
  /// Blanks the scalar that begins at line and column (from 1, in characters).
  void blank_scalar(std::uint32_t line, std::uint32_t column);
  /// Blanks, in text that is not YAML, what looks like values below a key `config`: nobody knows which of them are secret.
  void blank_module_values();
  /// Shows `length` characters again, as they are in `original`, from which this was made.
  void restore(std::string_view original, std::uint32_t line, std::uint32_t column, std::uint32_t length);
  [[nodiscard]] const std::string& text() const { return text_; }
  [[nodiscard]] bool changed() const { return changed_; }

 private:
  [[nodiscard]] std::size_t line_end(std::size_t from) const;
  [[nodiscard]] std::size_t offset_of(std::uint32_t line, std::uint32_t column) const;
  [[nodiscard]] std::size_t value_end(std::size_t from, std::size_t indent) const;
  void blank(std::size_t from, std::size_t to);
  std::string text_;
  std::vector<std::size_t> line_starts_;
  bool changed_ = false;
};

/// Makes every place in `value` that points into `from` point into `to`.
void move_places(Value& value, const SourceRef& from, const SourceRef& to);
/// Makes every place in `value` the source as a whole.
void drop_places(Value& value, const SourceRef& source);

/// `message` with everything between backticks replaced, for messages that may quote a secret.
std::string without_quotes(std::string_view message);

}  // namespace tenon::host::config_room
