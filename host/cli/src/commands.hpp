// Commands: one function per word of the command line. Output goes to stdout, errors to stderr.
#pragma once

#include <memory>
#include <optional>

#include "base/exit_code.hpp"
#include "daemon/boot.hpp"
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

ExitCode run_check(const Options& options);
ExitCode run_list(const Options& options);
ExitCode run_graph(const Options& options);
ExitCode run_config(const Options& options);
ExitCode run_inspect(const Options& options);
ExitCode run_version(const Options& options);

/// True if errors may be coloured: stderr is a terminal, NO_COLOR is not set.
bool use_colour();
/// Writes all of it to stdout; io_error if that fails (a full disk, a closed pipe).
ExitCode print(const std::string& text);
/// {"name","version","kind","fate","required","reason"?,"path"?,"requires":[...]} of each module, as a JSON array.
std::string modules_json(const Plan& plan);

}  // namespace tenon::host
