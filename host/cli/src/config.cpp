#include <unistd.h>

#include <utility>
#include <vector>

#include "commands.hpp"

namespace tenon::host {

ExitCode run_config(const Options& options) {
  const Planned planned = plan_for(options);
  if (!planned.config) return planned.exit;
  std::vector<std::pair<std::string, const ModuleConfig*>> modules;
  for (std::size_t i = 0; i < planned.plan.planned; ++i)
    modules.emplace_back(planned.plan.modules[i].candidate.name, &planned.plan.modules[i].config);
  std::string text = options.json ? config_to_json(*planned.config, modules) : config_to_text(*planned.config, modules);
  if (!text.ends_with('\n')) text += '\n';
  return print(text);
}

}  // namespace tenon::host
