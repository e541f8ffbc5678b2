#include "tasks_core.hpp"

#include <sys/prctl.h>

#include <algorithm>
#include <new>
#include <system_error>

#include "base/no_memory.hpp"
#include "kernel/host_thread.hpp"

namespace tenon::host {
namespace {

constexpr int most_missed_counted = 1000;  // per run, of a schedule

// Whose run or release this thread is inside of.
constinit thread_local const void* inside_task = nullptr;

struct Running {
  explicit Running(const void* task) : before(std::exchange(inside_task, task)) {}
  ~Running() { inside_task = before; }
  Running(const Running&) = delete;
  Running& operator=(const Running&) = delete;
  const void* const before;
};

}  // namespace

bool Tasks::Task::is_here() const { return inside_task == this; }

Result<void> Tasks::Core::insert(const std::shared_ptr<Task>& task) {
  Owner& owner = *task->owner;
  if (stopping) return task_failure(Code::unavailable, "the host is shutting down: no task is taken", "SHUTTING_DOWN");
  // The gate moves before leave() takes the mutex: what is let in here is released there, what comes later is refused.
  if (owner.gate().state() != Gate::State::open) return task_failure(Code::unavailable, "`" + owner.name() + "` is leaving", "CLOSED");
  const auto counted = counts.find(&owner);
  if (const std::size_t count = counted == counts.end() ? 0 : counted->second; count >= options.max_tasks)
    return task_failure(Code::resource_exhausted, "`" + owner.name() + "` has " + std::to_string(count) + " tasks, no more are taken",
                        "TOO_MANY");
  if (!thread.joinable()) {
    try {
      thread = host_thread([this] { schedule(); });
    } catch (const std::system_error&) {
      return task_failure(Code::resource_exhausted, "the system gives no thread for timers", "NO_THREAD");
    }
  }
  TaskTotals& sum = totals[{owner.name(), task->kind}];
  if (sum.owner.empty()) sum = {owner.name(), task->kind, 0, 0, 0, 0};
  task->totals = &sum;
  tasks.emplace(next_id, task);
  try {
    ++counts[&owner];
  } catch (...) {
    tasks.erase(next_id);
    throw;
  }
  task->id = next_id++;
  return {};
}

// A job for the pool, which keeps the task until the job's end.
Result<void> Tasks::Core::give(Task& t, const Job& job) {
  t.self = t.shared_from_this();
  t.core = shared_from_this();
  Result<void> posted = [&]() -> Result<void> {
    try {
      return pool.post(*t.owner, job);
    } catch (const std::bad_alloc&) {
      return worded(Code::resource_exhausted, "NO_MEMORY", [&] { return "there is no memory for a job of `" + t.owner->name() + "`"; });
    }
  }();
  if (!posted) {
    t.core.reset();
    t.self.reset();
  }
  return posted;
}

Result<void> Tasks::Core::submit(Task& t) {
  Job job;
  job.run = &run_job;
  job.end = &end_run;
  job.data = &t;
  job.timeout_ns = t.timeout_ns;
  job.own_thread = t.kind == TaskKind::loop;
  const TaskState before = std::exchange(t.state, TaskState::queued);
  auto given = give(t, job);
  if (!given) {
    t.state = before;
    ++t.refused;
  }
  return given;
}

Result<void> Tasks::Core::begin(Task& t) {
  switch (t.kind) {
    case TaskKind::after:
    case TaskKind::every:
      arm(t, clock.monotonic() + t.delay_ns);
      return {};
    case TaskKind::cron:
      arm(t, next_cron(t, clock.realtime()));
      return {};
    case TaskKind::post:
    case TaskKind::loop:
      break;
  }
  return submit(t);
}

// Its time has come.
void Tasks::Core::dispatch(Task& t, std::int64_t now, std::int64_t now_real) {
  if (t.cancelled) return post_release(t);
  if (t.kind == TaskKind::every) {  // this thread itself may be late
    const std::int64_t late = (now - t.due_ns) / t.delay_ns;
    t.missed += static_cast<std::uint64_t>(late);
    t.due_ns += late * t.delay_ns;
  }
  if (t.kind == TaskKind::cron && now_real - t.due_ns > options.clock_jump_ns) {
    ++t.missed;
    return arm_cron(t, now_real);
  }
  const auto given = submit(t);
  if (given || given.error().code == Code::unavailable) return;  // leaving: what is left is released with the rest
  switch (t.kind) {
    case TaskKind::post:
    case TaskKind::after:
      return arm(t, now + options.retry_ns);
    case TaskKind::every:
      ++t.missed;
      return arm_every(t, now);
    case TaskKind::cron:
      ++t.missed;
      return arm_cron(t, now_real);
    case TaskKind::loop:
      return arm_loop(t, now);
  }
}

void Tasks::Core::arm_every(Task& t, std::int64_t now) {
  std::int64_t next = t.due_ns + t.delay_ns;
  if (next <= now) {
    const std::int64_t passed = (now - next) / t.delay_ns + 1;
    t.missed += static_cast<std::uint64_t>(passed);
    next += passed * t.delay_ns;
  }
  arm(t, next);
}

std::int64_t Tasks::Core::next_cron(const Task& t, std::int64_t now_real) const {
  // What has run does not run again because the clock was set back a little.
  const bool set_back = t.last_due_ns > now_real && t.last_due_ns - now_real <= options.clock_jump_ns;
  return t.schedule.next_after(set_back ? t.last_due_ns : now_real, t.zone);
}

void Tasks::Core::arm_cron(Task& t, std::int64_t now_real) {
  std::int64_t passed = t.due_ns;
  for (int i = 0; i < most_missed_counted; ++i, ++t.missed) {
    passed = t.schedule.next_after(passed, t.zone);
    if (passed > now_real) break;
  }
  arm(t, next_cron(t, now_real));
}

void Tasks::Core::arm_loop(Task& t, std::int64_t now) {
  arm(t, now + t.pause_ns);
  t.pause_ns = std::min(t.pause_ns * 2, t.loop.max_backoff_ns);
}

void Tasks::Core::clock_was_set() {
  const std::int64_t now = clock.realtime();
  Task::Timers before;
  before.swap(realtime);
  while (!before.empty()) {
    Task& t = *std::get<Task*>(*before.begin());
    t.timer = before.extract(before.begin());
    arm(t, t.due_ns <= now ? t.due_ns : t.cancelled ? now : next_cron(t, now));
  }
}

void Tasks::Core::schedule() {
  prctl(PR_SET_NAME, "tenon-timers");
  std::unique_lock lock(mutex);
  while (!stopping) {
    const std::int64_t now = clock.monotonic(), now_real = clock.realtime();
    scheduling = true;
    const auto run_due = [&](Task::Timers& timers, std::int64_t time) {
      while (!timers.empty() && std::get<0>(*timers.begin()) <= time) {
        Task& t = *std::get<Task*>(*timers.begin());
        t.timer = timers.extract(timers.begin());
        dispatch(t, now, now_real);
      }
    };
    run_due(monotonic, now);
    run_due(realtime, now_real);
    scheduling = false;
    const auto first = [](const Task::Timers& timers) { return timers.empty() ? no_deadline : std::get<0>(*timers.begin()); };
    const std::int64_t next = first(monotonic), next_real = first(realtime);
    lock.unlock();
    const bool was_set = clock.wait(next, next_real);
    lock.lock();
    if (was_set && !stopping) {
      scheduling = true;
      clock_was_set();
      scheduling = false;
    }
  }
}

void Tasks::Core::run_job(void* data) noexcept {
  Task& t = *static_cast<Task*>(data);
  Core& core = *t.core;
  Call& call = t.call();
  {
    const std::lock_guard lock(core.mutex);
    if (t.cancelled || core.stopping || t.owner->wedged()) return;
    t.state = TaskState::running;
    t.began_ns = core.clock.monotonic();
    t.last_due_ns = t.due_ns;
    call.deadline_ns.store(t.kind == TaskKind::loop ? no_deadline : t.began_ns + t.timeout_ns, std::memory_order_relaxed);
    call.cancelled.store(0, std::memory_order_relaxed);
  }
  Code code = Code::ok;
  {
    const GateEntry entry(*t.owner, Phase::run, ThreadTag::worker, &call, Gate::State::open);
    if (!entry) return;
    const Running mark(&t);
    code = t.handler.run(t.handler.data, call);
  }
  const std::lock_guard lock(core.mutex);
  ++t.runs;
  t.last = code;
  if (code != Code::ok) ++t.failures;
}

// Whether there will be another run; if so, its timer is set.
bool Tasks::Core::goes_on(Task& t, JobEnd how) {
  if (how == JobEnd::dropped || stopping || t.cancelled || t.owner->gate().state() != Gate::State::open) return false;
  switch (t.kind) {
    case TaskKind::post:
    case TaskKind::after:
      return false;
    case TaskKind::every:
      arm_every(t, clock.monotonic());
      return true;
    case TaskKind::cron:
      arm_cron(t, clock.realtime());
      return true;
    case TaskKind::loop:
      break;
  }
  const std::int64_t now = clock.monotonic();
  t.ended_ns = now;
  if (t.loop.policy != LoopPolicy::restart) {
    t.ended_by_itself = true;
    return false;
  }
  ++t.restarts;
  if (now - t.began_ns > t.loop.max_backoff_ns) t.pause_ns = t.loop.backoff_ns;
  arm_loop(t, now);
  return true;
}

void Tasks::Core::end_run(void* data, JobEnd how) noexcept {
  const std::shared_ptr<Core> core = static_cast<Task*>(data)->core;
  std::unique_lock lock(core->mutex);
  const std::shared_ptr<Task> task = std::move(static_cast<Task*>(data)->self);
  task->core.reset();
  if (!core->goes_on(*task, how)) core->release(lock, *task);
}

void Tasks::Core::end_release(void* data, JobEnd) noexcept {
  const std::shared_ptr<Core> core = static_cast<Task*>(data)->core;
  std::unique_lock lock(core->mutex);
  const std::shared_ptr<Task> task = std::move(static_cast<Task*>(data)->self);
  task->core.reset();
  core->release(lock, *task);
}

void Tasks::Core::release(std::unique_lock<std::mutex>& lock, Task& t) {
  if (!t.releasing) {
    t.releasing = true;
    t.state = TaskState::ended;
    lock.unlock();
    if (t.handler.release != nullptr && !t.owner->wedged()) {
      const GateEntry entry(*t.owner, t.owner->phase(), ThreadTag::worker, nullptr, Gate::State::closed);
      const Running mark(&t);
      t.handler.release(t.handler.data);
    }
    lock.lock();
    t.released = true;
  }
  // A loop that ended by itself stays visible.
  if (t.released && (!t.ended_by_itself || t.cancelled)) erase(t);
  changed.notify_all();
}

// Everything of an owner, or of all, that is not with the pool; on this thread.
void Tasks::Core::release_idle(const Owner* owner) {
  std::unique_lock lock(mutex);
  for (auto next = tasks.begin(); next != tasks.end();) {
    const std::shared_ptr<Task> task = next->second;
    if ((owner == nullptr || task->owner == owner) && !task->with_pool() && (!task->releasing || task->released)) release(lock, *task);
    next = tasks.upper_bound(task->id);
  }
}

// No run begins any more; one that is running is asked to end.
void Tasks::Core::stop(Task& t) {
  t.cancelled = true;
  if (!t.releasing) t.call().cancel();  // else the call may be gone with the data
  disarm(t);
  if (t.state == TaskState::waiting || t.state == TaskState::not_started) t.state = TaskState::ended;
}

void Tasks::Core::cancel(Task& t) {
  if (t.released) {  // a loop that ended by itself
    t.cancelled = true;
    return erase(t);
  }
  stop(t);
  if (t.with_pool() || t.releasing) return;
  if (t.handler.release == nullptr) {
    t.releasing = t.released = true;
    return erase(t);
  }
  post_release(t);
}

void Tasks::Core::post_release(Task& t) {
  Job job;
  job.end = &end_release;
  job.data = &t;
  job.limit = Gate::State::closed;
  job.notification = true;
  const auto given = give(t, job);
  if (given || given.error().code == Code::unavailable) return;  // the owner or the host is leaving: it is released with the rest
  // No memory: once more.
  arm(t, (t.kind == TaskKind::cron ? clock.realtime() : clock.monotonic()) + options.retry_ns);
  t.state = TaskState::ended;
}

}  // namespace tenon::host
