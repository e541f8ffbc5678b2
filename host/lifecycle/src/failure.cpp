// What a failure undoes: dependents first, in reverse, then the module itself.
#include <algorithm>

#include "base/text.hpp"
#include "core.hpp"

namespace tenon::host {

void Runner::Core::fail(std::uint32_t module, Phase phase, Error error, bool wedged) {
  Row& row = rows_[module];
  if (row.wedged) return;  // said once; nothing that is not owed to others is done with it any more
  const bool on_the_way_back = phase == Phase::stop || phase == Phase::destroy;
  const bool ends_it = wedged || (!on_the_way_back && phase != Phase::configure);
  if (stop_requested_ && ends_it && !wedged && error.code == Code::cancelled) {
    // It did as it was told: no failure of its own, and the way back takes care of the rest.
    drop(row);
    row.reason = std::string(phase_name(phase)) + ": gave up, because the host stops";
    if (!row.created && !row.start_called) set_state(row, ModuleState::stopped, row.reason);
    return settle(module);
  }
  ModuleFailure failure{row.module.name, phase, error, row.module.required};
  tell([this, failure, wedged, holders = wedged ? row.module.instance->holders() : std::vector<std::string>{}] {
    observer_.failed(failure, wedged, holders);
  });
  result_.failures.push_back(std::move(failure));

  const std::string reason = std::string(phase_name(phase)) + ": " + error.message;
  if (ends_it) drop(row);
  if (wedged || phase == Phase::destroy) {
    // A thread is inside, or something pins it: it is kept as it is, and never entered again.
    row.wedged = true;
    row.start_called = row.created = false;
    result_.wedged = true;
    set_state(row, ModuleState::wedged, reason);
  } else if (phase == Phase::stop) {
    row.start_called = false;  // called, and over: a stop that fails never keeps others from stopping
    set_state(row, ModuleState::stopped, row.reason);
  } else if (ends_it) {
    set_state(row, ModuleState::failed, reason);
  }
  if (on_the_way_back || !ends_it) return;

  settle(module);
  if (stop_requested_ || stage_ == Stage::stop || stage_ == Stage::destroy) {
    if (!row.wedged) row.after_undo = ModuleState::failed;
    return;  // the way back takes care of the rest
  }
  if (row.module.required)
    end_boot(error);
  else
    result_.degraded = true;
  undo(module);
}

void Runner::Core::end_boot(const Error& error) {
  boot_failed_ = true;
  result_.exit = worse(result_.exit, error.exit == ExitCode::ok ? ExitCode::unavailable : error.exit);
}

void Runner::Core::drop(Row& row) {
  if (!row.alive) return;
  row.alive = false;
  if (row_begun_ && boot_phases[phase_row_].phase == Phase::start && !row.start_called) {
    startable_.erase(static_cast<std::uint32_t>(&row - rows_.data()));
    --starts_left_;
  }
}

bool Runner::Core::is_owed(const Step& step) const {
  const Row& row = rows_[step.module];
  return !row.wedged && (step.phase == Phase::stop ? row.start_called : row.created);
}

void Runner::Core::undo(std::uint32_t module) {
  // Everyone who requires it, directly or not.
  std::vector<std::uint32_t> affected, todo{module};
  const std::string why = "`" + rows_[module].module.name + "`";
  while (!todo.empty()) {
    const std::uint32_t m = todo.back();
    todo.pop_back();
    for (std::uint32_t d : rows_[m].dependents) {
      Row& r = rows_[d];
      if (!r.alive || r.blocked) continue;
      r.blocked = true;
      r.reason = m == module
                     ? "requires " + why + ", which failed in " + rows_[module].reason
                     : "requires `" + rows_[m].module.name + "`, which is blocked because " + why + " failed in " + rows_[module].reason;
      affected.push_back(d);
      todo.push_back(d);
    }
  }
  std::sort(affected.rbegin(), affected.rend());
  for (std::uint32_t d : affected) {
    Row& r = rows_[d];
    drop(r);
    set_pending(r, 0);
    if (r.module.required) {
      ModuleFailure failure{
          r.module.name, Phase::none, {Code::failed_precondition, "blocked: " + r.reason, "BLOCKED", 0, ExitCode::unavailable}, true};
      result_.failures.push_back(failure);
      tell([this, failure] { observer_.failed(failure, false, {}); });
      end_boot(failure.error);
    }
  }
  if (boot_failed_) {
    for (std::uint32_t d : affected) {
      rows_[d].after_undo = ModuleState::blocked;
      if (!rows_[d].created && !rows_[d].start_called) set_state(rows_[d], ModuleState::blocked, rows_[d].reason);
    }
    if (!rows_[module].wedged) rows_[module].after_undo = ModuleState::failed;
    return;  // the boot ends, and the way back stops and destroys them all in the right order
  }
  for (std::uint32_t d : affected) {
    rows_[d].after_undo = ModuleState::blocked;
    undo_one(d);
    if (!rows_[d].created && !rows_[d].start_called) set_state(rows_[d], ModuleState::blocked, rows_[d].reason);
  }
  if (!rows_[module].wedged) {
    rows_[module].after_undo = ModuleState::failed;
    undo_one(module);
  }
}

void Runner::Core::undo_one(std::uint32_t module) {
  const Row& r = rows_[module];
  if (r.start_called) undo_.push_back({module, Phase::stop, {}});
  if (r.created) undo_.push_back({module, Phase::destroy, {}});
}

}  // namespace tenon::host
