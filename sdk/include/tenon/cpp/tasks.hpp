// Tasks: lambdas run later, again and again, at times of day, at once, or for as long as the module lives.
#ifndef TENON_CPP_TASKS_HPP
#define TENON_CPP_TASKS_HPP

#include "tenon/cpp/handler.hpp"
#include "tenon/tasks.h"

namespace tenon {
inline namespace v1 {

struct Task {
  std::string_view name{};              ///< for people, at most 63 bytes
  std::chrono::nanoseconds timeout{0};  ///< deadline of a run; 0 = 60 s
};

enum class Zone : std::int32_t { utc = TENON_ZONE_UTC, local = TENON_ZONE_LOCAL };

/// What becomes of a loop that ends by itself; the operator's `modules.<module>.loops.<name>` wins over it.
enum class LoopPolicy : std::int32_t {
  fail = TENON_LOOP_FAIL,        ///< it stays ended, and the module is unhealthy
  restart = TENON_LOOP_RESTART,  ///< it begins again after a pause that doubles; degraded meanwhile
  ignore = TENON_LOOP_IGNORE,
};
struct Loop {
  std::string_view name{};
  LoopPolicy policy = LoopPolicy::fail;
  std::chrono::nanoseconds backoff{0};      ///< first pause; 0 = 1 s
  std::chrono::nanoseconds max_backoff{0};  ///< longest one; 0 = 60 s
};

/// Each f is called as f() or f(tenon::Call), returning Status or void, [worker], never twice at a time; the host keeps it until after its last
/// run. A pair of pointers; thread-safe. tenon/tasks.h says what each does.
class Tasks {
 public:
  [[gnu::visibility("hidden")]] static constexpr std::string_view id = TENON_TASKS;
  static constexpr std::uint32_t min_size = TENON_UP_TO(tenon_tasks, status);

  /// Throws Failure if the host gives none (see needs<...>).
  explicit Tasks(Ctx ctx) : ctx_(ctx), table_(ctx.require<tenon_tasks>(id)) {}

  /// Once, as soon as a worker is free. [any]
  template <class F>
  Result<tenon_id> post(F f, const Task& task = {}) const {
    return add(std::move(f), task.name, task.timeout,
               [&](const tenon_task* raw, tenon_id* out, tenon_error* e) { return table_->post(ctx_.raw(), raw, out, e); });
  }
  /// Once, after a delay. [any]
  template <class F>
  Result<tenon_id> after(std::chrono::nanoseconds delay, F f, const Task& task = {}) const {
    return add(std::move(f), task.name, task.timeout,
               [&](const tenon_task* raw, tenon_id* out, tenon_error* e) { return table_->after(ctx_.raw(), delay.count(), raw, out, e); });
  }
  /// At every multiple of the interval. [any]
  template <class F>
  Result<tenon_id> every(std::chrono::nanoseconds interval, F f, const Task& task = {}) const {
    return add(std::move(f), task.name, task.timeout, [&](const tenon_task* raw, tenon_id* out, tenon_error* e) {
      return table_->every(ctx_.raw(), interval.count(), raw, out, e);
    });
  }
  /// `cron("30 4 * * MON-FRI", [..] { ... })`. [any]
  template <class F>
  Result<tenon_id> cron(std::string_view schedule, F f, Zone zone = Zone::utc, const Task& task = {}) const {
    return add(std::move(f), task.name, task.timeout, [&](const tenon_task* raw, tenon_id* out, tenon_error* e) {
      return table_->cron(ctx_.raw(), to_c(schedule), static_cast<std::int32_t>(zone), raw, out, e);
    });
  }
  /// f(Call) goes on until the call is cancelled: `while (!call.wait_for(100ms)) ...`. [any]
  template <class F>
  Result<tenon_id> loop(F f, const Loop& loop = {}) const {
    static_assert(std::is_invocable_v<F&, Call>, "a loop is called with (tenon::Call), so that it learns when to end");
    const tenon_loop_options options = {sizeof(tenon_loop_options), static_cast<std::int32_t>(loop.policy), loop.backoff.count(),
                                        loop.max_backoff.count()};
    return add(std::move(f), loop.name, std::chrono::nanoseconds(0),
               [&](const tenon_task* raw, tenon_id* out, tenon_error* e) { return table_->loop(ctx_.raw(), raw, &options, out, e); });
  }

  /// No run begins after it returned; one that is running is cancelled. [any]
  Status cancel(tenon_id task) const noexcept { return Status(table_->cancel(ctx_.raw(), task)); }
  /// The same, and waits until f is gone. [control][worker]
  Status cancel_wait(tenon_id task, Clock::time_point deadline) const {
    return Status::of([&](tenon_error* e) { return table_->cancel_wait(ctx_.raw(), task, detail::to_ns(deadline), e); });
  }
  /// NOT_FOUND once it is over. [any]
  Result<tenon_task_status> status(tenon_id task) const {
    tenon_task_status out{};
    out.struct_size = sizeof out;
    const tenon_status status = table_->status(ctx_.raw(), task, &out);
    if (status != TENON_OK) return Status(status, "STATUS", "there is no such task of this module, or it is over");
    return out;
  }

 private:
  template <class F, class Add>
  Result<tenon_id> add(F f, std::string_view name, std::chrono::nanoseconds timeout, Add&& register_it) const {
    using Handler = detail::Handler<F>;
    static_assert(Handler::is_callable, "f is called with () or (tenon::Call)");
    auto handler = std::make_unique<Handler>(std::move(f), ctx_);
    const auto run = [](void* data, tenon_call* call, tenon_error* err) noexcept { return Handler::run(data, call, err); };
    const tenon_task raw = {sizeof(tenon_task), 0U, run, handler.get(), &Handler::release, to_c(name), timeout.count()};
    return detail::hand_over(std::move(handler), [&](tenon_id* out, tenon_error* e) { return register_it(&raw, out, e); });
  }

  Ctx ctx_;
  const tenon_tasks* table_;
};

}  // namespace v1
}  // namespace tenon

#endif
