// The C functions of tasks in the fake host.
#ifndef TENON_TESTING_TASKS_TABLE_HPP
#define TENON_TESTING_TASKS_TABLE_HPP

#include "tenon/testing/tasks.hpp"

namespace tenon {
inline namespace v1 {
namespace testing {

struct FakeTasks::Table {
  static FakeTasks& of(tenon_ctx* ctx) { return Host::of(ctx).tasks(); }
  static constexpr std::int64_t longest_ns = std::int64_t{100} * 365 * 86'400 * 1'000'000'000;

  static tenon_status bad(tenon_error* err, std::string_view reason, std::string_view message) {
    return tenon::detail::fill(err, TENON_INVALID_ARGUMENT, reason, message);
  }
  /// nullptr: the error is written.
  static TaskPtr make(std::int32_t kind, const tenon_task* task, tenon_error* err) {
    if (task == nullptr || task->struct_size < sizeof(tenon_task) || task->flags != 0) {
      (void)bad(err, "BAD_STRUCT", "a task with its struct_size and no flags is needed");
      return nullptr;
    }
    if (task->run == nullptr) {
      (void)bad(err, "NULL_ARGUMENT", "a task needs a function to run");
      return nullptr;
    }
    if (task->name.len > TENON_TASK_MAX_NAME || task->timeout_ns < 0 || task->timeout_ns > longest_ns) {
      (void)bad(err, "BAD_TASK", "a task has a name of at most 63 bytes, and a timeout from 0 to 100 years");
      return nullptr;
    }
    auto t = std::make_shared<Entry>();
    t->kind = kind;
    t->run = task->run;
    t->data = task->data;
    t->release = task->release;
    t->name = view(task->name);
    t->timeout_ns = task->timeout_ns;
    return t;
  }
  static tenon_status timed(tenon_ctx* ctx, std::int32_t kind, std::int64_t delay_ns, std::int64_t least_ns, const tenon_task* task,
                            tenon_id* out, tenon_error* err) {
    FakeTasks& self = of(ctx);
    const Lock lock(self.host_.mutex_);
    if (delay_ns < least_ns || delay_ns > longest_ns) return bad(err, "BAD_TASK", "a delay is from 0, an interval from 1 ms, to 100 years");
    const TaskPtr t = make(kind, task, err);
    if (t == nullptr) return TENON_INVALID_ARGUMENT;
    t->delay_ns = delay_ns;
    return self.add(t, out, err);
  }

  static tenon_status post(tenon_ctx* ctx, const tenon_task* task, tenon_id* out, tenon_error* err) noexcept {
    return timed(ctx, TENON_TASK_POST, 0, 0, task, out, err);
  }
  static tenon_status after(tenon_ctx* ctx, std::int64_t delay_ns, const tenon_task* task, tenon_id* out, tenon_error* err) noexcept {
    return timed(ctx, TENON_TASK_AFTER, delay_ns, 0, task, out, err);
  }
  static tenon_status every(tenon_ctx* ctx, std::int64_t interval_ns, const tenon_task* task, tenon_id* out, tenon_error* err) noexcept {
    return timed(ctx, TENON_TASK_EVERY, interval_ns, 1'000'000, task, out, err);
  }
  static tenon_status cron(tenon_ctx* ctx, tenon_str schedule, std::int32_t zone, const tenon_task* task, tenon_id* out,
                           tenon_error* err) noexcept {
    FakeTasks& self = of(ctx);
    const Lock lock(self.host_.mutex_);
    if (zone != TENON_ZONE_UTC && zone != TENON_ZONE_LOCAL) return bad(err, "BAD_ZONE", "no such zone");
    const TaskPtr t = make(TENON_TASK_CRON, task, err);
    if (t == nullptr) return TENON_INVALID_ARGUMENT;
    try {
      t->schedule = std::make_shared<const CronSchedule>(view(schedule));
    } catch (const std::invalid_argument& e) {
      return bad(err, "BAD_SCHEDULE", e.what());
    }
    t->local = zone == TENON_ZONE_LOCAL;
    return self.add(t, out, err);
  }
  static tenon_status loop(tenon_ctx* ctx, const tenon_task* task, const tenon_loop_options* options, tenon_id* out,
                           tenon_error* err) noexcept {
    FakeTasks& self = of(ctx);
    const Lock lock(self.host_.mutex_);
    const TaskPtr t = make(TENON_TASK_LOOP, task, err);
    if (t == nullptr) return TENON_INVALID_ARGUMENT;
    if ((self.host_.module_.flags & TENON_SERIAL) != 0)
      return tenon::detail::fill(err, TENON_FAILED_PRECONDITION, "SERIAL", "a loop would hold the one turn of this serial module for ever");
    if (t->timeout_ns != 0) return bad(err, "BAD_TASK", "a loop has no timeout");
    if (options != nullptr && options->struct_size < sizeof(tenon_loop_options))
      return bad(err, "BAD_STRUCT", "options need their struct_size");
    if (options != nullptr) t->loop = *options;
    if (t->loop.backoff_ns == 0) t->loop.backoff_ns = 1'000'000'000;
    if (t->loop.max_backoff_ns == 0) t->loop.max_backoff_ns = 60'000'000'000;
    if (t->loop.policy < TENON_LOOP_FAIL || t->loop.policy > TENON_LOOP_IGNORE) return bad(err, "BAD_POLICY", "no such policy for a loop");
    if (t->loop.backoff_ns < 1'000'000 || t->loop.max_backoff_ns < t->loop.backoff_ns || t->loop.max_backoff_ns > longest_ns)
      return bad(err, "BAD_TASK", "a pause is at least 1 ms, and at most the longest pause");
    std::size_t loops = 0;
    for (const auto& [id, other] : self.tasks_) loops += other->kind == TENON_TASK_LOOP && other->state != TENON_TASK_ENDED ? 1 : 0;
    if (loops >= 16) return tenon::detail::fill(err, TENON_RESOURCE_EXHAUSTED, "TOO_MANY_LOOPS", "more than 16 loops are not started");
    t->pause_ns = t->loop.backoff_ns;
    return self.add(t, out, err);
  }
  static TaskPtr find(FakeTasks& self, tenon_id id) {
    const auto found = self.tasks_.find(id);
    return found == self.tasks_.end() ? nullptr : found->second;
  }
  static tenon_status cancel(tenon_ctx* ctx, tenon_id id) noexcept {
    FakeTasks& self = of(ctx);
    const Lock lock(self.host_.mutex_);
    const TaskPtr t = find(self, id);
    if (t == nullptr || t->cancelled) return TENON_NOT_FOUND;
    self.cancel(t);
    if (t->released) self.tasks_.erase(id);
    return TENON_OK;
  }
  static tenon_status cancel_wait(tenon_ctx* ctx, tenon_id id, std::int64_t deadline_ns, tenon_error* err) noexcept {
    FakeTasks& self = of(ctx);
    Lock lock(self.host_.mutex_);
    if (self.host_.on_own_turn())
      return tenon::detail::fill(err, TENON_FAILED_PRECONDITION, "SERIAL",
                                 "a callback of a serial module cannot wait for a task of its own");
    const TaskPtr t = find(self, id);
    if (t == nullptr) return tenon::detail::fill(err, TENON_NOT_FOUND, "NO_TASK", "there is no such task, or it is over");
    if (t->runner == std::this_thread::get_id())
      return tenon::detail::fill(err, TENON_FAILED_PRECONDITION, "INSIDE_HANDLER", "a task cannot wait for its own end");
    self.cancel(t);
    while (t->state == TENON_TASK_RUNNING && detail::now_ns() < deadline_ns)
      self.host_.changed_.wait_for(lock, std::chrono::nanoseconds(std::min<std::int64_t>(deadline_ns - detail::now_ns(), 1'000'000'000)));
    if (t->state == TENON_TASK_RUNNING)
      return tenon::detail::fill(err, TENON_DEADLINE_EXCEEDED, "STILL_RUNNING", "the task is cancelled, but still runs");
    if (t->released) self.tasks_.erase(id);
    lock.unlock();
    self.release_ended();
    return TENON_OK;
  }
  static tenon_status status(tenon_ctx* ctx, tenon_id id, tenon_task_status* out) noexcept {
    FakeTasks& self = of(ctx);
    const Lock lock(self.host_.mutex_);
    if (out == nullptr) return TENON_INVALID_ARGUMENT;
    const TaskPtr t = find(self, id);
    if (t == nullptr) return TENON_NOT_FOUND;
    tenon_task_status now = status_of(*t);
    now.struct_size = out->struct_size;
    std::memcpy(out, &now, std::min<std::size_t>(out->struct_size, sizeof now));
    return TENON_OK;
  }

  static inline const tenon_tasks table = {sizeof(tenon_tasks), 0, &post, &after, &every, &cron, &loop, &cancel, &cancel_wait, &status};
};

inline FakeTasks& Host::tasks() {
  {
    const Lock lock(mutex_);
    if (tasks_ != nullptr) return *tasks_;
  }
  auto made = std::make_shared<FakeTasks>(*this);
  const Lock lock(mutex_);
  if (tasks_ == nullptr) tasks_ = std::move(made);
  return *tasks_;
}
inline const void* Host::tasks_table() { return &FakeTasks::Table::table; }
inline void Host::tasks_started() {
  if (const auto tasks = made(tasks_)) tasks->started();
}
inline void Host::tasks_end_calls() {
  if (const auto tasks = made(tasks_)) tasks->release_ended();
}
inline void Host::tasks_drain() {
  const auto tasks = made(tasks_);
  if (tasks == nullptr) return;
  tasks->drain();
  // A loop that only the module's stop ends is not waited for in vain for ever.
  tasks->wait_and_deliver(std::min<std::chrono::nanoseconds>(time_per_call_ / 2, std::chrono::seconds(5)));
}
inline void Host::tasks_leave() {
  if (const auto tasks = made(tasks_)) tasks->leave();
}

}  // namespace testing
}  // namespace v1
}  // namespace tenon

#endif
