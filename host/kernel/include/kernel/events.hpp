// Events: publish to topics, subscribe to patterns. Publishing never waits for a subscriber, and subscribers never wait for each other.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "base/result.hpp"
#include "kernel/owner.hpp"
#include "kernel/permissions.hpp"

namespace tenon::host {

class WorkerPool;
struct EventAccount;
struct EventCore;

inline constexpr std::size_t event_max_payload = 256 * 1024;
inline constexpr std::size_t event_max_content_type = 127;

/// What is published; everything is copied before publish returns.
struct EventDraft {
  std::string_view topic;         ///< dotted name without `*` and `>`
  std::string_view payload;       ///< any bytes, at most event_max_payload
  std::string_view content_type;  ///< printable ASCII, at most event_max_content_type; empty = not said
  std::string_view traceparent;   ///< kernel/traceparent.hpp; empty: that of the call or event this thread is in
  bool retain = false;            ///< also keep it as the topic's last value, for whoever subscribes later
};

/// What a handler sees; views are borrowed until it returns.
struct EventView {
  std::string_view topic, payload, content_type, traceparent;
  std::uint64_t id;      ///< counts up over all events of the process, from 1
  std::int64_t time_ns;  ///< realtime, of publish
  bool retained;         ///< kept from before this subscription was there
};

/// Code of a subscriber as plain functions, so that a C table can sit on it.
struct EventHandler {
  /// [worker] One at a time per subscription. Anything but OK is counted as a failure and changes nothing else.
  Code (*deliver)(void* data, const EventView& event, Call& call) noexcept = nullptr;
  /// Exactly once, after the last delivery, on a worker or on the thread in `leave`; not for an owner that was given up (wedged). May be null.
  void (*release)(void* data) noexcept = nullptr;
  void* data = nullptr;
  Call* call = nullptr;  ///< what the frame shows while `deliver` runs; null = one of the kernel's. Lives until `release`
  /// If `data` belongs to an adapter: the function and data behind it. Two handlers are the same if deliver and these are; without
  /// `function`: deliver and data.
  void (*function)() = nullptr;
  void* function_data = nullptr;
};

/// What becomes of an event for which a queue has no room.
enum class WhenFull : std::uint8_t {
  drop_oldest,
  drop_newest,
  refuse,  ///< nobody gets it: publish answers RESOURCE_EXHAUSTED
};

struct EventOptions {
  WhenFull when_full = WhenFull::drop_oldest;
  std::uint32_t queue_events = 1024;            ///< 1 to 65 536
  std::uint64_t queue_bytes = 4 * 1024 * 1024;  ///< 1 KiB to 64 MiB; payload, topic, content type and trace context count
  bool drain = false;                           ///< what is queued when the owner leaves is still delivered
};

struct EventStats {
  std::uint64_t delivered = 0;
  std::uint64_t failed = 0;  ///< of those delivered: the handler did not answer OK
  std::uint64_t dropped = 0;
  std::uint64_t queued = 0, queued_bytes = 0;  ///< without those already handed to the job that delivers (at most 32)
};

/// Events that a full queue cost one subscription since the last such report.
struct EventDrops {
  std::string owner;
  std::uint64_t generation = 0;
  std::uint64_t id = 0;  ///< of the subscription; 0: of subscriptions that have ended since
  std::string pattern;   ///< empty with id 0
  std::uint64_t count = 0, total = 0;
};

/// A refusal for want of permission; views are borrowed.
struct EventDenial {
  const Owner& owner;
  std::string_view verb;  ///< "publish" or "subscribe"
  std::string_view name;  ///< topic or pattern
  const Error& error;
};

struct Subscribed {
  std::uint64_t id = 0;
  bool existed = false;  ///< it was there already: the handler given now is not kept and never released
};

/// One owner's way to events. A handle: copies are the same. Outlives what it stands for: after the owner has left everything is UNAVAILABLE.
/// Thread-safe.
class EventClient {
 public:
  EventClient() = default;  ///< of nobody: everything is UNAVAILABLE

  /// Returns the event's id. Never waits for a subscriber and never calls back, except Hooks::denied. INVALID_ARGUMENT; PERMISSION_DENIED (topics
  /// below `tenon` are the host's alone); RESOURCE_EXHAUSTED: reason `QUEUE_FULL` (a refusing subscription; nobody got it), `RETAINED_FULL`
  /// (the owner's retained values; nobody got it) or `NO_MEMORY`. What is published before the owner's init has ended is published. [any]
  Result<std::uint64_t> publish(const EventDraft& draft);
  /// No new subscriber gets the topic's last value any more. NOT_FOUND if this owner has none there. [any]
  Result<void> forget(std::string_view topic);

