// Reload: what a new configuration and the directories as they are now would change, computed aside.
#pragma once

#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "abi/module_instance.hpp"
#include "base/sha256.hpp"
#include "config/config.hpp"
#include "daemon/boot.hpp"

namespace tenon::host {

/// A module as it runs, what later comparisons need of it.
struct RunningModule {
  std::string name, version, path;
  Digest digest{};
  bool trusted = false, required = false;
  std::shared_ptr<const ModuleConfig> config;
};

/// One validated future, or the reasons against it.
struct ReloadOutcome {
  Diagnostics errors;                  ///< not empty: refused, nothing changes
  Diagnostics warnings;                ///< of the new configuration and plan, when it is not refused
  std::shared_ptr<const Config> next;  ///< to switch to
  ReloadDiff diff;
  struct ModuleChange {
    std::uint32_t module;  ///< index into the running ones
    ConfigChange change;   ///< paths empty = nothing live changed
    ModuleConfig config;   ///< what it runs with from then on
  };
  std::vector<ModuleChange> modules;
  std::vector<std::string> needs_restart;  ///< changed keys, one sentence each
  std::vector<std::string> restart_would;  ///< modules, one sentence each: restart_would()
};

/// Reads everything again and compares. Runs on any thread; changes nothing.
ReloadOutcome compute_reload(const ConfigInput& input, const BootOptions& boot, const Config& running,
                             const std::vector<RunningModule>& modules);

/// What a restart would do about files that changed, one sentence each.
std::vector<std::string> restart_would(const Plan& plan, const std::vector<RunningModule>& modules);

/// What a restart would change, each sentence told once for as long as it holds. Keys are known after a reload, modules also after a look at the
/// directories: each is compared with what was last said of its own kind.
class RestartNews {
 public:
  /// The modules' sentences at the start: a restart would meet the same, so they are no change.
  void began_with(const std::vector<std::string>& modules) { at_start_ = modules_ = {modules.begin(), modules.end()}; }
  /// The sentences not told yet.
  std::vector<std::string> new_keys(const std::vector<std::string>& sentences) { return news(keys_, sentences); }
  /// `withdrawn`: gets those that were told and hold no longer; may be null.
  std::vector<std::string> new_modules(const std::vector<std::string>& sentences, std::vector<std::string>* withdrawn = nullptr);
  /// A restart would change something, told or not.
  [[nodiscard]] bool any() const;

 private:
  static std::vector<std::string> news(std::set<std::string>& told, const std::vector<std::string>& sentences);
  std::set<std::string> at_start_, keys_, modules_;
};

}  // namespace tenon::host
