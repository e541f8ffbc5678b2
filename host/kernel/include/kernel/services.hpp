// Services: named methods that modules offer and call, wherever the provider runs.
//
// How the C table (`tenon.services/1`) sits on it: a handler in C is
//   tenon_status handle(void* data, tenon_call* call, const tenon_request* request, tenon_reply* reply, tenon_error* error)
// and the ServiceHandler of this page is one function that finds {handle, data} behind its own `data`, lays a tenon_call with a pointer to the
// ServiceCall on its stack, and hands Request over field by field (views to views). Replies made with `reserve` land in the caller's buffer; a
// tenon_blob becomes Reply::give. Errors are copied only when there is one. `tenon_services.call(ctx, handle, ...)` is Services::call with the seat of
// the instance. Nothing on that way allocates or locks. calls.h (defer, complete, on_cancel) maps to ServiceCall::defer, Services::complete,
// Services::on_cancel with the same meaning.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "base/result.hpp"
#include "kernel/owner.hpp"
#include "kernel/permissions.hpp"
#include "kernel/service_message.hpp"

namespace tenon::host {

class Strand;
class WorkerPool;
class Services;
class ServiceSeat;  ///< one owner's place among the services; made by Services::join
class ShortCall;
struct CallRecord;
struct Registration;
struct ServiceLane;
struct ServicesCore;
struct ServiceTarget;

/// What a handler returns after ServiceCall::defer: no end, Services::complete follows. Never the outcome of a call.
inline constexpr Code pending = Code{1000};

/// When the time of the call a frame is in is up. For a service call without any deadline this is where its default begins to count. [any]
std::int64_t deadline_of(Call& call);
/// True if nobody waits for it any more, its deadline included, or if whom it called is leaving. [any]
bool is_cancelled(const Call& call);
/// The id by which the call is known beyond its stack (asynchronous, offloaded or deferred), else that of the one it is made in; 0: neither has one. Of the
/// thread that makes the call.
std::uint64_t call_id_of(const Call& call);

/// One call, as its handler sees it; valid until the handler returns. Of the handler's thread, but for `deadline` and `is_cancelled`; what others may ask
/// goes by id.
class ServiceCall : public Call {
 public:
  [[nodiscard]] std::string_view service() const;  ///< as registered: "orders.create", "orders.create/2"
  [[nodiscard]] const std::string& caller() const;
  [[nodiscard]] std::uint64_t caller_generation() const;
  [[nodiscard]] std::string_view trace_parent() const;  ///< W3C traceparent, may be empty
  /// Monotonic. The default begins to count when this is asked first, of this call or of one made in it.
  [[nodiscard]] std::int64_t deadline();
  [[nodiscard]] bool is_cancelled() const;
  /// Makes the call outlive the handler, which then returns `pending`; if it returns anything else after all, that ends the call. A second time gives
  /// the same id. Request and Reply end with the handler. RESOURCE_EXHAUSTED: too many of this provider's calls are open.
  [[nodiscard]] Code defer(std::uint64_t& id);
  /// Where to say more about a failure; counts only if the handler returns one.
  [[nodiscard]] Error& error();
  /// `return call.fail(Code::not_found, "no order `17`");`
  [[nodiscard]] Code fail(Code code, std::string message, std::string reason = {});

