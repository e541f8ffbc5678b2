// The way of a call: the short one if it is open, else the long one, which looks at everything and says what is wrong.
#include <time.h>

#include <algorithm>

#include "kernel/traceparent.hpp"
#include "refusals.hpp"

namespace tenon::host {
namespace {

/// Not ahead of monotonic_ns(), a few milliseconds behind it, at a fifth of its price.
std::int64_t coarse_ns() {
  timespec t{};
  clock_gettime(CLOCK_MONOTONIC_COARSE, &t);
  return std::int64_t{t.tv_sec} * 1'000'000'000 + t.tv_nsec;
}

Code check_trace(const CallOptions& how, Error& error) {
  return how.trace_parent.empty() || is_traceparent(how.trace_parent) ? Code::ok : bad_trace(error, how.trace_parent);
}

ServiceCall* as_service(Call* call) { return call != nullptr && call->is_service ? static_cast<ServiceCall*>(call) : nullptr; }

}  // namespace

/// What a call made in another one, or with a deadline or trace of its own, has from there; `own` lives as long as the call.
void ServicesCore::inherit(ServiceCall& call, const CallOptions& how, ServiceCall::Origin& own) {
  std::int64_t deadline = how.deadline_ns;
  if (call.parent_ != nullptr) {
    deadline = std::min(deadline, deadline_of(*call.parent_));
    if (const ServiceCall* outer = as_service(call.parent_); outer != nullptr) {
      call.origin_ = outer->origin_;
      call.depth_ = outer->depth_ + 1;
    } else if (call.parent_->traced) {
      own.trace_parent = trace_of(*call.parent_);
      call.origin_ = &own;
    }
  }
  if (!how.trace_parent.empty()) {
    if (call.origin_ != nullptr) own = *call.origin_;
    own.trace_parent = how.trace_parent;
    call.origin_ = &own;
  }
  if (deadline != no_deadline) call.deadline_ns.store(deadline, std::memory_order_relaxed);
}

/// What can refuse a call before anything of the provider is asked.
Code ServicesCore::begin(ServiceCall& call, const Registration& r, const Request& request, Error& error) {
  if (r.owner->reach() != Reach::callable) [[unlikely]]
    return not_callable(r, *call.caller_, error);
  if (call.depth_ > ThreadFrames::max_depth) [[unlikely]]
    return too_deep(error);
  if (request.payload.size() > max_service_payload) [[unlikely]]
    return host::fail(error, Code::invalid_argument, "TOO_LARGE",
                      [&] { return "the request is " + std::to_string(request.payload.size()) + " bytes long: at most 64 MiB are taken"; });
  if (call.parent_ != nullptr && is_given_up(*call.parent_)) [[unlikely]]
    return given_up(error, r.entry->text);
  if (const std::int64_t deadline = call.deadline_ns.load(std::memory_order_relaxed); deadline != no_deadline && coarse_ns() >= deadline)
      [[unlikely]]
    return too_late(error, r.entry->text);
  if (r.breaker != nullptr) {
    const Breaker::Admission admission = r.breaker->admit();
    if (admission == Breaker::Admission::no)
      return host::fail(error, Code::unavailable, "CIRCUIT_OPEN",
                        [&] { return "`" + r.seat->module + "` failed several times: `" + r.entry->text + "` is tried again later"; });
    call.admission_ = static_cast<std::uint8_t>(admission);
  }
  return Code::ok;
}

Code ServicesCore::enter_strand(Strand& strand, ServiceCall& call, Error& error) {
  if (strand.try_enter()) [[likely]]
    return Code::ok;
  const ThreadFrames* holder = strand.holder();
  const auto waits_for_us = [&] {
    if (holder == nullptr) return false;
    if (holder == &this_thread_frames()) return true;
    return call.origin_ != nullptr &&
           std::find(call.origin_->threads.begin(), call.origin_->threads.end(), holder) != call.origin_->threads.end();
  };
  const Registration& r = called(call);
  if (waits_for_us())
    return host::fail(error, Code::failed_precondition, "REENTRANT", [&] {
      return "`" + r.seat->module + "` takes one call at a time and is in one that waits for this: " + path_of(call);
    });
  const std::int64_t deadline = call.deadline();
  const Blocking blocking(Blocking::On::turn);
  for (;;) {
    const std::int64_t now = monotonic_ns();
    if (now >= deadline) return too_late(error, r.entry->text);
    if (is_given_up(call)) return given_up(error, r.entry->text);
    if (r.owner->gate().state() != Gate::State::open) return gate_is_closed(r, error);
    if (strand.enter(std::min(deadline, now + 5'000'000))) return Code::ok;
  }
}

Code ServicesCore::invoke(ServiceSeat& seat, Pinned& pinned, const Request& request, Reply& reply, Error& error, const CallOptions& how) {
  const Registration& r = *pinned.registration;
  reply.clear();
  Call* const parent = pinned.depth == 0 ? nullptr : pinned.thread.frames[pinned.depth - 1].call;
  ServiceCall call(seat, r, parent);
  ServiceCall::Origin origin;
  call.error_ = &error;
  inherit(call, how, origin);
  MethodShard& shard = r.metrics->shard(pinned.thread.index);
  const bool sampled = shard.start();
  Code code = Code::ok;
  if (r.short_handle.load(std::memory_order_acquire) == nullptr || parent != nullptr || how.deadline_ns != no_deadline ||
      request.payload.size() > max_service_payload) {
    code = begin(call, r, request, error);
    if (code != Code::ok) [[unlikely]] {
      shard.end(code);
      return code;
    }
  }
  if (sampled) call.sampled_from_ = monotonic_ns();
  if (r.options.offload) return invoke_offloaded(call, pinned, request, reply, error);

  Breaker::Outcome outcome = Breaker::Outcome::nothing;
  if (r.strand != nullptr) code = enter_strand(*r.strand, call, error);
  if (code == Code::ok) {
    {
      const GateEntry entry(*r.owner, Phase::run, ThreadTag::worker, &call, Gate::State::open);
      if (entry) [[likely]] {
        code = run_handler(r, call, request, reply);
        outcome = is_provider_failure(code) ? Breaker::Outcome::failure : Breaker::Outcome::success;
      } else {
        code = gate_is_closed(r, error);
      }
    }
    if (r.strand != nullptr) r.strand->leave();
  }
  if (call.record_ != nullptr || code == pending) [[unlikely]]
    return end_deferred(call, pinned, code, reply, error);

  if (const std::int64_t deadline = call.deadline_ns.load(std::memory_order_relaxed);
      deadline != no_deadline && monotonic_ns() >= deadline) {
    code = too_late(error, r.entry->text);
    outcome = Breaker::Outcome::failure;
  }
  if (code != Code::ok) [[unlikely]]
    reply.clear();
  shard.end(code);
  if (sampled) [[unlikely]]
    shard.sample(monotonic_ns() - call.sampled_from_);
  if (r.breaker != nullptr)
    r.breaker->ended(static_cast<Breaker::Admission>(call.admission_), code == Code::cancelled ? Breaker::Outcome::nothing : outcome);
  return code;
}

/// The handler of an inline call has deferred it, or claims to.
Code ServicesCore::end_deferred(ServiceCall& call, Pinned& pinned, Code code, Reply& reply, Error& error) {
  if (call.record_ == nullptr) {
    const Registration& r = *pinned.registration;
    code = host::fail(error, Code::internal, "NOT_DEFERRED",
                      [&] { return "`" + r.entry->text + "` returned PENDING without having deferred its call"; });
    reply.clear();
    r.metrics->shard(pinned.thread.index).end(code);
    if (r.breaker != nullptr) r.breaker->ended(static_cast<Breaker::Admission>(call.admission_), Breaker::Outcome::failure);
    return code;
  }
  const std::shared_ptr<CallRecord> record = call.record_->shared_from_this();
  handler_returned(record, code, code == Code::ok || code == pending ? Error{} : std::move(error), reply);
  reply.clear();
  const std::int64_t deadline = call.deadline();
  Call* const parent = call.parent_;
  pinned.drop();  // whoever removes the service does not wait for the answer
  return await(record, deadline, parent, reply, error);
}

Code ServicesCore::invoke_offloaded(ServiceCall& call, Pinned& pinned, const Request& request, Reply& reply, Error& error) {
  const std::int64_t deadline = call.deadline();
  const auto record = submit(call, *pinned.registration, request, nullptr, nullptr, nullptr, error);
  if (!record) return error.code;
  Call* const parent = call.parent_;
  pinned.drop();
  return await(record, deadline, parent, reply, error);
}

Code ServicesCore::invoke_async(ServiceSeat& seat, Pinned& pinned, const Request& request, ServiceDone done, void* data, std::uint64_t* id,
                                Error& error, const CallOptions& how) {
  Registration& r = *pinned.registration;
  Call* const parent = pinned.depth == 0 ? nullptr : pinned.thread.frames[pinned.depth - 1].call;
  ServiceCall call(seat, r, parent);
  ServiceCall::Origin origin;
  call.error_ = &error;
  inherit(call, how, origin);
  call.depth_ = 1;  // it is not in the other one
  MethodShard& shard = r.metrics->shard(pinned.thread.index);
  const bool sampled = shard.start();
  const Code code = begin(call, r, request, error);
  if (code != Code::ok) {
    shard.end(code);
    return code;
  }
  if (sampled) call.sampled_from_ = monotonic_ns();
  static_cast<void>(call.deadline());
  return submit(call, r, request, done, data, id, error) ? Code::ok : error.code;
}

// ---- the short way

bool ShortCall::inherit(ServiceCall& call, Call* parent, std::int64_t& deadline_ns) {
  if (parent == nullptr) return true;
  if (is_given_up(*parent)) return false;
  call.parent_ = parent;
  deadline_ns = std::min(deadline_ns, parent->deadline_ns.load(std::memory_order_relaxed));
  const ServiceCall* outer = as_service(parent);
  if (outer == nullptr) return !parent->traced;  // the long way passes a trace on
  call.origin_ = outer->origin_;
  call.depth_ = outer->depth_ + 1;
  return call.depth_ <= ThreadFrames::max_depth;
}

bool ShortCall::is_over(std::int64_t deadline_ns) { return coarse_ns() >= deadline_ns; }

bool ShortCall::in_time(const ServiceCall& call) {
  const std::int64_t deadline = call.deadline_ns.load(std::memory_order_relaxed);
  return call.record_ == nullptr && (deadline == no_deadline || monotonic_ns() < deadline);
}

Code ShortCall::finish(ServiceCall& call, Code code, Reply& reply, Error& error) const {
  leave();
  ThreadFrames& thread = *own_thread_frames;
  ServicesCore& core = call.core();
  ServicesCore::Pinned pinned(thread, thread.depth.load(std::memory_order_relaxed));
  pinned.core = &core;
  pinned.registration = static_cast<Registration*>(const_cast<ServiceTarget*>(call.target_));
  call.error_ = &error;
  if (call.record_ != nullptr || code == pending) return core.end_deferred(call, pinned, code, reply, error);
  reply.clear();
  call.target_->metrics->shard(thread.index).end(Code::deadline_exceeded);
  return too_late(error, called(call).entry->text);
}

namespace {

[[gnu::always_inline]] inline Code run_short(ShortCall way, const ServiceTarget& target, ServiceCall& call, const Request& request,
                                             Reply& reply, Error& error) {
  reply.clear();
  ShortCall::explain_to(call, error);
  const Code code = run_handler(target, call, request, reply);
  if (!way.end(call, code)) [[unlikely]]
    return way.finish(call, code, reply, error);
  if (code != Code::ok) [[unlikely]]
    reply.clear();
  return code;
}

}  // namespace

template <class Key>
[[gnu::noinline]] Code ServicesCore::call_long(ServiceSeat& seat, Key key, const Request& request, Reply& reply, Error& error,
                                               const CallOptions& how) {
  Pinned pinned;
  Code code = check_trace(how, error);
  if (code == Code::ok) code = pin(seat, key, pinned, error);
  if (code != Code::ok) [[unlikely]] {
    reply.clear();
    return code;
  }
  return invoke(seat, pinned, request, reply, error, how);
}

Code Services::call(ServiceSeat& seat, std::uint64_t handle, const Request& request, Reply& reply, Error& error, const CallOptions& how) {
  ShortCall::Place place;
  const ServiceTarget* target = nullptr;
  if (how.trace_parent.empty() && request.payload.size() <= max_service_payload) [[likely]]
    if (const ShortCall way = ShortCall::begin(place, {&core_->handles, core_.get(), &seat}, handle, how.deadline_ns, nullptr, target))
        [[likely]]
      return run_short(way, *target, place.call, request, reply, error);
  return core_->call_long(seat, handle, request, reply, error, how);
}

Code Services::call(ServiceSeat& seat, std::string_view name, const Request& request, Reply& reply, Error& error, const CallOptions& how) {
  ShortCall::Place place;
  const ServiceTarget* target = nullptr;
  if (how.trace_parent.empty() && request.payload.size() <= max_service_payload) [[likely]]
    if (const ShortCall way = ShortCall::begin(place, {&core_->handles, core_.get(), &seat}, name, how.deadline_ns, nullptr, target))
        [[likely]]
      return run_short(way, *target, place.call, request, reply, error);
  return core_->call_long(seat, name, request, reply, error, how);
}

Code Services::call_async(ServiceSeat& seat, std::uint64_t handle, const Request& request, ServiceDone done, void* data, std::uint64_t* id,
                          Error& error, const CallOptions& how) {
  ServicesCore::Pinned pinned;
  if (done == nullptr)
    return fail(error, Code::invalid_argument, "NO_CALLBACK",
                [] { return std::string("an asynchronous call needs a function to be told its outcome"); });
  Code code = check_trace(how, error);
  if (code == Code::ok) code = core_->pin(seat, handle, pinned, error);
  return code != Code::ok ? code : core_->invoke_async(seat, pinned, request, done, data, id, error, how);
}

Code Services::call_async(ServiceSeat& seat, std::string_view name, const Request& request, ServiceDone done, void* data, std::uint64_t* id,
                          Error& error, const CallOptions& how) {
  ServicesCore::Pinned pinned;
  if (done == nullptr)
    return fail(error, Code::invalid_argument, "NO_CALLBACK",
                [] { return std::string("an asynchronous call needs a function to be told its outcome"); });
  Code code = check_trace(how, error);
  if (code == Code::ok) code = core_->pin(seat, name, pinned, error);
  return code != Code::ok ? code : core_->invoke_async(seat, pinned, request, done, data, id, error, how);
}

}  // namespace tenon::host
