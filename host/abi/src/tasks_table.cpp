// tenon.tasks/1 as modules see it.
#include "arguments.hpp"
#include "callback.hpp"
#include "tasks_part.hpp"

namespace tenon::host {
namespace {

template <class F>
tenon_status with_tasks(tenon_ctx* ctx, tenon_error* err, F&& f) noexcept {
  return with_part<TasksPart>(TENON_TASKS, ctx, err, std::forward<F>(f));
}

Error bad(std::string message, std::string reason) {
  return {Code::invalid_argument, std::move(message), std::move(reason), 0, ExitCode::software};
}
Error bad_struct(std::string_view what) {
  return bad("`struct_size` or `flags` of a " + std::string(what) + " are none that tenon.tasks/1 knows", "BAD_STRUCT");
}

using Id = Result<std::uint64_t>;

/// add(TasksPart&) -> Id, which writes the id
template <class Add>
tenon_status checked(tenon_ctx* ctx, const tenon_task* task, tenon_error* err, Add&& add_it) noexcept {
  return with_tasks(ctx, err, [&](TasksPart& part) -> Result<void> {
    if (task == nullptr) return null_argument_of(TENON_TASKS);
    if (task->struct_size < sizeof(tenon_task) || task->flags != 0) return bad_struct("tenon_task");
    if (task->run == nullptr || !is_view(task->name)) return null_argument_of(TENON_TASKS);
    if (task->name.len > TENON_TASK_MAX_NAME) return bad("the name of a task is longer than 63 bytes", "BAD_TASK");
    if (const Id id = add_it(part); !id) return id.error();
    return {};
  });
}

/// add(Tasks&, Owner&, handler, options) -> Id
template <class Add>
tenon_status add(tenon_ctx* ctx, const tenon_task* task, tenon_id* out, tenon_error* err, Add&& add_it) noexcept {
  return checked(ctx, task, err, [&](TasksPart& part) {
    return part.add(*task, out, [&](const TaskHandler& handler) {
      return add_it(part.tasks(), part.instance(), handler, TaskOptions{std::string(view(task->name)), task->timeout_ns});
    });
  });
}

tenon_status post(tenon_ctx* ctx, const tenon_task* task, tenon_id* out, tenon_error* err) noexcept {
  return add(ctx, task, out, err,
             [](Tasks& tasks, Instance& owner, const TaskHandler& h, TaskOptions o) -> Id { return tasks.post(owner, h, std::move(o)); });
}

tenon_status after(tenon_ctx* ctx, std::int64_t delay_ns, const tenon_task* task, tenon_id* out, tenon_error* err) noexcept {
  return add(ctx, task, out, err, [delay_ns](Tasks& tasks, Instance& owner, const TaskHandler& h, TaskOptions o) -> Id {
    return tasks.after(owner, delay_ns, h, std::move(o));
  });
}

tenon_status every(tenon_ctx* ctx, std::int64_t interval_ns, const tenon_task* task, tenon_id* out, tenon_error* err) noexcept {
  return add(ctx, task, out, err, [interval_ns](Tasks& tasks, Instance& owner, const TaskHandler& h, TaskOptions o) -> Id {
    return tasks.every(owner, interval_ns, h, std::move(o));
  });
}

tenon_status cron(tenon_ctx* ctx, tenon_str schedule, std::int32_t zone, const tenon_task* task, tenon_id* out, tenon_error* err) noexcept {
  return add(ctx, task, out, err, [&](Tasks& tasks, Instance& owner, const TaskHandler& h, TaskOptions o) -> Id {
    if (!is_view(schedule)) return null_argument_of(TENON_TASKS);
    if (zone != TENON_ZONE_UTC && zone != TENON_ZONE_LOCAL)
      return bad(std::to_string(zone) + " is no zone: 0 is UTC, 1 local time", "BAD_ZONE");
    const auto parsed = Schedule::parse(view(schedule));
    if (!parsed) return parsed.error();
    return tasks.cron(owner, *parsed, zone == TENON_ZONE_UTC ? Zone::utc : Zone::local, h, std::move(o));
  });
}

Result<LoopPolicy> policy_of(std::int32_t policy) {
  switch (policy) {
    case TENON_LOOP_FAIL:
      return LoopPolicy::fail;
    case TENON_LOOP_RESTART:
      return LoopPolicy::restart;
    case TENON_LOOP_IGNORE:
      return LoopPolicy::ignore;
    default:
      return bad(std::to_string(policy) + " is no policy for a loop: 0, 1 or 2", "BAD_POLICY");
  }
}

tenon_status loop(tenon_ctx* ctx, const tenon_task* task, const tenon_loop_options* options, tenon_id* out, tenon_error* err) noexcept {
  return checked(ctx, task, err, [&](TasksPart& part) -> Id {
    if (part.instance().strand() != nullptr)
      return Error{Code::failed_precondition,
                   "a loop would hold the one turn of this serial module for ever: use every(), or drop TENON_SERIAL", "SERIAL", 0,
                   ExitCode::unavailable};
    if (task->timeout_ns != 0) return bad("a loop has no timeout: it ends when it is cancelled", "BAD_TASK");
    LoopOptions loop_options;
    loop_options.name = view(task->name);
    if (options != nullptr) {
      if (options->struct_size < sizeof(tenon_loop_options)) return bad_struct("tenon_loop_options");
      const auto policy = policy_of(options->policy);
      if (!policy) return policy.error();
      loop_options.policy = *policy;
      if (options->backoff_ns != 0) loop_options.backoff_ns = options->backoff_ns;
      if (options->max_backoff_ns != 0) loop_options.max_backoff_ns = options->max_backoff_ns;
    }
    return part.loop(*task, out, std::move(loop_options));
  });
}

tenon_status cancel(tenon_ctx* ctx, tenon_id id) noexcept {
  return with_tasks(ctx, nullptr, [&](TasksPart& part) { return part.tasks().cancel(part.instance(), id); });
}

tenon_status cancel_wait(tenon_ctx* ctx, tenon_id id, std::int64_t deadline_ns, tenon_error* err) noexcept {
  return with_tasks(ctx, err, [&](TasksPart& part) -> Result<void> {
    if (on_own_strand(part.instance())) return own_strand_error("a task of its own");
    return part.tasks().cancel_wait(part.instance(), id, deadline_ns);
  });
}

// The numbers of both sides are the same.
static_assert(static_cast<int>(TaskKind::post) == TENON_TASK_POST && static_cast<int>(TaskKind::loop) == TENON_TASK_LOOP);
static_assert(static_cast<int>(TaskState::not_started) == TENON_TASK_NOT_STARTED && static_cast<int>(TaskState::ended) == TENON_TASK_ENDED);
static_assert(static_cast<int>(TaskHealth::ok) == TENON_TASK_OK && static_cast<int>(TaskHealth::failed) == TENON_TASK_FAILED);

tenon_status status(tenon_ctx* ctx, tenon_id id, tenon_task_status* out) noexcept {
  return with_tasks(ctx, nullptr, [&](TasksPart& part) -> Result<void> {
    if (out == nullptr) return null_argument_of(TENON_TASKS);
    const Result<TaskStatus> s = part.tasks().status(part.instance(), id);
    if (!s) return s.error();
    give_struct(out, tenon_task_status{0, static_cast<std::int32_t>(s->kind), static_cast<std::int32_t>(s->state),
                                       static_cast<std::int32_t>(s->health), static_cast<tenon_status>(s->last), 0, s->runs, s->failures,
                                       s->missed, s->restarts, s->next_ns});
    return {};
  });
}

}  // namespace

const tenon_tasks tasks_table = {sizeof(tenon_tasks), 0, &post, &after, &every, &cron, &loop, &cancel, &cancel_wait, &status};

}  // namespace tenon::host