 private:
  friend struct ServicesCore;
  friend struct CallRecord;
  friend class ShortCall;
  friend bool is_given_up(const Call& call);
  friend std::uint64_t call_id_of(const Call& call);
  friend std::string path_of(const ServiceCall& call);
  friend const Registration& called(const ServiceCall& call);
  friend const ServiceTarget& target_of(const ServiceCall& call) { return *call.target_; }
  friend Code run_handler(const ServiceTarget& target, ServiceCall& call, const Request& request, Reply& reply) noexcept;
  struct Hop;
  /// Where the chain of calls comes from, as far as it is not on this thread. Nested calls share that of the outer one.
  struct Origin;
  ServiceCall() = default;
  ServiceCall(ServiceSeat& caller, const ServiceTarget& target, Call* parent)
      : Call(true), caller_(&caller), target_(&target), parent_(parent) {}
  friend bool is_touched(const ServiceCall& call) { return call.touched_.load(std::memory_order_relaxed); }
  friend bool has_room(const ServiceCall& call) { return call.room_; }
  friend void use_room(ServiceCall& call) {
    call.room_ = true;
    call.touch();
  }
  [[nodiscard]] ServicesCore& core() const;
  void touch() { touched_.store(true, std::memory_order_relaxed); }
  // In this order: what begins as zero is together, and cleared with few stores.
  ServiceSeat* caller_ = nullptr;
  const ServiceTarget* target_ = nullptr;
  Call* parent_ = nullptr;  ///< of this thread, below
  std::uint32_t depth_ = 1;
  std::uint8_t admission_ = 0;        ///< of the breaker
  bool failed_ = false;               ///< `error_` is this call's
  std::atomic<bool> touched_{false};  ///< it has a deadline, a record or room_: to be looked at in the end
  bool room_ = false;                 ///< who made it has put something beside it
  Error* error_ = nullptr;            ///< nullptr: nobody reads it
  const Origin* origin_ = nullptr;    ///< nullptr = it began here, without a trace
  CallRecord* record_ = nullptr;      ///< once deferred, or if a worker runs it. Set atomically: `is_cancelled` reads it on any thread
  std::int64_t sampled_from_ = 0;     ///< 0 = not sampled
};

/// Answers `request` on the calling thread (or on a worker, see `offload`). Any Code or `pending`. What it throws ends this call with INTERNAL.
using ServiceHandler = Code (*)(void* data, ServiceCall& call, const Request& request, Reply& reply);

struct ServiceOptions {
  bool offload = false;     ///< always run on a worker, so that callers can give it up exactly at their deadline
  bool deprecated = false;  ///< each caller is told once
};

/// What a module offers.
struct ServiceOffer {
  std::string_view name;  ///< "orders.create" or "orders.create/2"
  ServiceHandler handle = nullptr;
  void* data = nullptr;
  void (*release)(void* data) =
      nullptr;  ///< exactly once, after the last handler has returned; not if add() fails or finds it there already
  ServiceOptions options;
  /// `release` is no code of the owner, short, and does not throw: it is called at once, on whatever thread finds that the last handler has returned.
  /// Else on a worker, inside the owner.
  bool release_at_once = false;
};

struct CallOptions {
  std::int64_t deadline_ns =
      no_deadline;                ///< monotonic; counts exactly, but never beyond that of the call this one is made in. Without: what is
                                  ///< left of that, else Services::Options::timeout_ns
  std::string_view trace_parent;  ///< empty: that of the call, or event, this one is made in
};

/// Delivered exactly once on a worker (or on the thread in `leave`), through the caller's gate. `reply` may be taken from.
using ServiceDone = void (*)(void* data, std::uint64_t id, Code code, Reply& reply, const Error& error);
/// `why`: CANCELLED as soon as nobody waits any more, else OK when the call has ended.
using ServiceEnded = void (*)(void* data, Code why);

/// Opens after `failures` within `window_ns` and refuses calls for `open_ns`; then admits one at a time, and closes after `successes` of them.
struct BreakerOptions {
  std::uint32_t failures = 5;
  std::int64_t window_ns = 60'000'000'000;
  std::int64_t open_ns = 30'000'000'000;
  std::uint32_t successes = 2;
};

struct SeatOptions {
  Strand* strand = nullptr;               ///< serial: its handlers and completions never overlap; outlives the seat's `leave`
  std::optional<BreakerOptions> breaker;  ///< absent: off
};

/// Counters of one method. `calls` >= sum of `ended`; the difference is `in_flight`.
struct ServiceMetrics {
  static constexpr std::size_t buckets = 13;
  /// Upper bound of bucket i in ns: 1 us, 4 us, 16 us ... 4.2 s; the last one has none.
  static constexpr std::int64_t bound_ns(std::size_t i) { return i + 1 >= buckets ? INT64_MAX : std::int64_t{1024} << (2 * i); }

  std::string service;
  std::string provider;  ///< empty if nobody offers it now
  std::uint64_t calls = 0;
  std::array<std::uint64_t, 17> ended{};  ///< by Code
  std::uint64_t in_flight = 0;
  std::uint64_t late = 0;                           ///< completions after the caller had given up; dropped
  std::array<std::uint64_t, buckets> latency{};     ///< sampled: each thread's every 256th call
  std::uint64_t sampled = 0, sampled_total_ns = 0;  ///< how many, and their sum
};

/// All functions are thread-safe. Errors that every call can end with, beside the handler's own: NOT_FOUND (nobody offers it, stale handle or id),
/// PERMISSION_DENIED, UNAVAILABLE (reason `NOT_STARTED`, `LEAVING`, `CIRCUIT_OPEN`), DEADLINE_EXCEEDED, CANCELLED, RESOURCE_EXHAUSTED (reason
/// `TOO_DEEP` or the pool's), FAILED_PRECONDITION (reason `REENTRANT`), INVALID_ARGUMENT.
class Services {
 public:
  struct Options {
    /// For the audit; must not throw.
    std::function<void(const ServiceSeat& who, std::string_view service, const Error& error)> denied;
    /// Once per caller and service; must not throw.
    std::function<void(const ServiceSeat& caller, const ServiceSeat& provider, std::string_view service)> deprecated;
    std::int64_t (*now)() = &monotonic_ns;    ///< of the breakers
    std::int64_t timeout_ns = 5'000'000'000;  ///< for calls without any deadline
    std::optional<BreakerOptions> breaker;    ///< of seats that bring none of their own; absent: off
    std::size_t max_registrations = 4096;     ///< per seat
    std::size_t max_handles = 4096;           ///< per seat
    std::size_t max_open_calls = 16384;       ///< per seat: asynchronous ones it made, and deferred ones it has not completed
  };
  Services(WorkerPool& pool, Options options);
  explicit Services(WorkerPool& pool);
  ~Services();  ///< everyone has left before
  Services(const Services&) = delete;
  Services& operator=(const Services&) = delete;

