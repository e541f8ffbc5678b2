// What the fake host does around a call: phases, deferred calls, cancellation, reload.
#ifndef TENON_TESTING_RUN_HPP
#define TENON_TESTING_RUN_HPP

#include "tenon/testing/tables.hpp"

namespace tenon {
inline namespace v1 {
namespace testing {

namespace detail {

/// Marks the thread as being inside the module, for tenon.check, and in a call, for what it asks of others. nullptr: outside.
class Inside {
 public:
  explicit Inside(const Host* host, std::int32_t thread = TENON_THREAD_CONTROL, CallState* call = nullptr, bool own_turn = true)
      : before_(std::exchange(within(), Within{host, thread, call, own_turn})) {}
  Inside(const Inside&) = delete;
  Inside& operator=(const Inside&) = delete;
  ~Inside() { within() = before_; }

 private:
  const Within before_;
};

inline std::string_view phase_name(std::int32_t phase) {
  constexpr std::string_view names[] = {"none", "create", "pre_init", "init", "post_init", "start", "run", "stop", "destroy"};
  return names[phase];
}

}  // namespace detail

inline void Host::set_up() {
  host_ = {sizeof(tenon_host),     TENON_ABI_MAJOR,    TENON_ABI_MINOR,
           TENON_STR("fake host"), TENON_STR("0.0.0"), TENON_STR("00000000-0000-4000-8000-000000000000"),
           &Tables::query};
  log_ = {sizeof(tenon_log), TENON_LEVEL_TRACE, &Tables::write};
  seat_ = {{&host_}, this};
}

inline bool Host::declared(std::string_view id) const {
  for (std::size_t i = 0; i < module_.need_count; ++i)
    if (view(module_.needs[i]->id) == id) return true;
  return false;
}

inline std::string Host::trace_of_this_thread() const {
  return detail::entered() == this && detail::within().call != nullptr ? detail::within().call->traceparent : std::string();
}

inline bool Host::on_own_turn() const {
  return (module_.flags & TENON_SERIAL) != 0 && detail::entered() == this && detail::within().own_turn;
}

namespace detail {

inline bool contains_path(std::string_view above, std::string_view below) {
  return above.empty() || above == below || (below.substr(0, above.size()) == above && below.substr(above.size(), 1) == ".");
}

}  // namespace detail

/// A live path lies at, above or below this one.
inline bool Host::is_live(std::string_view path) const {
  for (const std::string& live : live_)
    if (detail::contains_path(live, path) || detail::contains_path(path, live)) return true;
  return false;
}

inline std::shared_ptr<detail::CallState> Host::new_call(bool may_defer) {
  auto call = std::make_shared<detail::CallState>();
  call->host = this;
  call->may_defer = may_defer;
  const std::int64_t now = detail::now_ns();
  if (time_per_call_.count() < INT64_MAX - now) call->deadline_ns = now + time_per_call_.count();
  const Lock lock(mutex_);
  call->cancelled = std::exchange(cancel_next_, false);
  running_ = call;
  return call;
}

/// No answer will come any more, or nobody waits for it: what on_cancel registered is due, once.
inline void Host::end(detail::CallState& call, tenon_status why) {
  if (why == TENON_CANCELLED && call.cancelled) return;
  if (why == TENON_OK) call.ended = true;
  if (call.on_cancel != nullptr && !(why == TENON_OK && call.cancelled)) due_.push_back({{call.on_cancel, call.on_cancel_data}, why});
  if (why == TENON_CANCELLED) call.cancelled = true;
}

/// What the function returned, and whether it may.
inline Status Host::end_call(detail::CallState& call, Status returned, std::string_view phase) {
  container_end_call(call);
  const Lock lock(mutex_);
  running_ = nullptr;
  const std::string name(phase);
  if (returned.is_pending()) {
    if (call.id != 0) return call.completed ? call.answer : returned;
    problem("`" + name + "` returned PENDING without having deferred its call");
    return Status::internal("PENDING without defer");
  }
  if (returned.code() < 0 || returned.code() > TENON_UNAUTHENTICATED) {
    problem("`" + name + "` returned the status " + std::to_string(returned.code()));
    returned = Status(TENON_UNKNOWN);
  }
  if (call.id != 0) {
    if (call.completed) {
      problem("`" + name + "` completed its call and returned another status than PENDING");
      return call.answer;
    }
    end(call, TENON_OK);
    deferred_.erase(call.id);
    if (last_deferred_.get() == &call) last_deferred_ = nullptr;
  }
  return returned;
}

template <class F>
Status Host::run(std::int32_t phase, bool may_defer, bool present, F&& function) {
  phase_ = phase;
  Status status;
  if (present) {
    const auto call = new_call(may_defer);
    tenon_error error;
    tenon::detail::init_error(error);
    tenon_status code = TENON_OK;
    {
      const detail::Inside inside(this, TENON_THREAD_CONTROL, call.get());
      code = function(reinterpret_cast<tenon_call*>(call.get()), &error);
    }
    status = end_call(*call, code == TENON_PENDING ? Status::pending() : Status::from_c(code, error), detail::phase_name(phase));
    deliver();
  }
  if (phase == TENON_PHASE_CREATE) {
    created_ = status.ok();
    if (!created_) {
      revoke();
      forget();
    }
  }
  if (phase == TENON_PHASE_START && (status.ok() || status.is_pending())) {
    phase_ = TENON_PHASE_RUN;
    tasks_started();
  }
  return status;
}

inline Status Host::create() {
  if (created_ || destroyed_) return Status::failed_precondition("create was run before");
  return run(TENON_PHASE_CREATE, false, module_.lifecycle->create != nullptr,
             [&](tenon_call* call, tenon_error* err) { return module_.lifecycle->create(&seat_.ctx, call, &self_, err); });
}

inline Status Host::phase(std::int32_t phase, PhaseMember member, bool may_defer) {
  if (!created_ || destroyed_) return Status::failed_precondition("a phase was run before create or after destroy");
  const auto function = module_.lifecycle->*member;
  if (phase == TENON_PHASE_START) started_ = true;
  if (phase == TENON_PHASE_STOP) stopped_ = true;
  return run(phase, may_defer, function != nullptr, [&](tenon_call* call, tenon_error* err) { return function(self_, call, err); });
}

inline Status Host::completion(std::chrono::nanoseconds patience) {
  Status status;
  {
    Lock lock(mutex_);
    const auto call = last_deferred_;
    if (call == nullptr) return Status::failed_precondition("no call was deferred");
    const std::int64_t now = detail::now_ns();
    const std::int64_t end_ns = std::min(call->deadline_ns, patience.count() < INT64_MAX - now ? now + patience.count() : INT64_MAX);
    while (!call->completed && detail::now_ns() < end_ns) {
      if (end_ns == INT64_MAX) {
        changed_.wait(lock);
      } else {
        changed_.wait_until(lock, Clock::time_point(std::chrono::nanoseconds(end_ns)));
      }
    }
    if (call->completed) {
      status = call->answer;
    } else {
      if (!call->cancelled) end(*call, TENON_CANCELLED);
      status = Status::deadline_exceeded("the module did not complete its call in time");
    }
  }
  deliver();
  return status;
}

inline void Host::end_pending() {
  {
    const Lock lock(mutex_);
    for (auto& [id, call] : deferred_)
      if (!call->completed && !call->cancelled) {
        end(*call, TENON_CANCELLED);
        call->leaving = true;
      }
    changed_.notify_all();
  }
  deliver();
}

inline void Host::cancel() {
  {
    const Lock lock(mutex_);
    bool any = false;
    const auto cancel_one = [&](detail::CallState& call) {
      any = true;
      if (!call.cancelled) end(call, TENON_CANCELLED);
    };
    if (running_ != nullptr) cancel_one(*running_);
    for (auto& [id, call] : deferred_)
      if (!call->completed && call != running_) cancel_one(*call);
    cancel_next_ = !any;
    changed_.notify_all();
  }
  deliver();
}

template <class F>
Status Host::handle(std::string_view what, F&& handler) {
  const auto before = running_;
  const auto call = new_call(false);
  tenon_error error;
  tenon::detail::init_error(error);
  tenon_status code = TENON_OK;
  {
    const detail::Inside inside(this, TENON_THREAD_WORKER, call.get());
    code = handler(reinterpret_cast<tenon_call*>(call.get()), &error);
  }
  Status status = end_call(*call, code == TENON_PENDING ? Status::pending() : Status::from_c(code, error), what);
  const Lock lock(mutex_);
  running_ = before;
  return status;
}

template <class F>
void Host::as_worker(F&& f) {
  const detail::Inside inside(this, TENON_THREAD_WORKER);
  f();
}

inline void Host::release(void (*function)(void*) noexcept, void* data) const {
  const detail::Inside inside(this, TENON_THREAD_WORKER, nullptr, false);
  function(data);
}

inline void Host::deliver() {
  events_end_calls();
  services_end_calls();
  tasks_end_calls();
  StorageTables::deliver(*this);
  release_subscriptions();
  for (;;) {
    std::pair<std::pair<tenon_call_ended, void*>, tenon_status> next;
    {
      const Lock lock(mutex_);
      if (due_.empty()) return;
      next = due_.front();
      due_.erase(due_.begin());
    }
    next.first.first(next.first.second, next.second);
  }
}

inline void Host::release_subscriptions() {
  std::vector<Subscription> gone;
  {
    const Lock lock(mutex_);
    if (changing_ == 0) gone.swap(unsubscribed_);
  }
  for (const Subscription& s : gone)
    if (s.release != nullptr) s.release(s.data);
}

inline Status Host::change(std::string_view path, Value value) {
  std::vector<tenon_id> concerned;
  {
    const Lock lock(mutex_);
    const Value* old = config_.at(path);
    if (old != nullptr && *old == value) return Status();
    if (!is_live(path))
      return Status::failed_precondition("`" + std::string(path) + "` is not live: a real host keeps the old value until restart");
    const Config before = config_;
    config_.set(path, std::move(value));
    const auto changed = [&](const std::string& below) {  // a change above it may have left it as it was
      const Value *was = before.at(below), *is = config_.at(below);
      return was == nullptr || is == nullptr ? was != is : *was != *is;
    };
    for (const auto& [id, s] : subscriptions_)
      if (detail::contains_path(s.path, path) || (detail::contains_path(path, s.path) && changed(s.path))) concerned.push_back(id);
  }
  if (!started_ || stopped_) return Status();
  Status first;
  for (const tenon_id id : concerned) {
    Subscription s{};
    {
      const Lock lock(mutex_);
      const auto found = subscriptions_.find(id);
      if (found == subscriptions_.end()) continue;  // a handler before this one has ended it
      s = found->second;
      ++changing_;
    }
    const auto call = new_call(false);
    tenon_error error;
    tenon::detail::init_error(error);
    tenon_status code = TENON_OK;
    {
      const detail::Inside inside(this, TENON_THREAD_CONTROL, call.get());
      code = s.fn(s.data, reinterpret_cast<tenon_call*>(call.get()), to_c(s.path), &error);
    }
    Status status = end_call(*call, code == TENON_PENDING ? Status::pending() : Status::from_c(code, error), "on_change");
    if (first.ok()) first = std::move(status);
    const Lock lock(mutex_);
    --changing_;
  }
  release_subscriptions();
  return first;
}

inline void Host::revoke() {
  leave();
  StorageTables::leave(*this);
  std::map<tenon_id, Subscription> subscriptions;
  {
    const Lock lock(mutex_);
    subscriptions.swap(subscriptions_);
  }
  release_subscriptions();
  for (const auto& [id, s] : subscriptions)
    if (s.release != nullptr) s.release(s.data);
  container_finish();
}

inline void Host::destroy() {
  if (!created_ || destroyed_) return;
  revoke();
  phase_ = TENON_PHASE_DESTROY;
  if (module_.lifecycle->destroy != nullptr) {
    const detail::Inside inside(this);
    module_.lifecycle->destroy(self_);
  }
  forget();
}

inline void Host::forget() {
  container_destroyed();
  services_finish();
  deliver();
  phase_ = TENON_PHASE_NONE;
  metrics_.leave();
  const Lock lock(mutex_);
  destroyed_ = true;
  for (const auto& [id, call] : deferred_)
    if (!call->completed)
      problem(call->service == nullptr ? "a deferred call was never completed"
                                       : "the deferred call of `" + call->service->service + "` was never completed");
}

inline bool Host::wait_for_log(std::string_view message, std::size_t count, std::chrono::nanoseconds patience) {
  Lock lock(mutex_);
  return changed_.wait_for(lock, patience, [&] {
    std::size_t found = 0;
    for (const LogLine& line : lines_) found += line.message == message ? 1 : 0;
    return found >= count;
  });
}

}  // namespace testing
}  // namespace v1
}  // namespace tenon

#endif
