#include <unistd.h>

#include <deque>
#include <string_view>
#include <unordered_set>
#include <utility>
#include <vector>

#include "base/file.hpp"
#include "commands.hpp"
#include "config/schema.hpp"
#include "daemon/journal.hpp"

namespace tenon::host {
namespace {

/// The configuration of every module found, whatever becomes of it: of those that have none, because they are switched off or it is wrong, the
/// schema, as it says what is secret.
class KnownConfigs {
 public:
  explicit KnownConfigs(const Plan& plan) {
    std::unordered_set<std::string_view> planned;
    for (std::size_t i = 0; i < plan.modules.size(); ++i) {
      const PlannedModule& m = plan.modules[i];
      // What merely carries the name of a module that runs has no say in what of it is shown.
      if (i < plan.planned)
        planned.insert(m.candidate.name);
      else if (planned.contains(m.candidate.name))
        continue;
      list_.emplace_back(m.candidate.name, known(m));
    }
  }
  [[nodiscard]] const std::vector<std::pair<std::string, const ModuleConfig*>>& list() const { return list_; }

 private:
  const ModuleConfig* known(const PlannedModule& m) {
    if (m.config.value.is_map()) return &m.config;
    if (m.candidate.manifest == nullptr || !m.candidate.manifest->config_schema) return nullptr;
    Diagnostics told;  // by the plan, where the module is not switched off
    std::optional<Schema> schema = Schema::compile(*m.candidate.manifest->config_schema, told);
    if (!schema) return nullptr;
    ModuleConfig& config = schemas_.emplace_back();
    config.schema = std::make_shared<const Schema>(std::move(*schema));
    return &config;
  }

  std::deque<ModuleConfig> schemas_;
  std::vector<std::pair<std::string, const ModuleConfig*>> list_;
};

/// What is configured without being in force, and why.
NotInForce not_in_force(const Planned& planned) {
  NotInForce out;
  std::unordered_set<std::string_view> running;
  for (std::size_t i = 0; i < planned.plan.modules.size(); ++i) {
    const PlannedModule& m = planned.plan.modules[i];
    if (i < planned.plan.planned)
      running.insert(m.candidate.name);
    else if (!running.contains(m.candidate.name))
      out.try_emplace(m.candidate.name, std::string(fate_name(m.fate)) + ": " + m.reason);
  }
  for (const auto& [name, settings] : planned.config->host.modules)
    if (!running.contains(name)) out.try_emplace(name, "no such module was found");
  return out;
}

}  // namespace

ExitCode run_config(const Options& options) {
  const Planned planned = plan_for(options);
  if (!planned.config) return planned.exit;
  const KnownConfigs modules(planned.plan);
  const NotInForce idle = not_in_force(planned);
  if (options.json) {
    const std::string shown = config_to_json(*planned.config, modules.list(), idle);
    return print("{\"format\":1,\"exit\":0,\"findings\":" + to_json(planned.diagnostics) + "," + shown.substr(1) + "\n");
  }
  static_cast<void>(write_all(STDERR_FILENO, for_stderr(planned.diagnostics, use_colour())));
  std::string text = config_to_text(*planned.config, modules.list(), idle);
  if (!text.ends_with('\n')) text += '\n';
  return print(text);
}

}  // namespace tenon::host