  /// `owner` must live until `leave` has answered `quiet`. The first one starts a thread (std::system_error). The seat may be kept and used longer: it is then answered UNAVAILABLE.
  std::shared_ptr<ServiceSeat> join(Owner& owner, Permissions permissions, const SeatOptions& options);

  // ---- offering

  /// The id. The same handler and data under the same name again: the same id. ALREADY_EXISTS naming who has it. The same module in a younger
  /// generation registers in its shadow: reached when the older one leaves, or at `promote`. [any]
  Result<std::uint64_t> add(ServiceSeat& seat, const ServiceOffer& offer);
  /// Returns at once; nothing new is delivered, what runs goes on. `release` comes later, on a worker. [any]
  Code remove(ServiceSeat& seat, std::uint64_t id);
  /// And waits until no handler of it runs any more and release has returned. FAILED_PRECONDITION inside of it, DEADLINE_EXCEEDED.
  Code remove_wait(ServiceSeat& seat, std::uint64_t id, std::int64_t deadline_ns);

  // ---- calling

  /// True if somebody offers it, as far as `seat` can see. [any]
  [[nodiscard]] bool has(const ServiceSeat& seat, std::string_view name) const;
  /// A handle for many calls, of this seat only. It stands for the name: it stays good when the provider is replaced, and answers NOT_FOUND while there
  /// is none. NOT_FOUND at once if there is none now. [any]
  Result<std::uint64_t> resolve(ServiceSeat& seat, std::string_view name);
  Code release_handle(ServiceSeat& seat, std::uint64_t handle);

  /// Inline on this thread unless the service is `offload`. `error` is written only if the outcome is not OK; `reply` is empty then.
  Code call(ServiceSeat& seat, std::uint64_t handle, const Request& request, Reply& reply, Error& error, const CallOptions& options = {});
  Code call(ServiceSeat& seat, std::string_view name, const Request& request, Reply& reply, Error& error, const CallOptions& options = {});
  /// For who makes many calls: the short way of them (kernel/service_short.hpp). [any]
  [[nodiscard]] ServiceLane lane(ServiceSeat& seat) const;
  /// On a worker. The request is copied. OK: `done` comes exactly once, with the outcome, also a refusal by the provider. Otherwise it does not come. `id`
  /// may be null; it is good until `done`. [any]
  Code call_async(ServiceSeat& seat, std::uint64_t handle, const Request& request, ServiceDone done, void* data, std::uint64_t* id,
                  Error& error, const CallOptions& options = {});
  Code call_async(ServiceSeat& seat, std::string_view name, const Request& request, ServiceDone done, void* data, std::uint64_t* id,
                  Error& error, const CallOptions& options = {});
  /// Gives an asynchronous call up: `done` gets CANCELLED unless it is answered already (NOT_FOUND). [any]
  Code cancel(ServiceSeat& seat, std::uint64_t id);

  // ---- answering later

  /// Exactly once per deferred call, also after nobody waits any more; a second time, and for the calls of others, NOT_FOUND. May come before the
  /// handler has returned. Takes what is in `reply` whatever it returns. `error` may be null. [any]
  Code complete(ServiceSeat& seat, std::uint64_t id, Code code, Reply& reply, const Error* error);
  [[nodiscard]] bool id_cancelled(const ServiceSeat& seat, std::uint64_t id) const;  ///< stale: true. [any]
  /// `fn` comes exactly once, on a worker, unless the result is not OK: ALREADY_EXISTS for a second one, NOT_FOUND. [any]
  Code on_cancel(ServiceSeat& seat, std::uint64_t id, ServiceEnded fn, void* data);

  // ---- the host

  /// The owner's reach has been moved: handles of others see it now. [any]
  void owner_reach_changed(ServiceSeat& seat);
  /// What it registered in an older generation's shadow takes over; the older one stays behind it, should this one leave.
  void promote(ServiceSeat& seat);
  /// The gate of the owner is draining: calls into it are asked to end (is_cancelled, on_cancel). [any]
  void drain(ServiceSeat& seat);
  /// The owner leaves; its gate is draining or closed. Removes all it registered and resolved; what it was to answer ends UNAVAILABLE, what it asked ends
  /// CANCELLED; all its callbacks still due are made here. Waits for calls inside.
  struct Left {
    bool quiet = true;          ///< nothing of the owner runs or will run because of its services; false: it must never be freed
    std::size_t answered = 0;   ///< deferred and queued calls ended UNAVAILABLE
    std::size_t cancelled = 0;  ///< asynchronous calls of its own
  };
  Left leave(ServiceSeat& seat, std::int64_t deadline_ns);

  [[nodiscard]] std::vector<ServiceMetrics> metrics() const;  ///< sorted by service

 private:
  std::shared_ptr<ServicesCore> core_;
};

/// Whose seat it is; also after the owner is gone.
const std::string& seat_module(const ServiceSeat& seat);
std::uint64_t seat_generation(const ServiceSeat& seat);

}  // namespace tenon::host
