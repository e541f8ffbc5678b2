// Inside of Tasks: one task, and what all of them share.
#pragma once

#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <thread>
#include <tuple>
#include <utility>

#include "kernel/tasks.hpp"

namespace tenon::host {

inline Error task_failure(Code code, std::string message, std::string reason) {
  return {code, std::move(message), std::move(reason), 0, ExitCode::unavailable};
}

struct Tasks::Task : std::enable_shared_from_this<Task> {
  using Timers = std::set<std::tuple<std::int64_t, std::uint64_t, Task*>>;

  std::uint64_t id = 0;
  Owner* owner = nullptr;
  TaskTotals* totals = nullptr;  ///< where what it did is added in the end
  TaskKind kind = TaskKind::post;
  TaskHandler handler;
  std::string name;
  std::int64_t timeout_ns = 0, delay_ns = 0;  ///< delay: of after; interval of every
  Schedule schedule;
  Zone zone = Zone::utc;
  LoopOptions loop;
  Call own_call;

  // With the mutex held.
  TaskState state = TaskState::not_started;
  bool cancelled = false, releasing = false, released = false, ended_by_itself = false;
  std::int64_t due_ns = no_deadline;  ///< of the run that waits, or is queued or running
  std::int64_t last_due_ns = 0;       ///< cron: what ran last
  std::int64_t began_ns = 0, ended_ns = 0, pause_ns = 0;
  std::uint64_t runs = 0, failures = 0, missed = 0, refused = 0, restarts = 0;
  Code last = Code::ok;
  Timers::node_type timer;  ///< its timer while it is not armed: arming allocates nothing
  // A job of it is with the pool, which keeps both alive.
  std::shared_ptr<Core> core;
  std::shared_ptr<Task> self;

  /// This thread is inside its run or release.
  [[nodiscard]] bool is_here() const;
  [[nodiscard]] bool armed() const { return timer.empty(); }
  [[nodiscard]] TaskHealth health() const {
    if (ended_by_itself && loop.policy == LoopPolicy::fail) return TaskHealth::failed;
    return restarts != 0 && state == TaskState::waiting ? TaskHealth::degraded : TaskHealth::ok;
  }
  [[nodiscard]] TaskStatus status() const {
    TaskStatus out = {
        id, owner->name(), name, kind, state, health(), runs, failures, missed, refused, restarts, last, armed() ? due_ns : no_deadline};
    out.policy = loop.policy;
    out.decided_by = loop.decided_by;
    out.ended_ns = ended_ns;
    return out;
  }
  [[nodiscard]] bool with_pool() const { return self != nullptr; }
  Call& call() { return handler.call != nullptr ? *handler.call : own_call; }
};

struct Tasks::Core : std::enable_shared_from_this<Core> {
  Core(WorkerPool& p, TaskClock& c, Options o) : pool(p), clock(c), options(o) {}

  WorkerPool& pool;  ///< these two: not after `stopping`
  TaskClock& clock;
  const Options options;
  mutable std::mutex mutex;
  std::condition_variable changed;
  std::map<std::uint64_t, std::shared_ptr<Task>> tasks;
  std::map<const Owner*, std::size_t> counts;
  std::map<std::pair<std::string, TaskKind>, TaskTotals> totals;  ///< of tasks that are gone; as many as there are names of modules
  Task::Timers monotonic, realtime;
  std::uint64_t next_id = 1;
  std::thread thread;
  bool stopping = false, scheduling = false;

  // All below: with the mutex held.
  Task::Timers& timers_of(const Task& t) { return t.kind == TaskKind::cron ? realtime : monotonic; }
  void arm(Task& t, std::int64_t due_ns) {
    t.state = TaskState::waiting;
    t.due_ns = due_ns;
    t.timer.value() = {due_ns, t.id, &t};
    Task::Timers& timers = timers_of(t);
    const auto place = timers.insert(std::move(t.timer)).position;
    if (place == timers.begin() && !scheduling) clock.wake();
  }
  void disarm(Task& t) {
    if (t.armed()) t.timer = timers_of(t).extract({t.due_ns, t.id, &t});
  }
  Result<void> insert(const std::shared_ptr<Task>& task);
  void erase(const Task& t) {
    t.totals->runs += t.runs;
    t.totals->failures += t.failures;
    t.totals->missed += t.missed;
    if (const auto count = counts.find(t.owner); count != counts.end() && --count->second == 0) counts.erase(count);
    tasks.erase(t.id);
  }
  std::shared_ptr<Task> find(const Owner& owner, std::uint64_t id) const {
    const auto found = tasks.find(id);
    return found != tasks.end() && found->second->owner == &owner ? found->second : nullptr;
  }
  Result<void> give(Task& t, const Job& job);
  Result<void> submit(Task& t);
  Result<void> begin(Task& t);
  void dispatch(Task& t, std::int64_t now, std::int64_t now_real);
  void arm_again(Task& t);
  void arm_every(Task& t, std::int64_t now);
  void arm_cron(Task& t, std::int64_t now_real);
  void arm_loop(Task& t, std::int64_t now);
  std::int64_t next_cron(const Task& t, std::int64_t now_real) const;
  void clock_was_set();
  void cancel(Task& t);
  void stop(Task& t);
  void post_release(Task& t);
  bool goes_on(Task& t, JobEnd how);
  /// Gives the mutex away meanwhile.
  void release(std::unique_lock<std::mutex>& lock, Task& t);
  void release_idle(const Owner* owner);
  void schedule();
  static void run_job(void* data) noexcept;
  static void end_run(void* data, JobEnd how) noexcept;
  static void end_release(void* data, JobEnd how) noexcept;
};

}  // namespace tenon::host
