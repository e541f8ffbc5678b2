// What Run tells others: the supervisor, status.json, the startup report.
#include <fcntl.h>

#include <algorithm>

#include "base/clock.hpp"
#include "run.hpp"
#include "status_file.hpp"

namespace tenon::host {
namespace {

constexpr std::int64_t second_ns = 1'000'000'000;

}  // namespace

void Run::tell_supervisor() {
  static_cast<void>(supervisor_.flush());
  if (is_moving() || status_line_due_) static_cast<void>(supervisor_.status(status_line()));
  status_line_due_ = false;
}

std::vector<ModuleStatus> Run::all_modules() const {
  std::vector<ModuleStatus> out = runner_->status();
  out.insert(out.end(), others_.begin(), others_.end());
  return out;
}

// The supervisor waits until `deadline_ns` and a margin. Asked again every 10 s, and at once when something has begun that takes longer.
void Run::extend_supervisor(std::int64_t deadline_ns) {
  constexpr std::int64_t margin_ns = 15 * second_ns, again_ns = 10 * second_ns, longer_ns = 5 * second_ns;
  const std::int64_t now = monotonic_ns();
  if (deadline_ns == no_deadline || !supervisor_.active()) return;
  if (now - extended_ns_ < again_ns && deadline_ns - extended_until_ns_ < longer_ns) return;
  if (!supervisor_.extend_timeout(Nanos(deadline_ns - now + margin_ns))) return;  // it could not be told: at the next look
  extended_ns_ = now;
  extended_until_ns_ = deadline_ns;
}

// Called in the main loop, which proves that it moves; a control thread inside a module counts as moving until its deadline, when check() writes it off.
void Run::feed_watchdog() {
  const std::int64_t interval_ns = supervisor_.watchdog_interval().count();
  if (interval_ns == 0) return;
  // A writer that has been at one group for that long hangs, and with it everybody who waits for the disk.
  Storage* const storage = kernel_.storage();
  const std::int64_t writing_since = storage == nullptr ? 0 : storage->busy_since_ns();
  if (writing_since == 0 || monotonic_ns() - writing_since < interval_ns) static_cast<void>(supervisor_.watchdog());
  constexpr std::int64_t shortest_ns = 1'000'000;
  loop_.set_timer(watchdog_timer_, monotonic_ns() + std::max(interval_ns / 4, shortest_ns));
}

std::string Run::status_line() const {
  const std::vector<ModuleStatus> all = all_modules();
  const auto running = std::count_if(all.begin(), all.end(), [](const ModuleStatus& m) { return m.state == ModuleState::running; });
  const std::size_t bad = count_not_running(all);
  std::string out = std::to_string(running) + "/" + std::to_string(modules_.size()) + " modules running";
  if (bad != 0) out += ", " + std::to_string(bad) + " not";
  if (stopping_handled_) return "stopping: " + out;
  if (ready_handled_ && kernel_.in_use()) {
    const HealthReport health = kernel_.health().report(monotonic_ns());
    if (!health.ready || health.degraded) out += health.ready ? ", health degraded" : ", not ready";
    for (const CheckStatus& c : health.checks)
      if (c.state == CheckState::unhealthy) {
        out += ": " + c.module + "/" + c.name;  // the first one says where to look
        break;
      }
  }
  return ready_handled_ ? out : observer_.current_phase() + ": " + out;
}

void Run::write_status(bool now) {
  const std::int64_t t = monotonic_ns();
  if (!now && t - status_written_ns_ < second_ns) {
    loop_.set_timer(status_timer_, status_written_ns_ + second_ns);
    return;
  }
  status_written_ns_ = t;
  status_written_ = true;
  if (observer_.states_changed.exchange(false)) status_line_due_ = true;  // before the states are read
  if (options_.migrate_only) return;
  StatusSnapshot s{host_version(), std::string(), config_->host.instance_name, "starting", started_realtime_ns_, all_modules()};
  s.health = kernel_.health().report(t);
  const tenon_str id = host_->c_host()->instance_id;
  s.instance_id.assign(id.ptr, id.len);
  if (ready_handled_) s.state = is_degraded(s.modules) || s.health.degraded ? "degraded" : "running";
  if (stopping_handled_) s.state = finished_handled_ ? "stopped" : "stopping";
  // The state directory is the one that was locked, wherever its path leads by now.
  const HostSettings& host = config_->host;
  const bool in_state = host.runtime_dir_status.empty() || host.runtime_dir_status == host.state_dir;
  const std::string name = in_state ? status_file_name : host.runtime_dir_status + "/" + status_file_name;
  const std::string shown = in_state ? state_.path + "/" + name : name;
  if (const Result<void> written = write_file_atomic_at(in_state ? state_.fd.get() : AT_FDCWD, name, shown, status_json(s), 0644); !written)
    log_.log(warn, "status.json could not be written", {{"error", written.error().message}});
}

void Run::write_report(bool load_hangs) {
  if (options_.startup_report.empty()) return;
  StartupReport report = begin_startup_report(options_, *config_, times_);
  const RunnerResult result = runner_->result();
  const bool through = ready_handled_ || (options_.migrate_only && !interrupted_);
  report.outcome = load_hangs || result.exit != ExitCode::ok ? "failed"
                   : !through                                ? "cancelled"
                   : is_degraded(all_modules())              ? "degraded"
                   : ready_handled_                          ? "ready"
                                                             : "migrated";
  report.ready_ns = observer_.ready_at_ns.load();
  for (const PhaseTime& p : observer_.phases())
    report.host.push_back({p.phase, p.begin_ns, p.end_ns, p.end_ns == 0 ? SpanResult::running : SpanResult::ok});
  report.modules = observer_.spans();
  const std::vector<ModuleStatus> states = runner_->status();
  std::unordered_map<std::string_view, const ModuleStatus*> by_name;
  for (const ModuleStatus& s : states) by_name.emplace(s.name, &s);
  for (ModuleSpans& m : report.modules)
    if (const auto s = by_name.find(m.module); s != by_name.end()) {
      m.required = s->second->required;
      m.state = state_name(s->second->state);
    }
  if (const Result<void> written = write_startup_report(report, options_.startup_report); !written)
    log_.log(error, "the startup report could not be written", {{"error", written.error().message}});
}

}  // namespace tenon::host
