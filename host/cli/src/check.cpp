#include <unistd.h>

#include <algorithm>

#include "base/file.hpp"
#include "commands.hpp"

namespace tenon::host {

ExitCode run_check(const Options& options) {
  const Planned planned = plan_for(options);
  if (!planned.config) return planned.exit;
  if (options.json) {
    const ExitCode printed = print("{\"format\":1,\"exit\":" + std::to_string(static_cast<int>(planned.exit)) +
                                   ",\"findings\":" + to_json(planned.diagnostics) + ",\"modules\":" + modules_json(planned.plan) + "}\n");
    return worse(planned.exit, printed);
  }
  static_cast<void>(write_all(STDERR_FILENO, to_text(planned.diagnostics, use_colour())));
  std::size_t warnings = 0;
  for (const Diagnostic& d : planned.diagnostics.items()) warnings += d.severity == Severity::warning ? 1 : 0;
  const std::size_t errors = planned.diagnostics.error_count();
  std::string text;
  for (const PlannedModule& m : planned.plan.modules)
    if (m.fate != Fate::planned) text += m.candidate.name + ": " + std::string(fate_name(m.fate)) + ": " + m.reason + "\n";
  text += std::to_string(planned.plan.planned) + " modules would run, " +
          std::to_string(planned.plan.modules.size() - planned.plan.planned) + " would not; " + std::to_string(errors) +
          (errors == 1 ? " error, " : " errors, ") + std::to_string(warnings) + (warnings == 1 ? " warning" : " warnings");
  text += planned.exit == ExitCode::ok ? "; the daemon would start\n"
                                       : "; the daemon would not start (exit " + std::to_string(static_cast<int>(planned.exit)) + ")\n";
  return worse(planned.exit, print(text));
}

}  // namespace tenon::host
