#include "draft.hpp"

#include <utility>

#include "base/text.hpp"

namespace tenon::host {

Diagnostic& PlanDraft::report(std::uint32_t module, std::string code, Where where, std::string message, std::string help, ExitCode exit) {
  Diagnostic d;
  d.severity = Severity::error;
  d.code = std::move(code);
  d.message = std::move(message);
  d.help = std::move(help);
  d.where = std::move(where);
  if (module != no_module) d.module = modules[module].name;
  d.exit = exit;
  return findings.emplace_back(Finding{std::move(d), module}).diagnostic;
}

void PlanDraft::refuse(std::uint32_t module, std::string code, Where where, std::string message, std::string help, ExitCode exit) {
  PlannedModule& planned = modules[module].planned;
  if (planned.fate == Fate::planned) {
    planned.fate = Fate::refused;
    planned.reason = message;
  }
  report(module, std::move(code), std::move(where), std::move(message), std::move(help), exit);
}

std::string Suggestions::for_name(std::string_view name) {
  if (questions_left_ <= 0) return {};
  --questions_left_;
  if (names_.empty())
    for (const DraftModule& m : draft_.modules)
      if (m.legitimate && is_module_name(m.name)) names_.emplace_back(m.name);
  const auto found = nearest(name, names_);
  return found && *found != name ? "did you mean `" + std::string(*found) + "`?" : std::string();
}

std::string place(const Where& where) {
  if (where.source == nullptr) return {};
  std::string text = printable(where.source->name, 4096);
  if (where.line != 0) text += ':' + std::to_string(where.line) + ':' + std::to_string(where.column);
  return text;
}

std::string file_of(const Candidate& candidate) {
  if (candidate.file) return printable(candidate.file->path, 4096);
  if (!candidate.manifest_paths.empty()) return printable(candidate.manifest_paths.front(), 4096);
  return printable(candidate.name, 4096);
}

std::string quoted(std::string_view name) { return '`' + printable(name) + '`'; }

}  // namespace tenon::host
