#include "kernel/tasks.hpp"

#include <algorithm>
#include <utility>

#include "base/text.hpp"
#include "tasks_core.hpp"

namespace tenon::host {
namespace {

constexpr std::int64_t longest_ns = std::int64_t{100} * 365 * 86'400 * 1'000'000'000;  // no sum with a clock overflows

Error invalid(std::string message) { return task_failure(Code::invalid_argument, std::move(message), "BAD_TASK"); }
Error gone() { return task_failure(Code::not_found, "there is no such task, or it is over", "NO_TASK"); }

}  // namespace

Tasks::Tasks(WorkerPool& pool, TaskClock& clock) : Tasks(pool, clock, Options{}) {}
Tasks::Tasks(WorkerPool& pool, TaskClock& clock, Options options) : core_(std::make_shared<Core>(pool, clock, options)) {}

Tasks::~Tasks() {
  std::unique_lock lock(core_->mutex);
  core_->stopping = true;
  for (const auto& [id, task] : core_->tasks) core_->stop(*task);
  core_->clock.wake();
  lock.unlock();
  if (core_->thread.joinable()) core_->thread.join();
  core_->release_idle(nullptr);
}

Result<std::uint64_t> Tasks::add(Owner& owner, std::shared_ptr<Task> task) {
  if (task->handler.run == nullptr) return invalid("a task needs a function to run");
  if (task->name.size() > 63) return invalid("the name `" + printable(task->name, 63) + "` of a task is longer than 63 bytes");
  if (task->timeout_ns < 0 || task->timeout_ns > longest_ns) return invalid("the timeout of a task is from 0 to 100 years");
  if (task->timeout_ns == 0) task->timeout_ns = core_->options.timeout_ns;
  task->owner = &owner;
  Task::Timers timer;
  timer.insert({0, 0, nullptr});
  task->timer = timer.extract(timer.begin());

  const std::lock_guard lock(core_->mutex);
  if (auto ok = core_->insert(task); !ok) return ok.error();
  // Under the lock, which whoever runs or releases it takes first.
  std::uint64_t* const out = std::exchange(task->handler.id, nullptr);
  const std::uint64_t before = out == nullptr ? 0 : std::exchange(*out, task->id);
  if (owner.reach() != Reach::callable) return task->id;
  if (auto ok = core_->begin(*task); !ok) {
    core_->erase(*task);
    if (out != nullptr) *out = before;
    return ok.error();
  }
  return task->id;
}

std::shared_ptr<Tasks::Task> Tasks::make(TaskKind kind, const TaskHandler& handler, TaskOptions options) {
  auto task = std::make_shared<Task>();
  task->kind = kind;
  task->handler = handler;
  task->name = std::move(options.name);
  task->timeout_ns = options.timeout_ns;
  return task;
}

Result<std::uint64_t> Tasks::post(Owner& owner, const TaskHandler& handler, TaskOptions options) {
  return add(owner, make(TaskKind::post, handler, std::move(options)));
}

Result<std::uint64_t> Tasks::after(Owner& owner, std::int64_t delay_ns, const TaskHandler& handler, TaskOptions options) {
  if (delay_ns < 0 || delay_ns > longest_ns) return invalid("the delay of a task is from 0 to 100 years");
  auto task = make(TaskKind::after, handler, std::move(options));
  task->delay_ns = delay_ns;
  return add(owner, std::move(task));
}

Result<std::uint64_t> Tasks::every(Owner& owner, std::int64_t interval_ns, const TaskHandler& handler, TaskOptions options) {
  if (interval_ns < core_->options.min_interval_ns || interval_ns > longest_ns)
    return invalid("the interval of a task is from " + format_duration(Nanos(core_->options.min_interval_ns)) + " to 100 years");
  auto task = make(TaskKind::every, handler, std::move(options));
  task->delay_ns = interval_ns;
  return add(owner, std::move(task));
}

Result<std::uint64_t> Tasks::cron(Owner& owner, const Schedule& schedule, Zone zone, const TaskHandler& handler, TaskOptions options) {
  auto task = make(TaskKind::cron, handler, std::move(options));
  task->schedule = schedule;
  task->zone = zone;
  return add(owner, std::move(task));
}

Result<std::uint64_t> Tasks::loop(Owner& owner, const TaskHandler& handler, LoopOptions options) {
  if (options.backoff_ns < core_->options.min_interval_ns || options.max_backoff_ns < options.backoff_ns ||
      options.max_backoff_ns > longest_ns)
    return invalid("the pause before a loop begins again is at least " + format_duration(Nanos(core_->options.min_interval_ns)) +
                   ", and at most the longest pause, which is at most 100 years");
  auto task = make(TaskKind::loop, handler, {std::move(options.name), 0});
  task->loop = std::move(options);
  task->pause_ns = task->loop.backoff_ns;
  return add(owner, std::move(task));
}

Result<void> Tasks::cancel(Owner& owner, std::uint64_t id) {
  const std::lock_guard lock(core_->mutex);
  const std::shared_ptr<Task> task = core_->find(owner, id);
  if (!task || task->cancelled) return gone();
  core_->cancel(*task);
  return {};
}

Result<void> Tasks::cancel_wait(Owner& owner, std::uint64_t id, std::int64_t deadline_ns) {
  const Blocking scope;
  std::unique_lock lock(core_->mutex);
  const std::shared_ptr<Task> task = core_->find(owner, id);
  if (!task) return gone();
  if (task->is_here())
    return task_failure(Code::failed_precondition, "a task cannot wait for its own end: cancel it, and return", "INSIDE_HANDLER");
  if (!task->cancelled) core_->cancel(*task);
  while (!task->released) {
    const std::int64_t now = monotonic_ns();
    if (deadline_ns <= now)
      return task_failure(Code::deadline_exceeded, "the task `" + printable(task->name, 63) + "` is cancelled, but still runs",
                          "STILL_RUNNING");
    // In slices: time_point arithmetic must not overflow for "never".
    core_->changed.wait_for(lock, Nanos(std::min<std::int64_t>(deadline_ns - now, 3'600'000'000'000)));
  }
  return {};
}

void Tasks::started(Owner& owner) {
  const std::lock_guard lock(core_->mutex);
  if (core_->stopping) return;
  for (const auto& [id, task] : core_->tasks) {
    if (task->owner != &owner || task->state != TaskState::not_started) continue;
    const auto begun = core_->begin(*task);
    if (begun || begun.error().code == Code::unavailable) continue;
    if (task->kind == TaskKind::loop)
      core_->arm_loop(*task, core_->clock.monotonic());
    else
      core_->arm(*task, core_->clock.monotonic() + core_->options.retry_ns);
  }
}

void Tasks::drain(Owner& owner) {
  const std::lock_guard lock(core_->mutex);
  for (const auto& [id, task] : core_->tasks)
    if (task->owner == &owner) core_->stop(*task);
}

WorkerPool::Left Tasks::leave(Owner& owner, std::int64_t deadline_ns) {
  drain(owner);
  const WorkerPool::Left left = core_->pool.leave(owner, deadline_ns);
  core_->release_idle(&owner);
  return left;
}

std::vector<TaskStatus> Tasks::list(const Owner* owner) const {
  std::vector<TaskStatus> out;
  const std::lock_guard lock(core_->mutex);
  for (const auto& [id, t] : core_->tasks)
    if (owner == nullptr || t->owner == owner) out.push_back(t->status());
  return out;
}

std::vector<TaskTotals> Tasks::totals() const {
  std::vector<TaskTotals> out;
  const std::lock_guard lock(core_->mutex);
  std::map<const TaskTotals*, TaskTotals> now;
  for (const auto& [key, sum] : core_->totals) now.emplace(&sum, sum);
  for (const auto& [id, t] : core_->tasks) {
    TaskTotals& sum = now.at(t->totals);
    sum.runs += t->runs;
    sum.failures += t->failures;
    sum.missed += t->missed;
    ++sum.registered;
  }
  for (const auto& [key, sum] : core_->totals) out.push_back(std::move(now.at(&sum)));
  return out;
}

Result<TaskStatus> Tasks::status(const Owner& owner, std::uint64_t id) const {
  const std::lock_guard lock(core_->mutex);
  const std::shared_ptr<Task> task = core_->find(owner, id);
  if (!task) return gone();
  return task->status();
}

TaskHealth Tasks::health(const Owner& owner) const {
  TaskHealth worst = TaskHealth::ok;
  const std::lock_guard lock(core_->mutex);
  for (const auto& [id, t] : core_->tasks)
    if (t->owner == &owner) worst = std::max(worst, t->health());
  return worst;
}

}  // namespace tenon::host
