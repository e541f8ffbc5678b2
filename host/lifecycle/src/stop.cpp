// The way back, and the watch over deadlines.
#include <algorithm>

#include "base/text.hpp"
#include "core.hpp"

namespace tenon::host {

namespace {

// `cut`: what was left of the limit when a stop was requested, 0 if none was.
std::string within(std::int64_t limit_ns, std::int64_t cut_ns) {
  constexpr std::int64_t ms = 1'000'000;
  if (cut_ns != 0) return "within " + format_duration(Nanos(cut_ns)) + " of the request to stop";
  return "within " + format_duration(Nanos(limit_ns < ms ? limit_ns : limit_ns / ms * ms));
}

}  // namespace

void Runner::Core::begin_stop() {
  if (row_begun_) end_row();
  stage_ = Stage::stop;
  const std::int64_t t = now();
  stop_total_until_ns_ = t + (hurried_ ? hurried_total_ns : options_.stop_total_ns);
  shutdown_until_ns_ = t + (hurried_ ? hurried_total_ns : options_.shutdown_ns);
  stops_left_ = start_order_.size();
  configure_.clear();
  tell([this] { observer_.stopping(); });
}

std::optional<Runner::Core::Step> Runner::Core::next_stop() {
  while (stops_left_ != 0) {
    const std::uint32_t m = start_order_[--stops_left_];
    if (rows_[m].start_called) return Step{m, Phase::stop, {}};
  }
  if (stage_ == Stage::stop) {
    stage_ = Stage::destroy;
    destroys_left_ = create_order_.size();
  }
  while (destroys_left_ != 0) {
    const std::uint32_t m = create_order_[--destroys_left_];
    if (rows_[m].created) return Step{m, Phase::destroy, {}};
  }
  end_all();
  return std::nullopt;
}

void Runner::Core::end_all() {
  stage_ = Stage::finished;
  tell([this] { observer_.finished(); });
  changed_.notify_all();
}

std::int64_t Runner::Core::limit_of(const Step& step) const {
  constexpr std::int64_t configure_limit_ns = 5'000'000'000;
  if (step.phase == Phase::configure) return configure_limit_ns;
  std::int64_t limit = rows_[step.module].module.limits[static_cast<std::size_t>(step.phase)];
  if (stage_ != Stage::stop && stage_ != Stage::destroy) return limit;
  if (hurried_) limit = std::min(limit, hurried_module_ns);
  const std::int64_t until = step.phase == Phase::stop ? std::min(stop_total_until_ns_, shutdown_until_ns_) : shutdown_until_ns_;
  return std::min(limit, std::max(minimum_stop_ns, until - now()));
}

void Runner::Core::request_stop() {
  Lock lock(mutex_);
  const std::int64_t t = now();
  if (stop_requested_ && !hurried_) {
    hurried_ = true;
    stop_total_until_ns_ = std::min(stop_total_until_ns_, t + hurried_total_ns);
    shutdown_until_ns_ = std::min(shutdown_until_ns_, t + hurried_total_ns);
  }
  const bool again = stop_requested_;
  stop_requested_ = true;
  for (Slot& slot : slots_) {
    if (!slot.active) continue;
    // Stop and destroy are the answer to the request: only hurrying shortens them.
    const bool back = slot.step.phase == Phase::stop || slot.step.phase == Phase::destroy;
    if (back && !again) continue;
    const std::int64_t left = again ? hurried_module_ns : cancelled_limit_ns;
    if (t + left < slot.deadline_ns) {
      slot.deadline_ns = t + left;
      slot.cut_ns = left;
    }
    slot.cancelled = true;
    rows_[slot.step.module].module.instance->cancel(slot.deadline_ns);
    look_at(std::min(slot.deadline_ns, t + cancel_again_ns));
  }
  for (Row& row : rows_) {
    if (row.pending_until_ns == 0) continue;
    if (t + cancelled_limit_ns < row.pending_until_ns) {
      row.pending_until_ns = t + cancelled_limit_ns;
      row.pending_cut = true;
    }
    row.module.instance->cancel(row.pending_until_ns);
  }
  changed_.notify_all();
  emit(lock);
}

void Runner::Core::set_pending(Row& row, std::int64_t until_ns) {
  pending_ += (until_ns != 0 ? 1U : 0U) - (row.pending_until_ns != 0 ? 1U : 0U);
  row.pending_until_ns = until_ns;
}

void Runner::Core::look_at(std::int64_t at_ns) {
  if (at_ns >= next_check_ns_) return;
  next_check_ns_ = at_ns;
  observer_.wake(at_ns);
}

std::int64_t Runner::Core::check() {
  Lock lock(mutex_);
  const std::int64_t t = now();
  next_check_ns_ = stage_ == Stage::run || stage_ == Stage::finished ? no_deadline : t + walking_check_ns;
  for (std::size_t i = 0; i < slots_.size(); ++i) {
    Slot& slot = slots_[i];
    if (!slot.has_thread && slot.epoch != 0 && !launch(i)) next_check_ns_ = std::min(next_check_ns_, t + thread_again_ns);
    if (!slot.active) continue;
    if (t >= slot.deadline_ns + grace_ns) {
      abandon(i);
      continue;
    }
    if (slot.cancelled) {
      // Again and again: the first time may have come before the thread was inside.
      rows_[slot.step.module].module.instance->cancel(slot.deadline_ns);
      next_check_ns_ = std::min(next_check_ns_, t + cancel_again_ns);
    }
    const std::int64_t third_ns = slot.since_ns + slot.limit_ns / 3;
    if (!slot.warned && t >= third_ns) {
      slot.warned = true;
      tell([this, name = rows_[slot.step.module].module.name, phase = slot.step.phase, elapsed = t - slot.since_ns, limit = slot.limit_ns] {
        observer_.is_slow(name, phase, elapsed, limit);
      });
    }
    next_check_ns_ = std::min(next_check_ns_, slot.warned ? slot.deadline_ns + grace_ns : std::min(third_ns, slot.deadline_ns + grace_ns));
  }
  for (std::uint32_t m = 0; pending_ != 0 && m < rows_.size(); ++m) {
    Row& row = rows_[m];
    if (row.pending_until_ns == 0) continue;
    const std::int64_t limit_ns = row.module.limits[static_cast<std::size_t>(Phase::start)];
    if (t >= row.pending_until_ns) {
      set_pending(row, 0);
      row.module.instance->cancel(t);
      fail(m, Phase::start,
           {Code::deadline_exceeded, "was PENDING and did not complete " + within(limit_ns, row.pending_cut ? cancelled_limit_ns : 0),
            "DEADLINE", 0, ExitCode::unavailable},
           false);
      continue;
    }
    const std::int64_t third_ns = row.pending_since_ns + limit_ns / 3;
    if (!row.pending_warned && t >= third_ns) {
      row.pending_warned = true;
      tell([this, name = row.module.name, elapsed = t - row.pending_since_ns, limit_ns] {
        observer_.is_slow(name, Phase::start, elapsed, limit_ns);
      });
    }
    next_check_ns_ = std::min(next_check_ns_, row.pending_warned ? row.pending_until_ns : std::min(third_ns, row.pending_until_ns));
  }
  // Control threads sleep while everything runs: they are woken when something was found, or is under way.
  if (!events_.empty() || next_check_ns_ != no_deadline) changed_.notify_all();
  const std::int64_t out = next_check_ns_;
  emit(lock);
  return out;
}

void Runner::Core::abandon(std::size_t index) {
  Slot& slot = slots_[index];
  const Step step = slot.step;
  Row& row = rows_[step.module];
  slot.active = false;
  --active_;
  ++slot.epoch;  // the thread inside finds out when it comes back, if ever
  row.module.instance->abandon(step.phase);
  // Nothing of the module runs before its library is opened: what was slow is the host, or the disk.
  const bool inside = step.phase != Phase::load || row.module.instance->is_in_dynamic_loader();
  if (step.phase == Phase::load && inside)
    tell([this, name = row.module.name, required = row.module.required, cut = slot.cut_ns != 0] {
      if (cut)
        observer_.load_interrupted(name);
      else
        observer_.load_overdue(name, required);
    });
  fail(step.module, step.phase,
       {Code::deadline_exceeded, "did not return " + within(slot.deadline_ns - slot.since_ns, slot.cut_ns), "DEADLINE", 0,
        ExitCode::unavailable},
       inside);
  launch(index);  // if there is no thread to be had, check() tries again
}

void Runner::Core::configure(std::uint32_t module, ConfigChange change) {
  Lock lock(mutex_);
  configure_.push_back({module, Phase::configure, std::move(change)});
  changed_.notify_all();
}

void Runner::Core::module_wedged(std::uint32_t module, Error why) {
  Lock lock(mutex_);
  if (rows_[module].wedged) return;
  rows_[module].module.instance->abandon(Phase::run);
  fail(module, Phase::run, std::move(why), true);
  changed_.notify_all();
  emit(lock);
}

}  // namespace tenon::host
