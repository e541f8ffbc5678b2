#include "elf/elf_render.hpp"

#include <tenon/core.h>

#include <algorithm>

#include "base/text.hpp"

namespace tenon::host {

namespace {

std::string_view severity_name(Severity severity) {
  switch (severity) {
    case Severity::note:
      return "note";
    case Severity::warning:
      return "warning";
    case Severity::error:
      return "error";
  }
  return "error";
}

constexpr std::size_t label_width = 12;

void row(std::string& out, std::string_view label, std::string_view value) {
  out += label;
  out.append(label.size() < label_width ? label_width - label.size() : 1, ' ');
  out += value.empty() ? "-" : value;
  out += '\n';
}

/// The label stands before the first item only.
void rows(std::string& out, std::string_view label, const std::vector<std::string>& values, std::size_t limit = 20) {
  if (values.empty()) row(out, label, "");
  for (std::size_t i = 0; i < values.size() && i < limit; ++i) row(out, i == 0 ? label : "", printable(values[i]));
  if (values.size() > limit) row(out, "", "... and " + std::to_string(values.size() - limit) + " more");
}

std::vector<std::string> version_lines(const ElfReport& report) {
  std::vector<std::string> lines;
  for (const ElfVersionNeed& need : report.versions) lines.push_back(need.library + " " + need.version + (need.weak ? " (weak)" : ""));
  std::sort(lines.begin(), lines.end());
  return lines;
}

void manifest_text(std::string& out, const ElfManifest& manifest) {
  row(out, "manifest", std::to_string(manifest.text.size()) + " bytes" + (manifest.from_section ? ", found by section name" : ""));
  for (std::string_view line : split(manifest.text, '\n')) {
    if (!line.empty() && line.back() == '\r') line.remove_suffix(1);
    out += "    ";
    out += printable(line, 400);
    while (out.back() == ' ') out.pop_back();
    out += '\n';
  }
  while (out.ends_with("\n\n")) out.pop_back();
}

/// A JSON object or array under construction.
class Json {
 public:
  explicit Json(std::string& out, char open) : out_(out), close_(open == '{' ? '}' : ']') { out_ += open; }
  Json(const Json&) = delete;
  Json& operator=(const Json&) = delete;
  ~Json() { out_ += close_; }
  std::string& item() {
    if (!first_) out_ += ',';
    first_ = false;
    return out_;
  }
  std::string& member(std::string_view key) {
    append_json_string(item(), key);
    return out_ += ':';
  }
  void text(std::string_view key, std::string_view value) { append_json_string(member(key), value); }
  void number(std::string_view key, std::uint64_t value) { member(key) += std::to_string(value); }
  void boolean(std::string_view key, bool value) { member(key) += value ? "true" : "false"; }

 private:
  std::string& out_;
  char close_;
  bool first_ = true;
};

void strings(Json& object, std::string_view key, const std::vector<std::string>& values) {
  Json array(object.member(key), '[');
  for (const std::string& value : values) append_json_string(array.item(), value);
}

}  // namespace

std::string elf_report_text(const ElfReport& report, std::string_view file_name, bool manifest_refused) {
  std::string out;
  row(out, "file", printable(file_name, 4096));
  row(out, "machine", printable(report.machine));
  row(out, "soname", printable(report.soname));
  row(out, "build id", printable(report.build_id));
  row(out, "entry",
      report.has_entry ? "tenon_entry_v" + std::to_string(TENON_ABI_MAJOR) + ", ABI " + std::to_string(TENON_ABI_MAJOR) + "." +
                             std::to_string(report.abi_minor)
                       : "none");
  row(out, "code", format_size(report.text_bytes));
  row(out, "data", format_size(report.data_bytes));
  rows(out, "needs", report.needed);
  rows(out, "versions", version_lines(report), 40);
  rows(out, "exports", report.exports);
  if (report.manifests.empty()) row(out, "manifest", "none");
  for (const ElfManifest& manifest : report.manifests) manifest_text(out, manifest);
  out += '\n';
  for (const ElfFinding& finding : report.findings) {
    out += severity_name(finding.severity);
    out += ": ";
    out += printable(finding.message, 2000) + " [" + printable(finding.code) + "]\n";
    if (!finding.help.empty()) out += "  = help: " + printable(finding.help, 2000) + "\n";
  }
  out += report.refused()   ? "verdict: refused\n"
         : manifest_refused ? "verdict: refused for what its manifest says\n"
                            : "verdict: passes the gate\n";
  return out;
}

std::string elf_report_json(const ElfReport& report, std::string_view file_name) {
  std::string out;
  {
    Json object(out, '{');
    object.text("file", file_name);
    object.boolean("refused", report.refused());
    object.text("machine", report.machine);
    object.text("soname", report.soname);
    object.text("build_id", report.build_id);
    {
      Json abi(object.member("abi"), '{');
      abi.boolean("entry", report.has_entry);
      abi.member("major") += report.has_entry ? std::to_string(TENON_ABI_MAJOR) : "null";
      abi.member("minor") += report.has_entry ? std::to_string(report.abi_minor) : "null";
    }
    object.number("text_bytes", report.text_bytes);
    object.number("data_bytes", report.data_bytes);
    strings(object, "needed", report.needed);
    {
      Json versions(object.member("versions"), '[');
      for (const ElfVersionNeed& need : report.versions) {
        Json version(versions.item(), '{');
        version.text("library", need.library);
        version.text("version", need.version);
        version.boolean("weak", need.weak);
      }
    }
    object.number("export_count", report.export_count);
    strings(object, "exports", report.exports);
    {
      Json manifests(object.member("manifests"), '[');
      for (const ElfManifest& manifest : report.manifests) {
        Json entry(manifests.item(), '{');
        entry.text("from", manifest.from_section ? "section" : "note");
        entry.text("text", manifest.text);
      }
    }
    {
      Json findings(object.member("findings"), '[');
      for (const ElfFinding& finding : report.findings) {
        Json entry(findings.item(), '{');
        entry.text("severity", severity_name(finding.severity));
        entry.text("code", finding.code);
        entry.text("message", finding.message);
        entry.text("help", finding.help);
      }
    }
  }
  return out;
}

}  // namespace tenon::host
