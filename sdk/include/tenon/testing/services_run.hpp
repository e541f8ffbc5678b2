// How calls of services go in the fake host: who answers, deferred and asynchronous answers, what is released and when.
#ifndef TENON_TESTING_SERVICES_RUN_HPP
#define TENON_TESTING_SERVICES_RUN_HPP

#include "tenon/testing/services.hpp"

namespace tenon {
inline namespace v1 {
namespace testing {

inline FakeServices::Target FakeServices::find(const std::string& name, bool as_module) const {
  const auto refuse = [](tenon_status code, std::string_view reason, const std::string& message) {
    return Target{nullptr, nullptr, Status(code, reason, message)};
  };
  if (as_module && gone_) return {nullptr, nullptr, has_left()};
  if (as_module && denied(name)) return refuse(TENON_PERMISSION_DENIED, "NOT_GRANTED", "the test denies `" + name + "`");
  if (const auto mock = mocks_.find(name); mock != mocks_.end()) return {mock->second, nullptr, Status()};
  const auto offer = offered_.find(name);
  const std::int32_t phase = host_.phase_;
  const bool seen = as_module || phase > TENON_PHASE_INIT || (phase == TENON_PHASE_INIT && host_.running_ == nullptr);
  if (offer == offered_.end() || !seen) return refuse(TENON_NOT_FOUND, "NO_SERVICE", "no module offers `" + name + "`");
  const std::string who = "`" + std::string(host_.module_name()) + "`, which offers `" + name + "`, ";
  if (phase < TENON_PHASE_RUN) return refuse(TENON_UNAVAILABLE, "NOT_STARTED", who + "has not started yet");
  if (phase > TENON_PHASE_RUN) return refuse(TENON_UNAVAILABLE, "LEAVING", who + "is leaving");
  return {nullptr, offer->second, Status()};
}

inline ServiceAnswer FakeServices::answer_of(const detail::CallState& call) const {
  const detail::ServiceRecord& r = *call.service;
  if (call.completed && !r.good && call.answer.ok())
    return Status(TENON_INTERNAL, "BAD_REPLY", "`" + r.service + "` gave a reply that cannot be one");
  if (call.completed) {
    if (call.answer.ok()) return r.reply;
    if (call.answer.message().empty())
      return Status(call.answer.code(), call.answer.reason(),
                    "`" + r.service + "` answered " + std::string(status_name(call.answer.code())));
    return call.answer;
  }
  if (r.left)
    return Status(TENON_UNAVAILABLE, "LEAVING", "`" + std::string(host_.module_name()) + "` left before `" + r.service + "` was answered");
  if (detail::now_ns() >= call.deadline_ns) return too_late(r.service);
  return Status(TENON_CANCELLED, "CANCELLED", "the call of `" + r.service + "` was cancelled");
}

inline FakeServices::Outcome FakeServices::run_mock(const Mock& mock, const ServiceRequest& q, std::int64_t deadline_ns) {
  Outcome out;
  {
    const detail::Inside elsewhere(nullptr);
    out.answer = mock(q);
  }
  const tenon_status code = out.answer.status.code();
  if (code != TENON_PENDING && detail::now_ns() >= deadline_ns) out.answer = too_late(q.service);
  if (code == TENON_OK || code == TENON_PENDING) return out;
  std::string message(out.answer.status.message());
  if (message.empty()) message = "`" + q.service + "` answered " + std::string(status_name(code));
  out.answer = Status(out.answer.status.code(), out.answer.status.reason(), message);
  return out;
}

inline FakeServices::Outcome FakeServices::run_offer(const OfferPtr& offer, const ServiceRequest& q, std::int64_t deadline_ns,
                                                     const CallPtr& parent, std::uint8_t* buffer, std::size_t capacity) {
  CallPtr before;
  {
    const Lock lock(host_.mutex_);
    before = host_.running_;
    ++offer->running;
    offer->runners.push_back(std::this_thread::get_id());
  }
  const CallPtr call = host_.new_call(true);
  {
    const Lock lock(host_.mutex_);
    call->deadline_ns = std::min(call->deadline_ns, deadline_ns);
    call->parent = parent;
    call->service = std::make_shared<detail::ServiceRecord>();
    call->service->service = offer->name;
    call->service->caller = q.caller;
    call->service->traceparent = call->traceparent = q.traceparent;
  }
  const std::vector<tenon_kv> pairs = detail::pairs_of(q);
  const tenon_request request = {sizeof(tenon_request), 0,           Bytes(std::string_view(q.payload)), to_c(q.content_type),
                                 pairs.data(),          pairs.size()};
  tenon_reply reply = {};
  reply.struct_size = sizeof reply;
  reply.buffer = capacity == 0 ? nullptr : buffer;
  reply.capacity = capacity;
  tenon_error error;
  tenon::detail::init_error(error);
  tenon_status code = TENON_OK;
  {
    const detail::Inside inside(&host_, TENON_THREAD_WORKER, call.get());
    code = offer->service.handle(offer->service.data, reinterpret_cast<tenon_call*>(call.get()), &request, &reply, &error);
  }
  ServiceMessage message;
  const bool good = detail::take_reply(reply, buffer, capacity, message);
  Status status =
      host_.end_call(*call, code == TENON_PENDING ? Status::pending() : Status::from_c(code, error), "handler of `" + offer->name + "`");
  if (code == TENON_PENDING && call->id == 0)
    status =
        Status(TENON_INTERNAL, "NOT_DEFERRED", "the handler of `" + offer->name + "` returned PENDING without having deferred its call");
  const Lock lock(host_.mutex_);
  host_.running_ = before;
  --offer->running;
  offer->runners.erase(std::find(offer->runners.begin(), offer->runners.end(), std::this_thread::get_id()));
  host_.changed_.notify_all();
  if (status.is_pending()) return {status, call};
  if (call->completed) return {answer_of(*call), nullptr};
  if (detail::now_ns() >= call->deadline_ns) return {too_late(offer->name), nullptr};
  call->completed = true;
  call->answer = std::move(status);
  call->service->reply = std::move(message);
  call->service->good = good;
  return {answer_of(*call), nullptr};
}

inline FakeServices::Outcome FakeServices::run(const ServiceRequest& q, std::int64_t deadline_ns, const CallPtr& parent, bool as_module,
                                               std::uint8_t* buffer, std::size_t capacity) {
  Target target;
  ServiceRequest asked = q;
  {
    const Lock lock(host_.mutex_);
    if (parent != nullptr && Host::given_up(*parent)) return {given_up(q.service), nullptr};
    target = find(q.service, as_module);
    if (!target.refusal.ok()) return {target.refusal, nullptr};
    const std::int64_t now = detail::now_ns();
    if (now >= deadline_ns) return {too_late(q.service), nullptr};
    asked.timeout = std::chrono::nanoseconds(deadline_ns - now);
    if (depth_ >= 32)
      return {Status(TENON_RESOURCE_EXHAUSTED, "TOO_DEEP",
                     "calls are nested 32 deep, no deeper call is made: look for services that call each other"),
              nullptr};
    if (target.offer != nullptr && (host_.module_.flags & TENON_SERIAL) != 0 && (host_.on_own_turn() || detail::asking() == &host_))
      return {Status(TENON_FAILED_PRECONDITION, "REENTRANT",
                     "`" + std::string(host_.module_name()) + "` takes one call at a time and is in one that waits for this"),
              nullptr};
    if (target.mock != nullptr && as_module) called_.push_back(asked);
    ++depth_;
  }
  const Host* const before = std::exchange(detail::asking(), host_.on_own_turn() ? &host_ : detail::asking());
  Outcome out = target.mock != nullptr ? run_mock(*target.mock, asked, deadline_ns)
                                       : run_offer(target.offer, asked, deadline_ns, parent, buffer, capacity);
  detail::asking() = before;
  const Lock lock(host_.mutex_);
  --depth_;
  return out;
}

inline ServiceAnswer FakeServices::wait(const CallPtr& call, std::int64_t end_ns) {
  Lock lock(host_.mutex_);
  while (!over(*call) && !Host::given_up(*call) && detail::now_ns() < end_ns)
    host_.changed_.wait_for(lock, std::chrono::nanoseconds(std::min<std::int64_t>(end_ns - detail::now_ns(), 1'000'000'000)));
  if (over(*call)) return answer_of(*call);
  const bool late = call->parent == nullptr || !Host::given_up(*call->parent);
  host_.end(*call, TENON_CANCELLED);
  return late ? too_late(call->service->service) : given_up(call->service->service);
}

inline ServiceAnswer FakeServices::call(std::string_view name, std::string_view payload, ServiceRequest more) {
  more.service = name_of(name);
  if (more.service.empty()) return malformed(name);
  more.payload = payload;
  const std::int64_t now = detail::now_ns();
  std::vector<tenon_kv> room(more.room / sizeof(tenon_kv) + 1);  // aligned for anything in it
  Outcome out = run(more, more.timeout.count() < INT64_MAX - now ? now + more.timeout.count() : INT64_MAX, nullptr, false,
                    reinterpret_cast<std::uint8_t*>(room.data()), more.room);
  if (out.open != nullptr) out.answer.id = out.open->id;
  host_.deliver();
  return out.answer;
}

inline ServiceAnswer FakeServices::completion(tenon_id id, std::chrono::nanoseconds patience) {
  CallPtr call;
  std::int64_t end = 0;
  {
    const Lock lock(host_.mutex_);
    const auto found = host_.deferred_.find(id);
    if (found == host_.deferred_.end() || found->second->service == nullptr) return Status::not_found("no call of a service has this id");
    call = found->second;
    const std::int64_t now = detail::now_ns();
    end = std::min(call->deadline_ns, patience.count() < INT64_MAX - now ? now + patience.count() : INT64_MAX);
  }
  ServiceAnswer answer = wait(call, end);
  host_.deliver();
  return answer;
}

inline bool FakeServices::cancel(tenon_id id) {
  {
    const Lock lock(host_.mutex_);
    const auto found = host_.deferred_.find(id);
    if (found == host_.deferred_.end() || found->second->service == nullptr || over(*found->second)) return false;
    host_.end(*found->second, TENON_CANCELLED);
    found->second->leaving = false;
    host_.changed_.notify_all();
  }
  host_.deliver();
  return true;
}

/// In the caller's buffer, or in memory that ends with payload.release.
inline void FakeServices::give(ServiceMessage message, tenon_reply& to) {
  if (detail::write_reply(message, to)) return;
  auto made = std::make_unique<Given>(Given{this, std::move(message), {}});
  Given& g = *made;
  g.pairs = detail::pairs_of(g.message);
  to.payload = {reinterpret_cast<const std::uint8_t*>(g.message.payload.data()), g.message.payload.size(),
                [](void* owner) noexcept {
                  auto& gone = *static_cast<Given*>(owner);
                  const Lock lock(gone.services->host_.mutex_);
                  if (std::exchange(gone.released, true)) gone.services->host_.problem("an answer of a service was released twice");
                  gone.message = {};
                  gone.message.payload.shrink_to_fit();
                },
                &g};
  to.content_type = to_c(g.message.content_type);
  to.metadata = g.pairs.data();
  to.metadata_count = g.pairs.size();
  const Lock lock(host_.mutex_);
  given_.push_back(std::move(made));
}

inline void FakeServices::release_ended() {
  for (;;) {
    OfferPtr offer;
    {
      const Lock lock(host_.mutex_);
      const auto quiet = std::find_if(ended_.begin(), ended_.end(), [](const OfferPtr& o) { return o->running == 0; });
      if (quiet == ended_.end()) return;
      offer = *quiet;
      ended_.erase(quiet);
    }
    if (offer->service.release != nullptr) host_.release(offer->service.release, offer->service.data);
    const Lock lock(host_.mutex_);
    offer->released = true;
    host_.changed_.notify_all();
  }
}

/// Runs it, or sees whether it has been answered.
inline void FakeServices::settle(Async& call) {
  if (!call.ran) {
    call.ran = true;
    call.outcome = run(call.request, call.deadline_ns, call.parent, true, nullptr, 0);
  }
  const Lock lock(host_.mutex_);
  if (call.decided) return;
  const CallPtr& open = call.outcome.open;
  const bool given = call.parent != nullptr && Host::given_up(*call.parent);
  if (!call.outcome.answer.status.is_pending()) {
    call.decided = true;
  } else if (open != nullptr && over(*open)) {
    call.outcome.answer = answer_of(*open);
    call.decided = true;
  } else if (given || detail::now_ns() >= call.deadline_ns) {
    if (open != nullptr) host_.end(*open, TENON_CANCELLED);
    call.outcome.answer = given ? given_up(call.request.service) : too_late(call.request.service);
    call.decided = true;
  }
}

/// The outcome, to the module.
inline void FakeServices::tell(const std::shared_ptr<Async>& call) {
  tenon_reply reply = {};
  reply.struct_size = sizeof reply;
  tenon_error error;
  tenon::detail::init_error(error);
  const Status& status = call->outcome.answer.status;
  if (status.ok()) give(std::move(call->outcome.answer), reply);
  (void)status.report(&error);
  {
    const detail::Inside inside(&host_, TENON_THREAD_WORKER);
    call->done(call->data, call->id, status.code(), &reply, &error);
  }
  if (reply.payload.release != nullptr) reply.payload.release(reply.payload.owner);
}

inline std::size_t FakeServices::deliver() {
  std::size_t told = 0;
  for (bool again = true; again;) {
    again = false;
    std::deque<std::shared_ptr<Async>> now;
    {
      const Lock lock(host_.mutex_);
      now = async_;
    }
    for (const std::shared_ptr<Async>& call : now) {
      if (!call->decided) settle(*call);
      {
        const Lock lock(host_.mutex_);
        const auto found = std::find(async_.begin(), async_.end(), call);
        if (!call->decided || found == async_.end()) continue;
        async_.erase(found);
      }
      tell(call);
      ++told;
      again = true;
    }
  }
  host_.deliver();
  return told;
}

inline void FakeServices::leave() {
  std::deque<std::shared_ptr<Async>> own;
  {
    const Lock lock(host_.mutex_);
    gone_ = true;
    while (!offers_.empty()) close(OfferPtr(offers_.begin()->second));
    handles_.clear();
    for (auto& [id, call] : host_.deferred_) {
      if (call->service == nullptr || over(*call)) continue;
      call->service->left = true;
      host_.end(*call, TENON_CANCELLED);
    }
    own.swap(async_);
    for (const auto& call : own)
      if (!call->decided)
        call->outcome.answer =
            Status(TENON_CANCELLED, "LEAVING",
                   "`" + std::string(host_.module_name()) + "` left before `" + call->request.service + "` was answered");
    host_.changed_.notify_all();
  }
  for (const auto& call : own) tell(call);
  release_ended();
}

/// What the module should have released.
inline void FakeServices::finish() {
  const Lock lock(host_.mutex_);
  const auto held = std::count_if(given_.begin(), given_.end(), [](const auto& g) { return !g->released; });
  if (held != 0)
    host_.problem(std::to_string(held) + (held == 1 ? " answer of a service was" : " answers of services were") + " never released");
}

}  // namespace testing
}  // namespace v1
}  // namespace tenon

#endif