  /// From when the owner is visible events queue, from when it is callable they are delivered: retained ones first, in the order of publishing, then
  /// those of each publishing thread in its order. The same pattern with the same handler again gives the same id; with other options ALREADY_EXISTS. On error
  /// `release` is not called. INVALID_ARGUMENT, PERMISSION_DENIED, RESOURCE_EXHAUSTED, UNAVAILABLE (leaving). [any]
  Result<Subscribed> subscribe(std::string_view pattern, const EventHandler& handler, const EventOptions& options = {});
  /// Nothing new is delivered from its return on, what is queued is dropped; a delivery that runs goes on. Fine from within the handler.
  /// NOT_FOUND: stale, or another owner's. [any]
  Result<void> unsubscribe(std::uint64_t id);
  /// The same, and waits until `release` has returned. FAILED_PRECONDITION inside its own handler; DEADLINE_EXCEEDED: unsubscribed, but a delivery
  /// still runs. [control][worker]
  Result<void> unsubscribe_wait(std::uint64_t id, std::int64_t deadline_ns);
  [[nodiscard]] Result<EventStats> stats(std::uint64_t id) const;

 private:
  friend class Events;
  explicit EventClient(std::shared_ptr<EventAccount> account) : account_(std::move(account)) {}
  Result<std::uint64_t> send(const EventDraft& draft);
  std::shared_ptr<EventAccount> account_;
};

/// Limits of the part, and how long handlers may take.
struct EventLimits {
  std::uint32_t subscriptions = 1024;           ///< per owner, those that are being ended included
  std::uint64_t retained_bytes = 1024 * 1024;   ///< per owner; each value counts 64 bytes more than its contents
  std::int64_t handler_ns = 5'000'000'000;      ///< a delivery's deadline; whoever overruns it is replaced among the workers
  std::int64_t drop_report_ns = 1'000'000'000;  ///< at most one report per subscription in this time
};

/// What the host is told. Called without any lock; must not throw, and not call back into Events.
struct EventHooks {
  std::function<void(const EventDrops&)> dropped;  ///< by `tick`
  std::function<void(const EventDenial&)> denied;  ///< on the thread that was denied
};

/// What became of an owner's subscriptions when it left.
struct EventsLeft {
  bool quiet = true;            ///< false: a handler still runs; the owner must never be freed
  std::uint64_t discarded = 0;  ///< events that were queued for it
  std::uint64_t delivered = 0;  ///< during the drain
};

/// The events of one process. Publishers take no lock but those of the queues they put an event into. Thread-safe; the pool, and each owner until
/// `leave` was quiet, must outlive it.
class Events {
 public:
  /// `host`: the only owner that may publish below `tenon`.
  Events(Owner& host, WorkerPool& pool, EventLimits limits = {}, EventHooks hooks = {});
  ~Events();  ///< every owner that is still there leaves, all within two seconds
  Events(const Events&) = delete;
  Events& operator=(const Events&) = delete;

  /// Lets an owner take part; once per owner and life, a second time gives the same client.
  EventClient join(Owner& owner, Permissions permissions);
  EventClient host();
  /// False: nobody would hear of what is published now. [any]
  [[nodiscard]] bool has_subscriptions() const;

  /// To be called after each `set_reach` of an owner that has joined. [any]
  void owner_reach_changed(Owner& owner);
  /// The owner's gate is draining: nothing new is queued for it. Drops what is queued, except for subscriptions with `drain`; waits until those have
  /// delivered theirs, or the deadline has come, and then drops the rest. It can still publish.
  EventsLeft drain(Owner& owner, std::int64_t deadline_ns);
  /// Ends all the owner has: drains unless that was done, drops its retained values and subscriptions, and waits for handlers that run. After it the owner is
  /// not touched any more, if `quiet`. May be called again. Not from a handler of the owner. [control]
  EventsLeft leave(Owner& owner, std::int64_t deadline_ns);

  /// Reports drops, and tries again what the pool refused. Call about ten times per second.
  void tick(std::int64_t monotonic_now_ns);

  struct Info {
    std::string owner;
    std::uint64_t generation = 0, id = 0;
    std::string pattern;
    EventStats stats;
  };
  /// Of all subscriptions of the modules that take part, those that have ended included; by owner.
  struct Totals {
    std::string owner;
    std::uint64_t delivered = 0, failed = 0, dropped = 0, queued = 0;
  };
  [[nodiscard]] std::vector<Totals> totals() const;
  /// All subscriptions, sorted by owner, generation, id.
  [[nodiscard]] std::vector<Info> subscriptions() const;

 private:
  std::shared_ptr<EventCore> core_;
};

}  // namespace tenon::host
