// Boot: from configuration and directories to a Plan. What `run` does before any module code, and all that `check`, `list`, `graph` and
// `config` do.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "config/config.hpp"
#include "graph/plan.hpp"

namespace tenon::host {

class ModuleStore;

/// The host's RuntimeModules, in lifecycle order. Compiled in: no option, file or environment changes it.
const BuiltinTable& builtin_modules();

/// Version of this host, "0.1.0".
std::string host_version();

/// What this host serves to modules.
HostOffer host_offer();

/// The directory of RuntimeModules beside this executable; may hold `..`.
std::string runtime_directory(const std::string& executable);

struct BootOptions {
  std::string executable;  ///< resolved path of tenond: RuntimeModules are in ../lib/tenon/runtime beside it
  BuiltinTable builtins;
  bool safe_mode = false;
  std::vector<std::string> hung_digests;  ///< of files whose load never returned: refused while optional
  bool notes = true;                      ///< also find what is neither wrong nor doubtful
  std::function<void()> discovered{};     ///< called when discovery is over; empty = nobody asks
  const ModuleStore* store = nullptr;     ///< of earlier starts, to spare hashing what has not changed; borrowed, may be null
};

/// Digests in the load marker of a state directory; empty if there is none.
std::vector<std::string> hung_digests(const std::string& state_dir);

/// Times of the phases in which no module code runs; monotonic.
struct BootTimes {
  std::int64_t discover_begin = 0, plan_begin = 0, plan_end = 0;
};

/// Phases 0 and 1: discover and plan. Writes nothing.
Plan prepare_plan(const Config& config, const BootOptions& options, BootTimes* times = nullptr);

/// /proc/self/exe, resolved.
std::string own_executable();

/// The environment and credentials of this process, as configuration reads them.
void add_process_environment(ConfigInput& input);

}  // namespace tenon::host
