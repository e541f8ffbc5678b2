// What the runner tells: states and events, in order, never under its lock.
#include <algorithm>

#include "core.hpp"

namespace tenon::host {

void Runner::Core::set_state(Row& row, ModuleState state, std::string reason) {
  if (row.state == state && row.reason == reason) return;
  row.state = state;
  row.since_ns = now();
  row.reason = std::move(reason);
  tell([this, status = status_of(row)] { observer_.state_changed(status); });
}

void Runner::Core::tell(std::function<void()> event) { events_.push_back(std::move(event)); }

void Runner::Core::emit(Lock& lock) {
  // One thread at a time tells; others leave their events to it. So order is kept without holding a lock while the observer logs,
  // which may lead into a module that receives log records.
  if (emitting_) return;
  emitting_ = true;
  while (!events_.empty()) {
    const std::function<void()> event = std::move(events_.front());
    events_.pop_front();
    lock.unlock();
    event();
    lock.lock();
  }
  emitting_ = false;
  if (stage_ == Stage::finished && !told_end_) {
    told_end_ = true;
    changed_.notify_all();
  }
}

ModuleStatus Runner::Core::status_of(const Row& row) const {
  return {row.module.name, row.module.version, row.state, row.since_ns, row.reason, row.module.trusted, row.module.required};
}

std::vector<ModuleStatus> Runner::Core::status() const {
  const Lock lock(mutex_);
  std::vector<ModuleStatus> out;
  out.reserve(rows_.size());
  for (const Row& row : rows_) out.push_back(status_of(row));
  return out;
}

ModuleStatus Runner::Core::status(std::uint32_t module) const {
  const Lock lock(mutex_);
  return status_of(rows_[module]);
}

RunnerResult Runner::Core::result() const {
  const Lock lock(mutex_);
  return result_;
}

bool Runner::Core::finished() const {
  const Lock lock(mutex_);
  return told_end_;
}

void Runner::Core::wait_finished() {
  Lock lock(mutex_);
  changed_.wait(lock, [this] { return told_end_; });
}

std::int64_t Runner::Core::latest_deadline() const {
  const Lock lock(mutex_);
  std::int64_t latest = 0;
  for (const Slot& slot : slots_)
    if (slot.active) latest = std::max(latest, slot.deadline_ns);
  for (const Row& row : rows_) latest = std::max(latest, row.pending_until_ns);
  return latest == 0 ? no_deadline : latest;
}

}  // namespace tenon::host
