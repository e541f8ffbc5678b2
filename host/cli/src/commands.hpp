// Commands: one function per word of the command line. Output goes to stdout, errors to stderr.
#pragma once

#include <memory>
#include <optional>

#include "base/exit_code.hpp"
#include "daemon/boot.hpp"
#include "daemon/daemon.hpp"
#include "manifest/manifest.hpp"
#include "options.hpp"

namespace tenon::host {

/// Shared by commands that look at the plan.
struct Planned {
  std::shared_ptr<const Config> config;
  Plan plan;
  Diagnostics diagnostics;  ///< of configuration and plan
  ExitCode exit = ExitCode::ok;
};
/// Null config: printed already (text on stderr, or the JSON of a failure on stdout), `exit` says what to return.
Planned plan_for(const Options& options);

/// `migrate` as far as it can be answered without running anything: --dry-run, --status, and whether --module names one that would run.
/// Absent: the daemon has to go through its phases.
std::optional<ExitCode> prepare_migrate(const Options& options);

ExitCode run_check(const Options& options);
ExitCode run_list(const Options& options);
ExitCode run_graph(const Options& options);
ExitCode run_config(const Options& options);
ExitCode run_inspect(const Options& options);
ExitCode run_audit(const Options& options);
ExitCode run_version(const Options& options);

/// Notes it if the module uses what is there in the process of the host only, and so can never be isolated: the container and leases.
void note_in_process(const Manifest& manifest, Diagnostics& diagnostics);

/// True if errors may be coloured: stderr is a terminal, NO_COLOR is not set.
bool use_colour();
/// Says why a command failed, and returns `exit`: on stderr, or with --output json on stdout as {"format":1,"exit":N,"findings":[...]}.
ExitCode fail(const Options& options, const Diagnostics& diagnostics, ExitCode exit);
ExitCode fail(const Options& options, const std::string& code, const std::string& message, const std::string& help, ExitCode exit);
/// Writes all of it to stdout; io_error if that fails (a full disk, a closed pipe).
ExitCode print(const std::string& text);
/// {"name","version","kind","fate","required","reason"?,"path"?,"requires":[...],"permissions"?:[{"permission","what","state"}],"to_grant"?} of each
/// module, as a JSON array. `state`: granted, partly, missing, unused; `to_grant`: the line below `modules.<name>` that grants what is missing.
std::string modules_json(const Plan& plan);

}  // namespace tenon::host
