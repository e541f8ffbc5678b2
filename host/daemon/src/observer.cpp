#include "observer.hpp"

#include "base/clock.hpp"
#include "base/text.hpp"

namespace tenon::host {
namespace {

// For people: three digits are enough, so "1.24ms" and not "1ms239us871ns".
std::string rounded(std::int64_t ns) {
  if (ns < 1'000'000) return std::to_string(ns / 1000) + "us";
  const std::int64_t hundredths = ns / 10'000;
  const std::string fraction = std::to_string(hundredths % 100);
  return std::to_string(hundredths / 100) + "." + (fraction.size() < 2 ? "0" : "") + fraction + "ms";
}

}  // namespace

void DaemonObserver::phase_began(Phase phase, std::int64_t at_ns) {
  const std::lock_guard lock(mutex_);
  phases_.push_back({std::string(phase_name(phase)), 0, at_ns, 0});
  states_changed.store(true);
}

void DaemonObserver::phase_ended(Phase phase, std::int64_t at_ns, std::uint32_t modules) {
  std::int64_t took = 0;
  {
    const std::lock_guard lock(mutex_);
    if (phases_.empty()) return;
    phases_.back().end_ns = at_ns;
    phases_.back().modules = modules;
    took = at_ns - phases_.back().begin_ns;
  }
  log_.log(info, "phase done", {{"phase", phase_name(phase)}, {"modules", std::to_string(modules)}, {"took", rounded(took)}});
}

void DaemonObserver::state_changed(const ModuleStatus& status) {
  if (on_state) on_state(status);
  const bool told = states_changed.exchange(true);  // until status.json is written
  const bool early = status.state < ModuleState::running && status.state > ModuleState::disabled;
  const int level = early && !running_.load(std::memory_order_relaxed) ? debug : info;
  if (log_.enabled(level)) {
    if (status.reason.empty())
      log_.log(level, "module state", {{"module", status.name}, {"state", state_name(status.state)}});
    else
      log_.log(level, "module state", {{"module", status.name}, {"state", state_name(status.state)}, {"reason", status.reason}});
  }
  // A module that has just started may have checks to be asked at once.
  if ((!told || status.state == ModuleState::running) && running_.load(std::memory_order_relaxed)) wake_();
}

void DaemonObserver::is_slow(const std::string& module, Phase phase, std::int64_t elapsed_ns, std::int64_t limit_ns) {
  constexpr std::int64_t ms = 1'000'000;
  // What was configured, less what has passed since the deadline was set: to the millisecond that is the same.
  const Nanos limit(limit_ns < ms ? limit_ns : (limit_ns + ms / 2) / ms * ms);
  log_.log(warn, "module is slow",
           {{"module", module}, {"phase", phase_name(phase)}, {"elapsed", rounded(elapsed_ns)}, {"limit", format_duration(limit)}});
}

void DaemonObserver::failed(const ModuleFailure& failure, bool wedged, const std::vector<std::string>& holders) {
  std::string who;
  for (const std::string& h : holders) who += (who.empty() ? "" : ", ") + h;
  const std::string errno_text = std::to_string(failure.error.sys_errno);
  std::vector<LogField> fields = {{"module", failure.module}, {"error", failure.error.message}, {"code", code_name(failure.error.code)}};
  if (failure.phase != Phase::none) fields.insert(fields.begin() + 1, {"phase", phase_name(failure.phase)});
  if (!failure.error.reason.empty()) fields.push_back({"reason", failure.error.reason});
  if (failure.error.sys_errno != 0) fields.push_back({"errno", errno_text});
  if (failure.required) fields.push_back({"required", "true"});
  if (!who.empty()) fields.push_back({"held_by", who});
  const bool goes_on = failure.phase == Phase::configure && !wedged;
  log_.log(error,
           wedged    ? "module is wedged"
           : goes_on ? "module did not take a change of its configuration, and goes on"
                     : "module failed",
           fields);
}

void DaemonObserver::timed(const std::string& module, Phase phase, std::int64_t begin_ns, std::int64_t end_ns, bool ok) {
  const std::lock_guard lock(mutex_);
  const auto [it, added] = span_index_.try_emplace(module, spans_.size());
  if (added) spans_.push_back({module, false, {}, {}, {}});
  spans_[it->second].spans.push_back({std::string(phase_name(phase)), begin_ns, end_ns, ok ? SpanResult::ok : SpanResult::failed});
}

void DaemonObserver::ready() {
  running_.store(true);
  ready_at_ns.store(monotonic_ns());
  is_ready.store(true);
  wake_();
}

void DaemonObserver::stopping() {
  if (on_stopping) on_stopping();
  running_.store(true);
  is_stopping.store(true);
  wake_();
}

void DaemonObserver::finished() {
  is_finished.store(true);
  wake_();
}

void DaemonObserver::wake(std::int64_t) {
  check_wanted.store(true);
  wake_();
}

void DaemonObserver::load_overdue(const std::string& module, bool required) {
  if (on_load_overdue) on_load_overdue(module, required);
}

void DaemonObserver::load_interrupted(const std::string& module) {
  if (on_load_interrupted) on_load_interrupted(module);
}

void DaemonObserver::no_thread() { log_.log(fatal, "the system gives no thread: raise the limit of processes (TasksMax=, ulimit -u)", {}); }

std::string DaemonObserver::current_phase() const {
  const std::lock_guard lock(mutex_);
  return phases_.empty() ? "plan" : phases_.back().phase;
}

std::vector<PhaseTime> DaemonObserver::phases() const {
  const std::lock_guard lock(mutex_);
  return phases_;
}

std::vector<ModuleSpans> DaemonObserver::spans() const {
  const std::lock_guard lock(mutex_);
  return spans_;
}

}  // namespace tenon::host
