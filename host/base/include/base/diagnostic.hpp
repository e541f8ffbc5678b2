// Findings about input, for people: where, what was expected, how to fix it. Collected, then printed together.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/exit_code.hpp"

namespace tenon::host {

/// A text that diagnostics point into. `name` is what is printed ("manifests/orders.yaml",
/// "liborders.so (embedded manifest)", "environment TENON__LOG__LEVEL"); `text` may be empty: no caret line then.
struct Source {
  std::string name;
  std::string text;
};
using SourceRef = std::shared_ptr<const Source>;

/// A place in a source. Lines and columns count from 1 (columns in characters, not bytes); line 0 = the source as a whole.
struct Where {
  SourceRef source;
  std::uint32_t line = 0;
  std::uint32_t column = 0;
  std::uint32_t length = 1;  ///< characters to underline
};

enum class Severity : std::uint8_t { note, warning, error };

/// One finding. Messages are one sentence, quote names with `backticks`, and contain no control characters
/// (whoever puts hostile text in uses `printable()`).
struct Diagnostic {
  Severity severity = Severity::error;
  std::string code;     ///< stable, dotted: "manifest.unknown_key"
  std::string message;  ///< what is wrong
  std::string help;     ///< what was expected, how to fix it; may be empty
  Where where;
  std::string module;                ///< the module concerned, may be empty
  std::string path;                  ///< configuration path concerned ("modules.orders.config.page_size"), may be empty
  ExitCode exit = ExitCode::config;  ///< of an error, when nothing better decides
};

class Diagnostics {
 public:
  Diagnostic& add(Diagnostic d) { return items_.emplace_back(std::move(d)); }
  /// Appends and returns, for chaining: `diags.error("config.bounds", where, "...", "...").path = "...";`
  Diagnostic& error(std::string code, Where where, std::string message, std::string help = {});
  Diagnostic& warning(std::string code, Where where, std::string message, std::string help = {});
  Diagnostic& note(std::string code, Where where, std::string message, std::string help = {});
  void append(Diagnostics other);

  [[nodiscard]] const std::vector<Diagnostic>& items() const { return items_; }
  std::vector<Diagnostic>& items() { return items_; }
  [[nodiscard]] bool empty() const { return items_.empty(); }
  [[nodiscard]] bool has_errors() const { return error_count() != 0; }
  [[nodiscard]] std::size_t error_count() const;
  /// Precedence over all errors; ok if there is none.
  [[nodiscard]] ExitCode exit_code() const;
  /// By source name, line, column, code, message: the same input prints the same text. Stable.
  void sort();

 private:
  std::vector<Diagnostic> items_;
};

/// "file:line:col: error: message [code]" + the offending line + caret + "  = help: ...". Ends with a newline.
/// `colour`: ANSI colours.
std::string to_text(const Diagnostic& d, bool colour = false);
std::string to_text(const Diagnostics& d, bool colour = false);
/// A JSON array of {severity, code, message, help?, file?, line?, column?, module?, path?}.
std::string to_json(const Diagnostics& d);

}  // namespace tenon::host
