#include <unistd.h>

#include <algorithm>

#include "base/file.hpp"
#include "base/text.hpp"
#include "commands.hpp"
#include "daemon/journal.hpp"
#include "daemon/look.hpp"
#include "table.hpp"

namespace tenon::host {
namespace {

/// Who asks for what, and how to grant what is missing; empty if no plugin asks for anything beyond its own.
std::string permissions_text(const Plan& plan) {
  std::vector<TableRow> rows = {{"MODULE", "PERMISSION", "ASKED", "GRANTED"}};
  std::string to_add;
  for (const PlannedModule& m : plan.modules) {
    if (!m.permissions) continue;
    for (const PermissionRow& row : permission_rows(*m.permissions)) {
      const bool unused = row.state == GrantState::unused;
      const char* granted = row.state == GrantState::granted ? "yes" : row.state == GrantState::partly ? "partly" : "missing";
      rows.push_back({m.candidate.name, std::string(row.permission), unused ? "-" : printable(row.what),
                      unused ? printable(row.what) + " (not asked for)" : granted});
    }
    if (const std::string line = granting_line(*m.permissions); !line.empty()) to_add += "  " + m.candidate.name + ":\n    " + line + "\n";
  }
  if (rows.size() == 1) return {};
  std::string out = "permissions of plugins beyond their own:\n" + table(rows);
  if (!to_add.empty()) out += "to grant what is missing, add to the configuration:\nmodules:\n" + to_add;
  return out + "\n";
}

}  // namespace

ExitCode run_check(const Options& options) {
  Planned planned = plan_for(options);
  if (!planned.config) return planned.exit;
  planned.exit = look_at_own_files(*planned.config, planned.plan, planned.exit, planned.diagnostics);
  planned.diagnostics.sort();
  for (const PlannedModule& m : planned.plan.modules)
    if (m.candidate.manifest) note_in_process(*m.candidate.manifest, planned.diagnostics);
  if (options.json) {
    const ExitCode printed = print("{\"format\":1,\"exit\":" + std::to_string(static_cast<int>(planned.exit)) +
                                   ",\"findings\":" + to_json(planned.diagnostics) + ",\"modules\":" + modules_json(planned.plan) + "}\n");
    return worse(planned.exit, printed);
  }
  static_cast<void>(write_all(STDERR_FILENO, for_stderr(planned.diagnostics, use_colour())));
  std::size_t warnings = 0;
  for (const Diagnostic& d : planned.diagnostics.items()) warnings += d.severity == Severity::warning ? 1 : 0;
  const std::size_t errors = planned.diagnostics.error_count();
  std::string text = permissions_text(planned.plan);
  for (const PlannedModule& m : planned.plan.modules)
    if (m.fate != Fate::planned) text += printable(m.candidate.name, 255) + ": " + std::string(fate_name(m.fate)) + ": " + m.reason + "\n";
  text += std::to_string(planned.plan.planned) + (planned.plan.planned == 1 ? " module" : " modules") + " would run, " +
          std::to_string(planned.plan.modules.size() - planned.plan.planned) + " would not; " + std::to_string(errors) +
          (errors == 1 ? " error, " : " errors, ") + std::to_string(warnings) + (warnings == 1 ? " warning" : " warnings");
  text += planned.exit == ExitCode::ok ? "; the daemon would start\n"
                                       : "; the daemon would not start (exit " + std::to_string(static_cast<int>(planned.exit)) + ")\n";
  return worse(planned.exit, print(text));
}

}  // namespace tenon::host
