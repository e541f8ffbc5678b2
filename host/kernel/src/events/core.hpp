// EventCore: what all clients of one Events share; EventAccount: what is known of one owner.
#pragma once

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "grace.hpp"
#include "kernel/events.hpp"
#include "retained.hpp"
#include "subject_tree.hpp"
#include "subscription.hpp"

namespace tenon::host {

/// Outlives its owner: a client may still hold it. `owner` is not touched once the owner has left.
struct EventAccount {
  EventAccount(std::shared_ptr<EventCore> c, Owner& o, Permissions p);
  const std::shared_ptr<EventCore> core;
  Owner& owner;
  const std::string name;
  const std::uint64_t generation;
  const Permissions permissions;
  const bool is_host;
  std::atomic<Reach> reach;
  std::atomic<bool> draining{false};  ///< no new subscriptions
  std::atomic<bool> closed{false};    ///< nothing at all
  std::atomic<std::uint64_t> retained_bytes{0};
  std::atomic<std::uint64_t> discarded{0};  ///< events that were queued for subscriptions that ended
  // With the core's mutex held:
  std::map<std::uint64_t, std::shared_ptr<EventSubscription>> subscriptions;  ///< those that are ending included
  std::uint64_t unreported = 0, dropped = 0, delivered = 0, failed = 0;       ///< by those that have ended
};

/// Numbers of subscriptions: slot and generation, so that a number is never used twice.
class EventSlots {
 public:
  /// Throws std::bad_alloc.
  std::uint64_t reserve();
  void set(std::uint64_t id, std::shared_ptr<EventSubscription> subscription);
  void free(std::uint64_t id);
  /// nullptr: stale.
  [[nodiscard]] std::shared_ptr<EventSubscription> find(std::uint64_t id) const;

 private:
  struct Slot {
    std::uint32_t generation = 1;
    std::shared_ptr<EventSubscription> subscription;
  };
  [[nodiscard]] static std::uint32_t index_of(std::uint64_t id) { return static_cast<std::uint32_t>(id) - 1; }
  std::vector<Slot> slots_;
  std::vector<std::uint32_t> free_;
};

/// Order of locks: mutex, a shard of `retained`, a subscription's. The pool's own come last.
struct EventCore : std::enable_shared_from_this<EventCore> {
  EventCore(Owner& h, WorkerPool& p, EventLimits l, EventHooks k) : host(h), pool(p), limits(l), hooks(std::move(k)) {}

  Owner& host;
  WorkerPool& pool;
  const EventLimits limits;
  const EventHooks hooks;

  RecordSpares spares;  ///< first: every event ends before it
  GracePeriods grace;
  SubjectTree tree{grace};
  RetainedStore retained;
  std::atomic<std::uint64_t> next_event{1};
  std::atomic<std::size_t> in_tree{0};  ///< subscriptions; written with the mutex

  mutable std::mutex mutex;  ///< of whoever changes accounts, slots or the tree
  std::map<const Owner*, std::shared_ptr<EventAccount>> accounts;
  EventSlots slots;
  std::vector<EventDrops> last_drops;  ///< of owners that have left, for the next tick
  std::int64_t last_report_ns = 0;
  bool reported = false;

  std::mutex waiting_mutex;
  std::condition_variable changed;  ///< a job has ended, or somebody has given one to the pool
  std::atomic<std::uint32_t> waiters{0};

  std::atomic<std::uint32_t> parked{0};  ///< subscriptions whose job the pool has refused

  void tell_waiters();
  /// Waits for `done()` (called with waiting_mutex held), and posts again what is parked meanwhile.
  template <class Done>
  bool wait(std::int64_t deadline_ns, Done&& done);
  void post_parked() noexcept;

  [[nodiscard]] std::shared_ptr<EventAccount> find(const Owner& owner) const;
  [[nodiscard]] std::vector<std::shared_ptr<EventSubscription>> subscriptions_of(const EventAccount& account) const;
  /// Out of the tree and the slots; it stays in its account until it has ended. False: it was out already. With the mutex held.
  bool take_out(EventSubscription& subscription) noexcept;
  /// It has ended.
  void forget(EventSubscription& subscription) noexcept;
  /// Gives a subscription that has become visible the retained values it wants.
  void prime(EventSubscription& subscription);
  /// Into all queues, or into none. Null if it is not to be retained.
  Result<EventRef> dispatch(const EventDraft& draft, std::uint64_t id);
};

template <class Done>
bool EventCore::wait(std::int64_t deadline_ns, Done&& done) {
  const Blocking blocking;
  ++waiters;
  bool ok = false;
  for (;;) {
    post_parked();
    std::unique_lock lock(waiting_mutex);
    ok = done();
    if (ok) break;
    const std::int64_t now = monotonic_ns();
    if (now >= deadline_ns) break;
    changed.wait_for(lock, Nanos(std::min<std::int64_t>(deadline_ns - now, 10'000'000)));
  }
  --waiters;
  return ok;
}

}  // namespace tenon::host
