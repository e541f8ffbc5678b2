// Tasks: what an owner wants run later, again and again, at times of day, at once, or for as long as it lives.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "base/result.hpp"
#include "kernel/loop_policy.hpp"
#include "kernel/owner.hpp"
#include "kernel/schedule.hpp"
#include "kernel/task_clock.hpp"
#include "kernel/workers.hpp"

namespace tenon::host {

/// What a task does, as plain functions.
struct TaskHandler {
  /// Runs inside the owner's gate (Phase::run, worker), without any lock; never overlaps with itself. The call carries the deadline and is cancelled with the task.
  Code (*run)(void* data, Call& call) noexcept = nullptr;
  /// Exactly once, after the last run, on a thread that is not inside a call to Tasks, except `leave` and the destructor; may be null. Not called for an owner
  /// that is wedged, and not if the registration failed.
  void (*release)(void* data) noexcept = nullptr;
  void* data = nullptr;
  Call* call = nullptr;  ///< what `run` is given, alive as long as data; null = one of the task
  /// Where its id is written before `run` or `release` can be called, which may end what it lies in; null = nowhere. Untouched if the registration fails.
  std::uint64_t* id = nullptr;
};

struct TaskOptions {
  std::string name;             ///< for people; at most 63 bytes
  std::int64_t timeout_ns = 0;  ///< deadline of a run, from its begin; 0 = Tasks::Options::timeout_ns. Not for loops
};

struct LoopOptions {
  std::string name;
  LoopPolicy policy = LoopPolicy::fail;
  std::int64_t backoff_ns = 1'000'000'000;       ///< first pause
  std::int64_t max_backoff_ns = 60'000'000'000;  ///< longest one; a loop that ran longer than this begins with the first again
  std::string decided_by{};                      ///< for people: LoopDecision::key of the policy; empty = it is the owner's own
};

enum class TaskKind : std::uint8_t { post, after, every, cron, loop };
enum class TaskState : std::uint8_t {
  not_started,  ///< the owner is not callable yet
  waiting,      ///< for its time, or a loop for its restart
  queued,       ///< for a worker
  running,
  ended,  ///< a loop that ended by itself and is not begun again; or cancelled, and release is still to come
};
enum class TaskHealth : std::uint8_t { ok, degraded, failed };

struct TaskStatus {
  std::uint64_t id = 0;
  std::string owner, name;
  TaskKind kind = TaskKind::post;
  TaskState state = TaskState::not_started;
  TaskHealth health = TaskHealth::ok;  ///< of loops; others are always ok
  std::uint64_t runs = 0, failures = 0;
  std::uint64_t missed = 0;    ///< due times without a run: the one before had not ended, the clock jumped, or no worker could be had
  std::uint64_t refused = 0;   ///< times the worker pool took no job
  std::uint64_t restarts = 0;  ///< of loops
  Code last = Code::ok;        ///< what the last run ended in
  std::int64_t next_ns = no_deadline;    ///< while waiting: monotonic, for cron realtime
  LoopPolicy policy = LoopPolicy::fail;  ///< of loops, and see LoopOptions
  std::string decided_by{};
  std::int64_t ended_ns = 0;  ///< monotonic, when a loop has ended by itself last
};

/// Of all tasks of one kind that modules of one name have or had.
struct TaskTotals {
  std::string owner;
  TaskKind kind = TaskKind::post;
  std::uint64_t runs = 0, failures = 0, missed = 0;
  std::size_t registered = 0;
};

/// Registrations made before their owner is callable wait until `started`; their time counts from then. Handlers run on workers, loops on threads of their
/// own. One thread watches the clocks, started with the first timer. Ids are never given twice; an id that is over, or another owner's, is NOT_FOUND.
/// RESOURCE_EXHAUSTED beyond Options::max_tasks per owner; UNAVAILABLE once the owner's gate is not open any more. Thread-safe. Of a function that
/// fails nothing remains, and data is still the caller's.
class Tasks {
 public:
  struct Options {
    std::size_t max_tasks = 1024;  ///< per owner
    std::int64_t timeout_ns = 60'000'000'000;
    std::int64_t min_interval_ns = 1'000'000;  ///< of every
    std::int64_t retry_ns = 100'000'000;       ///< for post and after when the pool takes no job
    /// The wall clock set back or forth by up to this much is one clock: what it jumped over runs once at once, what has run does not run again.
    /// Beyond, the new time counts alone (cron(8) does the same).
    std::int64_t clock_jump_ns = std::int64_t{3} * 3600 * 1'000'000'000;
  };

