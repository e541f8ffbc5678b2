// Daemon: `tenond run` and `--migrate-only`, from options to exit code.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "base/diagnostic.hpp"
#include "base/exit_code.hpp"
#include "config/config.hpp"
#include "graph/plan.hpp"

namespace tenon::host {

struct DaemonOptions {
  ConfigInput config;
  BuiltinTable builtins;
  std::string executable;
  std::string startup_report;  ///< file ending in .json or .svg; empty = none
  bool safe_mode = false;
  bool migrate_only = false;
  bool strict = false;                ///< modules get checking proxies of all tables
  bool json_output = false;           ///< of --migrate-only
  bool colour = false;                ///< stderr is a terminal and NO_COLOR is not set
  std::int64_t process_start_ns = 0;  ///< monotonic, of exec as far as known
};

/// What `migrate` prints when all is well: no module of this version has migrations.
inline constexpr const char* no_migrations_text = "no module offers migrations: nothing to do\n";
/// The same for --output json, with what was found on the way there.
std::string no_migrations_json(const Diagnostics& findings);

/// Runs until a signal, a failed boot or a required module's end. Signals must be blocked (block_handled_signals) before any thread is
/// started. Once modules were loaded it returns under sanitizers only, and only if none of them is wedged and no reload hangs: otherwise it
/// ends the process, so that nothing is freed that a thread of a module may use. The caller ends the process by end_process() too.
struct DaemonResult {
  ExitCode exit = ExitCode::ok;
  bool wedged = false;
};
DaemonResult run_daemon(const DaemonOptions& options);

/// First statement of main: descriptors 0, 1 and 2 that the starter closed become /dev/null, so that no file opened later takes such a number and is
/// written to, or read, in its place. Ends the process with os_error (71) if that cannot be done.
void open_standard_descriptors();

/// Before any thread is started: SIGTERM, SIGINT, SIGHUP, SIGUSR1, SIGQUIT are taken by the main loop only, also if a thread of a module unblocks them;
/// SIGPIPE is ignored.
void block_handled_signals();
/// For commands without a main loop, before they start a thread: the signals taken by it end the process again.
void unblock_handled_signals();

/// Ends the process without running destructors of libraries: a module's thread may still be running. Under sanitizers exit() is used unless wedged, so that leaks are reported.
[[noreturn]] void end_process(ExitCode code, bool wedged);

}  // namespace tenon::host
