// Plan: which modules run, in which order, and why the others do not.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/diagnostic.hpp"
#include "config/config.hpp"
#include "discovery/candidate.hpp"
#include "graph/permissions.hpp"
#include "kernel/loop_policy.hpp"

namespace tenon::host {

/// One row of the host's compiled-in table of RuntimeModules. Order of the table = order of the lifecycle.
struct BuiltinModule {
  std::string name;
  bool required = true;
};
using BuiltinTable = std::vector<BuiltinModule>;

/// An interface this host offers: id and the size of its table at 1.0.
struct OfferedInterface {
  std::string id;
  bool runtime_only = false;  ///< for RuntimeModules only
};

/// What this host serves; given by the daemon so that tests can vary it.
struct HostOffer {
  std::string host_version;
  std::vector<OfferedInterface> interfaces;
  std::vector<std::string> capabilities;  ///< served ones: runnable, system, ...
};

enum class Fate : std::uint8_t { planned, refused, blocked, disabled };
std::string_view fate_name(Fate fate);

/// One module of the plan. Indices point into Plan::modules.
struct PlannedModule {
  Candidate candidate;
  Fate fate = Fate::planned;
  bool trusted = false;  ///< a RuntimeModule
  bool required = false;
  std::string reason;                    ///< why refused, blocked or disabled: one sentence, names the root cause
  std::vector<std::uint32_t> requires_;  ///< deduplicated, sorted; planned modules only have planned ones
  std::vector<std::uint32_t> after;      ///< present ones only
  ModuleConfig config;
  /// Of a plugin that asks for something, or is granted something; null: it may do what is its own (a RuntimeModule: everything).
  std::shared_ptr<const PlannedPermissions> permissions;
  PhaseTimeouts timeouts;  ///< host's, manifest's, operator's, in this order
  LoopDecisions loops;     ///< the operator's
};

struct Plan {
  /// Planned modules first, in lifecycle order (built-in table, then topological, ties by name); then all others by name.
  std::vector<PlannedModule> modules;
  std::size_t planned = 0;  ///< the first `planned` of `modules`
  Diagnostics diagnostics;  ///< everything found, sorted; candidates' own included
  /// ok: the boot may go on. Else what the process ends with (problems that touch a required module, cycle among required ones, ...).
  ExitCode exit = ExitCode::ok;
};

struct PlanOptions {
  bool safe_mode = false;  ///< no plugin runs, `required` of plugins is ignored
  bool notes = true;       ///< also what is neither wrong nor doubtful; for a thousand modules it takes milliseconds to word
};

/// Joins candidates with the table and the configuration; never fails: every problem is a diagnostic and a fate. Cost: linear in modules and edges
/// (sorting aside). Runs module configuration validation in parallel.
Plan make_plan(Discovery discovery, const BuiltinTable& builtins, const HostOffer& offer, const Config& config, const PlanOptions& options);

/// The order of load: RuntimeModules, then required plugins with what they require, then the optional ones; each part in lifecycle order.
std::vector<std::uint32_t> load_order(const Plan& plan);

/// Renderings for `tenond graph`; stable text.
std::string graph_text(const Plan& plan);
std::string graph_dot(const Plan& plan);
std::string graph_json(const Plan& plan);
std::string graph_svg(const Plan& plan);

}  // namespace tenon::host