  Tasks(WorkerPool& pool, TaskClock& clock);
  Tasks(WorkerPool& pool, TaskClock& clock, Options options);
  ~Tasks();  ///< ends the timers; releases what does not run. What runs may go on: it is released when it ends
  Tasks(const Tasks&) = delete;
  Tasks& operator=(const Tasks&) = delete;

  /// Once, as soon as a worker is free. RESOURCE_EXHAUSTED too if the pool says so.
  Result<std::uint64_t> post(Owner& owner, const TaskHandler& handler, TaskOptions options = {});
  /// Once, after a delay of at least 0.
  Result<std::uint64_t> after(Owner& owner, std::int64_t delay_ns, const TaskHandler& handler, TaskOptions options = {});
  /// At every multiple of the interval after the registration (or `started`). A time at which the last run has not ended is missed: counted, not made up.
  Result<std::uint64_t> every(Owner& owner, std::int64_t interval_ns, const TaskHandler& handler, TaskOptions options = {});
  /// Whenever the wall clock is due. Missed times as in every; clock changes: Options::clock_jump_ns; daylight saving time: Schedule.
  Result<std::uint64_t> cron(Owner& owner, const Schedule& schedule, Zone zone, const TaskHandler& handler, TaskOptions options = {});
  /// A background loop: `run` is expected to go on until its call is cancelled (Call::wait_cancelled).
  Result<std::uint64_t> loop(Owner& owner, const TaskHandler& handler, LoopOptions options = {});

  /// No run begins after it; one that is running is cancelled. Does not wait, does not call back. [any]
  Result<void> cancel(Owner& owner, std::uint64_t id);
  /// The same, and waits until it runs no more and was released. DEADLINE_EXCEEDED if that took too long; FAILED_PRECONDITION `INSIDE_HANDLER` inside
  /// its own run or release. A task that was cancelled and still runs can be waited for.
  Result<void> cancel_wait(Owner& owner, std::uint64_t id, std::int64_t deadline_ns);

  /// The owner has become callable: what waited begins. [any]
  void started(Owner& owner);
  /// The owner's gate is draining: cancels what runs, begins nothing more. [any]
  void drain(Owner& owner);
  /// The owner leaves: drain, WorkerPool::leave, then everything is released on this thread. Needed once before an owner that registered is freed, after
  /// its gate was moved to closed. `dropped` counts queued runs.
  WorkerPool::Left leave(Owner& owner, std::int64_t deadline_ns);

  /// NOT_FOUND as in cancel. [any]
  [[nodiscard]] Result<TaskStatus> status(const Owner& owner, std::uint64_t id) const;
  /// Since the host was started, by owner and kind.
  [[nodiscard]] std::vector<TaskTotals> totals() const;
  /// All tasks, or those of one owner; by id.
  [[nodiscard]] std::vector<TaskStatus> list(const Owner* owner = nullptr) const;
  /// The worst of an owner's loops: failed once one with LoopPolicy::fail has ended by itself, degraded while one with LoopPolicy::restart waits for
  /// its restart. What the health of a module reads. [any]
  [[nodiscard]] TaskHealth health(const Owner& owner) const;

 private:
  struct Core;
  struct Task;
  static std::shared_ptr<Task> make(TaskKind kind, const TaskHandler& handler, TaskOptions options);
  Result<std::uint64_t> add(Owner& owner, std::shared_ptr<Task> task);
  std::shared_ptr<Core> core_;
};

}  // namespace tenon::host
