// The way of a call: find and pin, look at deadline and permission, enter, answer.
#include <time.h>

#include <algorithm>
#include <exception>

#include "base/text.hpp"
#include "core.hpp"

namespace tenon::host {
namespace {

/// Not ahead of monotonic_ns(), a few milliseconds behind it, at a fifth of its price.
std::int64_t coarse_ns() {
  timespec t{};
  clock_gettime(CLOCK_MONOTONIC_COARSE, &t);
  return std::int64_t{t.tv_sec} * 1'000'000'000 + t.tv_nsec;
}

ServiceCall* as_service(Call* call) { return call != nullptr && call->is_service ? static_cast<ServiceCall*>(call) : nullptr; }

[[gnu::noinline]] Code too_deep(Error& error) {
  return fail(error, Code::resource_exhausted,
              "calls are nested " + std::to_string(ThreadFrames::max_depth) +
                  " deep, no deeper call is made: look for services that call each other",
              "TOO_DEEP");
}

[[gnu::noinline]] Code too_late(Error& error, std::string_view service) {
  return fail(error, Code::deadline_exceeded, "`" + std::string(service) + "` was not answered by its deadline", "DEADLINE");
}

[[gnu::noinline]] Code given_up(Error& error, std::string_view service) {
  return fail(error, Code::cancelled, "nobody waits for the call any more in which `" + std::string(service) + "` is called", "GIVEN_UP");
}

[[gnu::noinline]] Code nobody(Error& error, std::string_view service) {
  return fail(error, Code::not_found, "no module offers `" + std::string(service) + "`", "NO_SERVICE");
}

[[gnu::noinline]] Code not_callable(const Registration& r, const ServiceSeat& caller, Error& error) {
  if (r.owner->reach() == Reach::hidden && r.seat.get() != &caller) return nobody(error, r.entry->text);
  return fail(error, Code::unavailable, "`" + r.seat->module + "`, which offers `" + r.entry->text + "`, has not started yet",
              "NOT_STARTED");
}

[[gnu::noinline]] Code gate_is_closed(const Registration& r, Error& error) {
  return fail(error, Code::unavailable, "`" + r.seat->module + "`, which offers `" + r.entry->text + "`, is leaving", "LEAVING");
}

[[gnu::noinline]] Code stale_handle(Error& error) {
  return fail(error, Code::not_found, "this handle of a service is none of this module's: it was released, or never given", "STALE_HANDLE");
}

}  // namespace

Code fail(Error& error, Code code, std::string message, std::string reason) {
  error = service_error(code, std::move(message), std::move(reason));
  return code;
}

// ---- ServiceCall

std::string_view ServiceCall::service() const { return registration_->entry->text; }
const std::string& ServiceCall::caller() const { return caller_->module; }
std::uint64_t ServiceCall::caller_generation() const { return caller_->generation; }

std::int64_t ServiceCall::deadline() {
  std::int64_t deadline = deadline_ns.load(std::memory_order_relaxed);
  if (deadline != no_deadline) return deadline;
  deadline = monotonic_ns() + core_->options.timeout_ns;
  deadline_ns.store(deadline, std::memory_order_relaxed);
  return deadline;
}

bool ServiceCall::is_cancelled() const {
  if (cancelled.load(std::memory_order_relaxed) != 0 || registration_->owner->gate().state() != Gate::State::open) return true;
  if (record_ != nullptr && (record_->given_up.load(std::memory_order_relaxed) || record_->asked_to_end.load(std::memory_order_relaxed)))
    return true;
  return parent_ != nullptr && tenon::host::is_cancelled(*parent_);
}

Code ServiceCall::defer(std::uint64_t& id) { return core_->defer(*this, id); }

Error& ServiceCall::error() {
  if (!failed_) *error_ = Error{};
  failed_ = true;
  return *error_;
}

Code ServiceCall::fail(Code code, std::string message, std::string reason) {
  Error& e = error();
  e.code = code;
  e.message = std::move(message);
  e.reason = std::move(reason);
  return code;
}

std::int64_t deadline_of(Call& call) {
  if (ServiceCall* service = as_service(&call); service != nullptr) return service->deadline();
  return call.deadline_ns.load(std::memory_order_relaxed);
}

bool is_cancelled(const Call& call) {
  if (call.is_service) return static_cast<const ServiceCall&>(call).is_cancelled();
  return call.cancelled.load(std::memory_order_relaxed) != 0;
}

bool is_given_up(const Call& call) {
  if (call.cancelled.load(std::memory_order_relaxed) != 0) return true;
  if (!call.is_service) return false;
  const auto& service = static_cast<const ServiceCall&>(call);
  if (service.record_ != nullptr && service.record_->given_up.load(std::memory_order_relaxed)) return true;
  return service.parent_ != nullptr && is_given_up(*service.parent_);
}

std::string path_of(const ServiceCall& call) {
  std::string before;
  if (call.parent_ != nullptr && call.parent_->is_service)
    before = path_of(static_cast<const ServiceCall&>(*call.parent_));
  else if (call.hop_ != nullptr)
    before = call.hop_->path;
  return before + (before.empty() ? "`" : " -> `") + std::string(call.service()) + "`";
}

// ---- finding

[[gnu::always_inline]] inline Code ServicesCore::pin(ServiceSeat& seat, std::uint64_t handle, Pinned& out, Error& error) {
  if (out.too_deep()) return too_deep(error);
  HandleSlot* slot = handles.find(handle);
  if (slot == nullptr || handle == 0) return stale_handle(error);
  Registration* r = nullptr;
  do {
    r = slot->target.load(std::memory_order_seq_cst);
    out.announce(r);
  } while (slot->target.load(std::memory_order_seq_cst) != r);
  if (slot->id.load(std::memory_order_seq_cst) != handle || slot->caller.load(std::memory_order_relaxed) != &seat) [[unlikely]]
    return stale_handle(error);
  if (r == nullptr) [[unlikely]] {
    const std::lock_guard lock(mutex);
    const bool stale = slot->id.load(std::memory_order_relaxed) != handle;
    return stale ? stale_handle(error) : nobody(error, slot->entry->text);
  }
  out.core = this;
  out.registration = r;
  return Code::ok;
}

Code ServicesCore::pin_name(ServiceSeat& seat, std::string_view name, Pinned& out, Error& error, bool canonical) {
  out.announce(directory.reading());
  NamedService* entry = directory.find(name);
  if (entry == nullptr) {
    out.drop();
    const auto parsed = parse_service_name(name);
    if (!parsed)
      return fail(error, Code::invalid_argument,
                  "`" + printable(name, 300) + "` is no name of a service: expected words joined by dots, as in `orders.create`",
                  "BAD_NAME");
    // "orders.create/1" is "orders.create".
    if (const std::string text = parsed->text(); !canonical && text != name) return pin_name(seat, text, out, error, true);
    if (auto may = seat.permissions.may_call(*parsed); !may) {
      error = may.error();
      if (options.denied) options.denied(seat, error);
      return error.code;
    }
    return nobody(error, name);
  }
  std::atomic<std::uint64_t>& known = seat.permitted[entry->serial % seat.permitted.size()];
  if (known.load(std::memory_order_relaxed) != entry->serial) {
    if (auto may = seat.permissions.may_call(entry->name); !may) [[unlikely]] {
      out.drop();
      error = may.error();
      if (options.denied) options.denied(seat, error);
      return error.code;
    }
    known.store(entry->serial, std::memory_order_relaxed);
  }
  Registration* r = entry->active.load(std::memory_order_seq_cst);
  if (r == nullptr || (r->owner->reach() == Reach::hidden && r->seat.get() != &seat)) [[unlikely]]
    return nobody(error, name);
  out.announce(r);
  out.core = this;
  out.registration = r;
  return Code::ok;
}

Code ServicesCore::pin(ServiceSeat& seat, std::string_view name, Pinned& out, Error& error) {
  if (out.too_deep()) return too_deep(error);
  if (seat.left.load(std::memory_order_acquire)) [[unlikely]]
    return fail(error, Code::unavailable, "`" + seat.module + "` has left: it calls no services any more", "LEAVING");
  for (;;) {
    if (const Code code = pin_name(seat, name, out, error, false); code != Code::ok) return code;
    if (!out.registration->options.deprecated) [[likely]]
      return Code::ok;
    const std::shared_ptr<ServiceSeat> provider = out.registration->seat;
    const std::string service = out.registration->entry->text;
    {
      const std::lock_guard lock(seat.mutex);
      if (seat.told.count(service) != 0) return Code::ok;
    }
    out.drop();  // nothing is pinned while others' code runs on this thread
    tell_deprecated(seat, provider, service);
  }
}

void ServicesCore::tell_deprecated(ServiceSeat& caller, const std::shared_ptr<ServiceSeat>& provider, std::string_view service) {
  {
    const std::lock_guard lock(caller.mutex);
    if (!caller.told.emplace(service).second) return;
  }
  if (options.deprecated) options.deprecated(caller, *provider, service);
}

// ---- calling

/// What a call made in another one, or with a deadline of its own, has from there.
void ServicesCore::inherit(ServiceCall& call, const CallOptions& how) {
  std::int64_t deadline = how.deadline_ns;
  if (call.parent_ != nullptr) {
    deadline = std::min(deadline, deadline_of(*call.parent_));
    if (const ServiceCall* outer = as_service(call.parent_); outer != nullptr) {
      call.hop_ = outer->hop_;
      call.depth_ = outer->depth_ + 1;
      if (call.trace_parent_.empty()) call.trace_parent_ = outer->trace_parent_;
    }
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
    return fail(error, Code::invalid_argument,
                "the request is " + std::to_string(request.payload.size()) + " bytes long: at most 64 MiB are taken", "TOO_LARGE");
  if (call.parent_ != nullptr && is_given_up(*call.parent_)) [[unlikely]]
    return given_up(error, r.entry->text);
  if (const std::int64_t deadline = call.deadline_ns.load(std::memory_order_relaxed); deadline != no_deadline && coarse_ns() >= deadline)
      [[unlikely]]
    return too_late(error, r.entry->text);
  if (r.breaker != nullptr) {
    const Breaker::Admission admission = r.breaker->admit();
    if (admission == Breaker::Admission::no)
      return fail(error, Code::unavailable, "`" + r.seat->module + "` failed several times: `" + r.entry->text + "` is tried again later",
                  "CIRCUIT_OPEN");
    call.admission_ = static_cast<std::uint8_t>(admission);
  }
  return Code::ok;
}

Code run_handler(const Registration& r, ServiceCall& call, const Request& request, Reply& reply) {
  Code code = Code::internal;
  try {
    code = r.handle(r.data, call, request, reply);
  } catch (const std::exception& e) {
    return call.fail(Code::internal, "`" + r.entry->text + "` threw: " + printable(e.what()), "EXCEPTION");
  } catch (...) {
    return call.fail(Code::internal, "`" + r.entry->text + "` threw something that is no std::exception", "EXCEPTION");
  }
  if (code == Code::ok || code == pending) [[likely]]
    return code;
  if (static_cast<unsigned>(code) > 16) code = Code::unknown;
  if (!call.failed_) static_cast<void>(call.fail(code, "`" + r.entry->text + "` answered " + std::string(code_name(code))));
  call.error_->code = code;
  return code;
}

Code ServicesCore::enter_strand(Strand& strand, ServiceCall& call, Error& error) {
  if (strand.try_enter()) [[likely]]
    return Code::ok;
  const ThreadFrames* holder = strand.holder();
  const auto waits_for_us = [&] {
    if (holder == nullptr) return false;
    if (holder == &this_thread_frames()) return true;
    return call.hop_ != nullptr && std::find(call.hop_->threads.begin(), call.hop_->threads.end(), holder) != call.hop_->threads.end();
  };
  const Registration& r = *call.registration_;
  if (waits_for_us())
    return host::fail(error, Code::failed_precondition,
                      "`" + r.seat->module + "` takes one call at a time and is in one that waits for this: " + path_of(call), "REENTRANT");
  const std::int64_t deadline = call.deadline();
  const Blocking blocking;
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
  ServiceCall call(*this, seat, r, parent, error, how.trace_parent);
  if (parent != nullptr || how.deadline_ns != no_deadline) inherit(call, how);
  MethodShard& shard = r.metrics->shard(pinned.thread.index);
  const bool sampled = shard.start();
  Code code = Code::ok;
  if (!r.plain || parent != nullptr || how.deadline_ns != no_deadline || request.payload.size() > max_service_payload ||
      r.owner->reach() != Reach::callable) {
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
    code = host::fail(error, Code::internal, "`" + r.entry->text + "` returned PENDING without having deferred its call", "NOT_DEFERRED");
    reply.clear();
    r.metrics->shard(pinned.thread.index).end(code);
    if (r.breaker != nullptr) r.breaker->ended(static_cast<Breaker::Admission>(call.admission_), Breaker::Outcome::failure);
    return code;
  }
  const std::shared_ptr<CallRecord> record = call.record_->shared_from_this();
  handler_returned(record, code, code == Code::ok || code == pending ? Error{} : error, reply);
  reply.clear();
  const std::int64_t deadline = call.deadline();
  Call* const parent = call.parent_;
  pinned.drop();  // whoever removes the service does not wait for the answer
  return await(record, deadline, parent, reply, error);
}

Code ServicesCore::invoke_offloaded(ServiceCall& call, Pinned& pinned, const Request& request, Reply& reply, Error& error) {
  const std::int64_t deadline = call.deadline();
  const auto record = submit(call, *pinned.registration, request, nullptr, nullptr, error);
  if (!record) return error.code;
  Call* const parent = call.parent_;
  pinned.drop();
  return await(record, deadline, parent, reply, error);
}

Code ServicesCore::invoke_async(ServiceSeat& seat, Pinned& pinned, const Request& request, ServiceDone done, void* data, std::uint64_t* id,
                                Error& error, const CallOptions& how) {
  Registration& r = *pinned.registration;
  Call* const parent = pinned.depth == 0 ? nullptr : pinned.thread.frames[pinned.depth - 1].call;
  ServiceCall call(*this, seat, r, parent, error, how.trace_parent);
  if (parent != nullptr || how.deadline_ns != no_deadline) inherit(call, how);
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
  const auto record = submit(call, r, request, done, data, error);
  if (!record) return error.code;
  if (id != nullptr) *id = record->id;
  return Code::ok;
}

[[gnu::flatten]] Code Services::call(ServiceSeat& seat, std::uint64_t handle, const Request& request, Reply& reply, Error& error,
                                     const CallOptions& how) {
  ServicesCore::Pinned pinned;
  if (const Code code = core_->pin(seat, handle, pinned, error); code != Code::ok) [[unlikely]] {
    reply.clear();
    return code;
  }
  return core_->invoke(seat, pinned, request, reply, error, how);
}

Code Services::call(ServiceSeat& seat, std::string_view name, const Request& request, Reply& reply, Error& error, const CallOptions& how) {
  ServicesCore::Pinned pinned;
  if (const Code code = core_->pin(seat, name, pinned, error); code != Code::ok) [[unlikely]] {
    reply.clear();
    return code;
  }
  return core_->invoke(seat, pinned, request, reply, error, how);
}

Code Services::call_async(ServiceSeat& seat, std::uint64_t handle, const Request& request, ServiceDone done, void* data, std::uint64_t* id,
                          Error& error, const CallOptions& how) {
  ServicesCore::Pinned pinned;
  if (done == nullptr)
    return fail(error, Code::invalid_argument, "an asynchronous call needs a function to be told its outcome", "NO_CALLBACK");
  const Code code = core_->pin(seat, handle, pinned, error);
  return code != Code::ok ? code : core_->invoke_async(seat, pinned, request, done, data, id, error, how);
}

Code Services::call_async(ServiceSeat& seat, std::string_view name, const Request& request, ServiceDone done, void* data, std::uint64_t* id,
                          Error& error, const CallOptions& how) {
  ServicesCore::Pinned pinned;
  if (done == nullptr)
    return fail(error, Code::invalid_argument, "an asynchronous call needs a function to be told its outcome", "NO_CALLBACK");
  const Code code = core_->pin(seat, name, pinned, error);
  return code != Code::ok ? code : core_->invoke_async(seat, pinned, request, done, data, id, error, how);
}

}  // namespace tenon::host
