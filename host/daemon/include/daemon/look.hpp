// Look: what of the host's own files would keep a boot from starting, without touching them.
#pragma once

#include "base/diagnostic.hpp"
#include "base/exit_code.hpp"
#include "config/config.hpp"
#include "graph/plan.hpp"

namespace tenon::host {

/// Looks at the state directory, the store if a module of the plan needs it, and the files of the log and of the audit log as this user would find them in a boot, and adds what a boot would say of
/// them. `found`: what the boot would end with because of other things; returned is what it would end with because of these, too. Changes nothing. What
/// only the user shows that root would become on a foreign state directory is not seen.
ExitCode look_at_own_files(const Config& config, const Plan& plan, ExitCode found, Diagnostics& findings);

}  // namespace tenon::host
