// The walk forward: what comes next, running it, and what its end means.
#include <algorithm>
#include <system_error>
#include <thread>

#include "core.hpp"

namespace tenon::host {

Runner::Core::Core(std::vector<RunnerModule> modules, RunnerOptions options, RunnerObserver& observer)
    : options_(std::move(options)), observer_(observer) {
  if (!options_.now) options_.now = &monotonic_ns;
  rows_.resize(modules.size());
  for (std::uint32_t i = 0; i < modules.size(); ++i) {
    rows_[i].module = std::move(modules[i]);
    rows_[i].since_ns = now();
  }
  for (std::uint32_t i = 0; i < rows_.size(); ++i) {
    for (std::uint32_t r : rows_[i].module.requirements) rows_[r].dependents.push_back(i);
    for (std::uint32_t a : rows_[i].module.after) rows_[a].followers.push_back(i);
  }
  if (options_.load_order.empty())
    for (std::uint32_t i = 0; i < rows_.size(); ++i) options_.load_order.push_back(i);
  slots_.resize(std::clamp(options_.parallelism, 1U, 64U));
}

void Runner::Core::start() {
  Lock lock(mutex_);
  for (std::uint32_t i = 0; i < rows_.size(); ++i)
    rows_[i].module.instance->on_completed([core = weak_from_this(), i](Phase phase, Outcome outcome) {
      if (const auto self = core.lock()) self->completed(i, phase, std::move(outcome));
    });
  if (launch(0)) return;
  result_.exit = ExitCode::os_error;
  tell([this] { observer_.no_thread(); });
  end_all();
  emit(lock);
}

bool Runner::Core::launch(std::size_t slot) {
  try {
    std::thread([self = shared_from_this(), slot, epoch = slots_[slot].epoch] { self->control(slot, epoch); }).detach();
    slots_[slot].has_thread = true;
  } catch (const std::system_error&) {
    slots_[slot].has_thread = false;
  }
  return slots_[slot].has_thread;
}

void Runner::Core::control(std::size_t slot, std::uint64_t epoch) {
  if (options_.thread_begins) options_.thread_begins();
  Lock lock(mutex_);
  while (slots_[slot].epoch == epoch && stage_ != Stage::finished) {
    const std::optional<Step> step = next();
    if (!step) {
      if (!events_.empty() && !emitting_)
        emit(lock);  // the world may have moved on meanwhile: look again
      else if (stage_ != Stage::finished)
        changed_.wait(lock);
      continue;
    }
    begin(slots_[slot], *step);
    emit(lock);
    if (slots_[slot].epoch != epoch) break;
    const std::int64_t begin_ns = slots_[slot].since_ns;
    const std::int64_t deadline_ns = slots_[slot].deadline_ns;
    lock.unlock();
    Outcome outcome = perform(*step, deadline_ns);
    lock.lock();
    if (slots_[slot].epoch != epoch) break;  // given up meanwhile: another thread went on from here
    slots_[slot].active = false;
    --active_;
    finish(*step, std::move(outcome), begin_ns);
    // This thread goes on itself; the others are woken when there is more to do at a time than it can.
    if (startable_.size() > 1) changed_.notify_all();
  }
  emit(lock);
  changed_.notify_all();
}

std::optional<Runner::Core::Step> Runner::Core::next() {
  // The way back does the same in the right order, with its own limits.
  if (stop_requested_ && (stage_ == Stage::boot || stage_ == Stage::run)) undo_.clear();
  while (!undo_.empty()) {
    if (active_ != 0) return std::nullopt;
    Step step = std::move(undo_.front());
    undo_.pop_front();
    if (is_owed(step)) return step;
  }
  if (stage_ == Stage::boot || stage_ == Stage::run) {
    const bool at_once = stage_ == Stage::run || boot_phases[phase_row_].ends_at_first_failure;
    if (stop_requested_ || (boot_failed_ && at_once)) {
      if (active_ != 0) return std::nullopt;
      begin_stop();
    }
  }
  switch (stage_) {
    case Stage::boot:
      return next_boot();
    case Stage::run: {
      while (!configure_.empty() && active_ == 0) {
        Step step = std::move(configure_.front());
        configure_.pop_front();
        const ModuleState state = rows_[step.module].state;
        if (state == ModuleState::running || state == ModuleState::starting) return step;
      }
      return std::nullopt;
    }
    case Stage::stop:
    case Stage::destroy:
      return active_ != 0 ? std::nullopt : next_stop();
    case Stage::finished:
      break;
  }
  return std::nullopt;
}

void Runner::Core::begin_row() {
  const PhaseRow& row = boot_phases[phase_row_];
  row_begun_ = true;
  row_calls_ = 0;
  cursor_ = 0;
  tell([this, phase = row.phase, at = now()] { observer_.phase_began(phase, at); });
  if (row.phase != Phase::start) return;
  for (std::uint32_t i = 0; i < rows_.size(); ++i) {
    Row& r = rows_[i];
    if (!r.alive) continue;
    ++starts_left_;
    const auto unsettled = [this](std::uint32_t m) { return rows_[m].alive && !rows_[m].settled; };
    r.waits_for = static_cast<std::uint32_t>(std::count_if(r.module.requirements.begin(), r.module.requirements.end(), unsettled) +
                                             std::count_if(r.module.after.begin(), r.module.after.end(), unsettled));
    if (r.waits_for == 0) startable_.insert(i);
  }
  for (std::size_t s = 1; s < slots_.size(); ++s) launch(s);  // one that is not to be had is gone without
}

void Runner::Core::end_row() {
  tell([this, phase = boot_phases[phase_row_].phase, at = now(), calls = row_calls_] { observer_.phase_ended(phase, at, calls); });
  row_begun_ = false;
  ++phase_row_;
}

std::optional<Runner::Core::Step> Runner::Core::next_boot() {
  for (;;) {
    const PhaseRow& row = boot_phases[phase_row_];
    if (!row_begun_) begin_row();
    if (row.phase == Phase::start) return next_start();
    if (active_ != 0) return std::nullopt;
    while (cursor_ < rows_.size()) {
      const std::uint32_t m = row.who == Who::all_load_order ? options_.load_order[cursor_] : static_cast<std::uint32_t>(cursor_);
      ++cursor_;
      Row& r = rows_[m];
      if (!r.alive || (row.who == Who::runtime_modules && !r.module.trusted)) continue;
      if (!r.module.instance->has(row.phase)) {
        skip(m, row.phase);
        continue;
      }
      ++row_calls_;
      return Step{m, row.phase, {}};
    }
    end_row();
    if (boot_failed_ || phase_row_ == boot_phases.size() || (options_.migrate_only && !boot_phases[phase_row_].migrate_only)) {
      begin_stop();
      return next_stop();
    }
  }
}

std::optional<Runner::Core::Step> Runner::Core::next_start() {
  while (!startable_.empty()) {
    const std::uint32_t m = *startable_.begin();
    startable_.erase(startable_.begin());
    --starts_left_;
    Row& r = rows_[m];
    r.start_called = true;
    start_order_.push_back(m);
    if (!r.module.instance->has(Phase::start)) {
      skip(m, Phase::start);
      continue;
    }
    ++row_calls_;
    return Step{m, Phase::start, {}};
  }
  const bool required_unsettled = starts_left_ != 0 || active_ != 0 || std::any_of(rows_.begin(), rows_.end(), [](const Row& r) {
                                    return r.module.required && r.alive && !r.settled;
                                  });
  if (!required_unsettled) {
    end_row();
    stage_ = Stage::run;
    result_.became_ready = true;
    tell([this] { observer_.ready(); });
    changed_.notify_all();
  }
  return std::nullopt;
}

void Runner::Core::skip(std::uint32_t module, Phase phase) {
  rows_[module].module.instance->skipped(phase);
  finish({module, phase, {}}, Outcome::ok(), 0);
}

void Runner::Core::settle(std::uint32_t module) {
  Row& row = rows_[module];
  if (row.settled) return;
  row.settled = true;
  if (boot_phases.size() == phase_row_ || boot_phases[phase_row_].phase != Phase::start || !row_begun_) return;
  const auto release = [this](std::uint32_t m) {
    Row& r = rows_[m];
    if (r.alive && !r.start_called && r.waits_for != 0 && --r.waits_for == 0) startable_.insert(m);
  };
  for (std::uint32_t d : row.dependents) release(d);
  for (std::uint32_t f : row.followers) release(f);
}

void Runner::Core::begin(Slot& slot, Step step) {
  Row& row = rows_[step.module];
  if (step.phase == Phase::start) set_state(row, ModuleState::starting);
  if (step.phase == Phase::stop) {
    set_state(row, ModuleState::stopping, row.reason);
    set_pending(row, 0);
  }
  slot.limit_ns = limit_of(step);
  slot.since_ns = now();
  slot.deadline_ns = slot.since_ns + slot.limit_ns;
  slot.step = std::move(step);
  slot.warned = false;
  slot.cut_ns = 0;
  slot.cancelled = false;
  slot.active = true;
  ++active_;
  look_at(slot.since_ns + slot.limit_ns / 3);
}

Outcome Runner::Core::perform(const Step& step, std::int64_t deadline_ns) {
  ModuleInstance& instance = *rows_[step.module].module.instance;
  return step.phase == Phase::configure ? instance.configure(step.change, deadline_ns) : instance.run(step.phase, deadline_ns);
}

void Runner::Core::finish(const Step& step, Outcome outcome, std::int64_t begin_ns) {
  Row& row = rows_[step.module];
  if (options_.record_timings && begin_ns != 0)
    tell([this, name = row.module.name, phase = step.phase, begin_ns, end = now(), ok = outcome.kind != Outcome::Kind::failed] {
      observer_.timed(name, phase, begin_ns, end, ok);
    });
  if (row.wedged) return;  // meanwhile, by something else of it that hangs: it stays as it is
  if (outcome.kind == Outcome::Kind::deferred) {
    if (row.early) {
      outcome = std::move(*row.early);
      row.early.reset();
    } else {
      row.pending_since_ns = begin_ns;
      std::int64_t until_ns = begin_ns + row.module.limits[static_cast<std::size_t>(Phase::start)];
      if (stop_requested_) until_ns = std::min(until_ns, now() + cancelled_limit_ns);
      set_pending(row, until_ns);
      look_at(begin_ns + (row.pending_until_ns - begin_ns) / 3);
      return;
    }
  }
  if (outcome.kind == Outcome::Kind::failed) {
    fail(step.module, step.phase, std::move(outcome.error), false);
    return;
  }
  switch (step.phase) {
    case Phase::load:
      set_state(row, ModuleState::loaded);
      break;
    case Phase::create:
      row.created = true;
      create_order_.push_back(step.module);
      set_state(row, ModuleState::created);
      break;
    case Phase::init:
      set_state(row, ModuleState::initialized);
      break;
    case Phase::start:
      set_state(row, ModuleState::running);
      settle(step.module);
      break;
    case Phase::stop:
      row.start_called = false;
      set_state(row, ModuleState::stopped, row.reason);
      break;
    case Phase::destroy:
      row.created = false;
      set_state(row, row.after_undo.value_or(ModuleState::stopped), row.reason);
      break;
    case Phase::none:
    case Phase::pre_init:
    case Phase::post_init:
    case Phase::run:
    case Phase::configure:
      break;
  }
}

void Runner::Core::completed(std::uint32_t module, Phase phase, Outcome outcome) {
  Lock lock(mutex_);
  Row& row = rows_[module];
  // Late: its deadline has passed, it is being stopped, or it is about to be because of what it requires.
  if (phase != Phase::start || row.state != ModuleState::starting || !row.alive) return;
  if (row.pending_until_ns == 0) {
    row.early = std::make_unique<Outcome>(std::move(outcome));  // faster than the control thread, which is just returning from start
    return;
  }
  set_pending(row, 0);
  if (options_.record_timings)
    tell([this, name = row.module.name, since = row.pending_since_ns, end = now(), ok = outcome.kind != Outcome::Kind::failed] {
      observer_.timed(name, Phase::start, since, end, ok);
    });
  if (outcome.kind == Outcome::Kind::failed) {
    fail(module, Phase::start, std::move(outcome.error), false);
  } else {
    set_state(row, ModuleState::running);
    settle(module);
  }
  changed_.notify_all();
  emit(lock);
}

}  // namespace tenon::host
