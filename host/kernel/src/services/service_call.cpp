// A call as its handler sees it.
#include <exception>

#include "base/text.hpp"
#include "core.hpp"

namespace tenon::host {

std::string_view ServiceCall::service() const { return called(*this).entry->text; }
const std::string& ServiceCall::caller() const { return caller_->module; }
ServicesCore& ServiceCall::core() const { return *target_->core; }
std::string_view ServiceCall::trace_parent() const { return origin_ == nullptr ? std::string_view() : origin_->trace_parent; }
std::uint64_t ServiceCall::caller_generation() const { return caller_->generation; }

std::int64_t ServiceCall::deadline() {
  std::int64_t deadline = deadline_ns.load(std::memory_order_relaxed);
  if (deadline != no_deadline) return deadline;
  // One made in another has what that has left; only the outermost begins a default of its own.
  if (parent_ != nullptr) deadline = deadline_of(*parent_);
  if (deadline == no_deadline) deadline = monotonic_ns() + core().options.timeout_ns;
  deadline_ns.store(deadline, std::memory_order_relaxed);
  touch();
  return deadline;
}

bool ServiceCall::is_cancelled() const {
  if (cancelled.load(std::memory_order_relaxed) != 0 || target_->owner->gate().state() != Gate::State::open) return true;
  // What it answers from now on is discarded, also if the caller is on this very stack.
  if (const std::int64_t deadline = deadline_ns.load(std::memory_order_relaxed); deadline != no_deadline && monotonic_ns() >= deadline)
    return true;
  if (const CallRecord* record = __atomic_load_n(&record_, __ATOMIC_ACQUIRE);
      record != nullptr && (record->given_up.load(std::memory_order_relaxed) || record->asked_to_end.load(std::memory_order_relaxed)))
    return true;
  return parent_ != nullptr && tenon::host::is_cancelled(*parent_);
}

Code ServiceCall::defer(std::uint64_t& id) { return core().defer(*this, id); }

Error& ServiceCall::error() {
  if (!failed_) *error_ = Error{};
  failed_ = true;
  return *error_;
}

Code ServiceCall::fail(Code code, std::string message, std::string reason) {
  if (error_ == nullptr) return code;
  Error& e = error();
  e.code = code;
  e.message = std::move(message);
  e.reason = std::move(reason);
  return code;
}

std::int64_t deadline_of(Call& call) {
  if (call.is_service) return static_cast<ServiceCall&>(call).deadline();
  return call.deadline_ns.load(std::memory_order_relaxed);
}

bool is_cancelled(const Call& call) {
  if (call.is_service) return static_cast<const ServiceCall&>(call).is_cancelled();
  if (call.cancelled.load(std::memory_order_relaxed) != 0) return true;
  const std::int64_t deadline = call.deadline_ns.load(std::memory_order_relaxed);
  return deadline != no_deadline && monotonic_ns() >= deadline;
}

bool is_given_up(const Call& call) {
  if (call.cancelled.load(std::memory_order_relaxed) != 0) return true;
  if (!call.is_service) return false;
  const auto& service = static_cast<const ServiceCall&>(call);
  if (service.record_ != nullptr && service.record_->given_up.load(std::memory_order_relaxed)) return true;
  return service.parent_ != nullptr && is_given_up(*service.parent_);
}

std::uint64_t call_id_of(const Call& call) {
  const Call* c = &call;
  while (c != nullptr && c->is_service) {
    const auto& service = static_cast<const ServiceCall&>(*c);
    if (service.record_ != nullptr) return service.record_->id;  // set before anybody was given the record
    c = service.parent_;
  }
  return 0;
}

std::string path_of(const ServiceCall& call) {
  std::string before;
  if (call.parent_ != nullptr && call.parent_->is_service)
    before = path_of(static_cast<const ServiceCall&>(*call.parent_));
  else if (call.origin_ != nullptr)
    before = call.origin_->path;
  return before + (before.empty() ? "`" : " -> `") + std::string(call.service()) + "`";
}

namespace {

/// As call.fail, with words only if there is memory for them.
template <class Words>
Code say(ServiceCall& call, Code code, const char* reason, Words&& words) noexcept {
  return call.fail(code, worded(code, reason, std::forward<Words>(words)).message, reason);
}

}  // namespace

Code run_handler(const ServiceTarget& target, ServiceCall& call, const Request& request, Reply& reply) noexcept {
  Code code = Code::internal;
  try {
    code = target.handle(target.data, call, request, reply);
  } catch (const std::exception& e) {
    return say(call, Code::internal, "EXCEPTION", [&] { return "`" + std::string(call.service()) + "` threw: " + printable(e.what()); });
  } catch (...) {
    return say(call, Code::internal, "EXCEPTION",
               [&] { return "`" + std::string(call.service()) + "` threw something that is no std::exception"; });
  }
  if (code == Code::ok || code == pending) [[likely]]
    return code;
  if (static_cast<unsigned>(code) > 16) code = Code::unknown;
  if (!call.failed_)
    static_cast<void>(
        say(call, code, "", [&] { return "`" + std::string(call.service()) + "` answered " + std::string(code_name(code)); }));
  call.error_->code = code;
  return code;
}

}  // namespace tenon::host
