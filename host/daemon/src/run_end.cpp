// The end while a module's constructor runs. It holds the dynamic loader's lock, which exit() and every orderly end would wait for: the process ends
// where it stands, after it has left behind what a normal end does.
#include <unistd.h>

#include <algorithm>

#include "markers.hpp"
#include "run.hpp"

namespace tenon::host {

void Run::load_overdue(const std::string& module, bool required) {
  // What can be kept is the knowledge for the next start.
  const auto m = std::find_if(modules_.begin(), modules_.end(), [&module](const RunningModule& x) { return x.name == module; });
  if (m != modules_.end()) write_load_marker(state_.fd.get(), module, m->digest);
  log_.log(fatal, "a constructor of this module does not return: the process ends",
           {{"module", module},
            {"phase", "load"},
            {"next_start", required ? "tries again, because it is required" : "skips it while its file is the same"}});
  static_cast<void>(states_audit_.write());
  kernel_.audit().record({"module.wedged", "error", "host", module, {}, "failed", {{"phase", "load"}}});
  end_inside_load(ExitCode::unavailable, true);
}

void Run::load_interrupted(const std::string& module) {
  // It may just be slow: nothing is known against it.
  log_.log(warn, "stopping does not wait for a constructor that is still running: the process ends",
           {{"module", module}, {"phase", "load"}});
  static_cast<void>(states_audit_.write());
  const ExitCode exit = runner_->result().exit;
  if (interrupted_) log_.log(error, interrupted_text, {});
  end_inside_load(interrupted_ ? worse(exit, ExitCode::try_again) : exit, false);
}

void Run::end_inside_load(ExitCode exit, bool load_hangs) {
  log_.flush();  // first: what follows may hang too
  stopping_handled_ = finished_handled_ = true;
  write_status(true);
  write_report(load_hangs);
  if (tell_end) tell_end(exit);
  log_.flush();
  ::_exit(static_cast<int>(exit));
}

}  // namespace tenon::host
