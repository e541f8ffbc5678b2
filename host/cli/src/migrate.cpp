// `tenond migrate`: what would be done, without doing it, and for one module only.
#include <algorithm>
#include <string_view>
#include <vector>

#include "base/text.hpp"
#include "commands.hpp"

namespace tenon::host {
namespace {

ExitCode no_such_module(const Options& options, const Plan& plan) {
  std::vector<std::string_view> names;
  for (const PlannedModule& m : plan.modules) names.emplace_back(m.candidate.name);
  const auto near = nearest(options.module, names);
  return fail(options, "migrate.unknown_module", "there is no module `" + printable(options.module) + "`",
              near ? "did you mean `" + std::string(*near) + "`?" : "see `tenond list`", ExitCode::unavailable);
}

}  // namespace

std::optional<ExitCode> prepare_migrate(const Options& options) {
  const bool looks_only = options.dry_run || options.status;
  if (!looks_only && options.module.empty()) return std::nullopt;
  const Planned planned = plan_for(options);
  if (!planned.config) return planned.exit;
  if (!options.module.empty()) {
    const auto& modules = planned.plan.modules;
    const auto found =
        std::find_if(modules.begin(), modules.end(), [&](const PlannedModule& m) { return m.candidate.name == options.module; });
    if (found == modules.end()) return no_such_module(options, planned.plan);
    if (found->fate != Fate::planned)
      return fail(options, "migrate.not_planned",
                  "`" + options.module + "` would not run: it is " + std::string(fate_name(found->fate)) + ": " + found->reason, {},
                  ExitCode::unavailable);
  }
  if (!looks_only) return std::nullopt;
  if (planned.exit != ExitCode::ok) return fail(options, planned.diagnostics, planned.exit);
  return print(options.json ? no_migrations_json(planned.diagnostics) : no_migrations_text);
}

}  // namespace tenon::host
