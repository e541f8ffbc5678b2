#include "base/diagnostic.hpp"

#include <algorithm>
#include <tuple>

#include "base/text.hpp"

namespace tenon::host {
namespace {

constexpr std::size_t max_line_shown = 160;  // characters of a source line; more would wrap and hide the caret

std::string_view severity_name(Severity s) {
  switch (s) {
    case Severity::note:
      return "note";
    case Severity::warning:
      return "warning";
    case Severity::error:
      break;
  }
  return "error";
}

std::string_view line_of(std::string_view text, std::uint32_t line) {
  std::size_t begin = 0;
  for (std::uint32_t i = 1; i < line; ++i) {
    const std::size_t end = text.find('\n', begin);
    if (end == std::string_view::npos) return {};
    begin = end + 1;
  }
  std::string_view out = text.substr(begin, text.find('\n', begin) - begin);
  if (!out.empty() && out.back() == '\r') out.remove_suffix(1);
  return out;
}

// Start of the first character boundary at or after `chars` characters.
std::size_t byte_of_character(std::string_view line, std::size_t chars) {
  std::size_t i = 0;
  while (i < line.size() && chars > 0) {
    ++i;
    while (i < line.size() && (static_cast<unsigned char>(line[i]) & 0xC0U) == 0x80U) ++i;
    --chars;
  }
  return i;
}

void append_excerpt(std::string& out, const Where& where, bool colour) {
  if (!where.source || where.line == 0 || where.source->text.empty()) return;
  const std::string_view whole = line_of(where.source->text, where.line);
  if (whole.empty()) return;
  std::size_t column = where.column == 0 ? 0 : where.column - 1;
  std::string_view line = whole;
  std::string_view lead;
  if (column > max_line_shown - 20) {  // keep the place in sight
    const std::size_t skip = column - 40;
    line = line.substr(byte_of_character(line, skip));
    column -= skip;
    lead = "...";
  }
  bool cut = false;
  if (utf8_length(line) > max_line_shown) {
    line = line.substr(0, byte_of_character(line, max_line_shown));
    cut = true;
  }
  // The text before the caret decides its position: escapes made by printable() must be counted as they are shown.
  const std::size_t split = byte_of_character(line, column);
  std::string before = printable(line.substr(0, split), SIZE_MAX);
  std::replace(before.begin(), before.end(), '\t', ' ');
  const std::string after = printable(line.substr(split), SIZE_MAX);
  const std::string number = std::to_string(where.line);
  const std::string margin(number.size(), ' ');
  out += "  " + number + " | ";
  out.append(lead).append(before).append(after).append(cut ? "..." : "").append("\n");
  out += "  " + margin + " | ";
  out.append(lead.size() + utf8_length(before), ' ');
  if (colour) out += "\x1b[1;32m";
  const std::size_t room = std::max<std::size_t>(1, utf8_length(after));
  out.append(std::clamp<std::size_t>(where.length, 1, room), '^');
  if (colour) out += "\x1b[0m";
  out += "\n";
}

}  // namespace

Diagnostic& Diagnostics::error(std::string code, Where where, std::string message, std::string help) {
  return add({Severity::error, std::move(code), std::move(message), std::move(help), std::move(where), {}, {}, ExitCode::config});
}

Diagnostic& Diagnostics::warning(std::string code, Where where, std::string message, std::string help) {
  return add({Severity::warning, std::move(code), std::move(message), std::move(help), std::move(where), {}, {}, ExitCode::config});
}

Diagnostic& Diagnostics::note(std::string code, Where where, std::string message, std::string help) {
  return add({Severity::note, std::move(code), std::move(message), std::move(help), std::move(where), {}, {}, ExitCode::config});
}

void Diagnostics::append(Diagnostics other) {
  items_.insert(items_.end(), std::make_move_iterator(other.items_.begin()), std::make_move_iterator(other.items_.end()));
}

std::size_t Diagnostics::error_count() const {
  return static_cast<std::size_t>(
      std::count_if(items_.begin(), items_.end(), [](const Diagnostic& d) { return d.severity == Severity::error; }));
}

ExitCode Diagnostics::exit_code() const {
  ExitCode out = ExitCode::ok;
  for (const Diagnostic& d : items_)
    if (d.severity == Severity::error) out = worse(out, d.exit);
  return out;
}

void Diagnostics::sort() {
  const auto key = [](const Diagnostic& d) {
    return std::tuple(d.where.source ? std::string_view(d.where.source->name) : std::string_view(), d.where.line, d.where.column,
                      std::string_view(d.code), std::string_view(d.message));
  };
  std::stable_sort(items_.begin(), items_.end(), [&](const Diagnostic& a, const Diagnostic& b) { return key(a) < key(b); });
}

std::string to_text(const Diagnostic& d, bool colour) {
  std::string out;
  if (d.where.source) {
    out += printable(d.where.source->name, 4096);
    if (d.where.line != 0) {
      out += ":" + std::to_string(d.where.line);
      if (d.where.column != 0) out += ":" + std::to_string(d.where.column);
    }
    out += ": ";
  }
  if (colour) out += d.severity == Severity::error ? "\x1b[1;31m" : d.severity == Severity::warning ? "\x1b[1;33m" : "\x1b[1;36m";
  out += severity_name(d.severity);
  if (colour) out += "\x1b[0m";
  out += ": " + d.message;
  if (!d.code.empty()) out += " [" + d.code + "]";
  out += "\n";
  append_excerpt(out, d.where, colour);
  if (!d.help.empty()) out += "  = help: " + d.help + "\n";
  return out;
}

std::string to_text(const Diagnostics& diagnostics, bool colour) {
  std::string out;
  for (const Diagnostic& d : diagnostics.items()) out += to_text(d, colour);
  return out;
}

std::string to_json(const Diagnostics& diagnostics) {
  std::string out = "[";
  for (const Diagnostic& d : diagnostics.items()) {
    if (out.size() > 1) out += ",";
    const auto member = [&out](std::string_view key, std::string_view value) {
      if (value.empty()) return;
      out += ",\"";
      out.append(key).append("\":");
      append_json_string(out, value);
    };
    out += "{\"severity\":\"";
    out.append(severity_name(d.severity)).append("\"");
    member("code", d.code);
    member("message", d.message);
    member("help", d.help);
    if (d.where.source) member("file", d.where.source->name);
    if (d.where.line != 0) out += ",\"line\":" + std::to_string(d.where.line);
    if (d.where.column != 0) out += ",\"column\":" + std::to_string(d.where.column);
    member("module", d.module);
    member("path", d.path);
    out += "}";
  }
  return out + "]";
}

}  // namespace tenon::host
