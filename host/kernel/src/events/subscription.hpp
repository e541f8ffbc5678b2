// EventSubscription: the queue of one subscriber, and the job that delivers from it.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <vector>

#include "grace.hpp"
#include "kernel/events.hpp"
#include "kernel/workers.hpp"
#include "queue.hpp"
#include "short_mutex.hpp"

namespace tenon::host {

/// Its life: open -> closed (nothing is delivered any more) -> ended (released). At most one thread at a time has the job; whoever has it when the
/// subscription is closed ends it. Thread-safe; no lock is held while code of the subscriber runs.
class EventSubscription : public std::enable_shared_from_this<EventSubscription> {
 public:
  EventSubscription(std::shared_ptr<EventAccount> account, std::uint64_t id, std::string pattern, const EventHandler& handler,
                    const EventOptions& options);

  const std::uint64_t id;
  const std::string pattern;
  const EventHandler handler;
  const EventOptions options;
  EventAccount& account() const { return *account_; }

  // --- publishers ---
  [[nodiscard]] bool refuses() const { return options.when_full == WhenFull::refuse; }
  /// For one that refuses: keeps a place, to be used by `push` or given back. False: there is none.
  bool reserve(std::size_t bytes);
  void unreserve(std::size_t bytes);
  struct Pushed {
    bool taken = false;  ///< the reference is the queue's
    bool post = false;   ///< the caller has to call `post`, soon; the subscription lives until then
  };
  Pushed push(EventRecord& event, std::size_t bytes, bool reserved);

  // --- whoever starts the job ---
  /// True if there is something to do and nobody is at it: the caller has to call `post`.
  bool claim_post();
  /// The same, if the pool has refused it before.
  bool claim_parked();
  /// Gives the job to the pool. If that refuses it is parked, until the next tick.
  void post();

  // --- control ---
  [[nodiscard]] bool primed() const;
  /// Puts retained values (in the order of their ids) before what is queued; from then on deliveries may begin. Throws std::bad_alloc, and then has
  /// changed nothing.
  void prime(std::vector<EventRef> retained);
  /// Takes nothing new. What is queued is still delivered until the deadline, if `keep` and it can be; otherwise dropped, and a delivery that runs is
  /// cancelled.
  void stop(bool keep, std::int64_t deadline_ns);
  /// Nothing is delivered any more. True if the caller has to call `post`, so that it ends.
  bool close();
  /// True if no delivery is queued or running.
  [[nodiscard]] bool idle() const;
  [[nodiscard]] bool ended() const;
  [[nodiscard]] bool closed() const { return closed_.load(std::memory_order_relaxed); }
  /// Closes it and ends it on this thread, unless a worker is at it, which then does so.
  void close_here();
  /// Some thread is just giving the job to the pool, and uses the owner for that.
  [[nodiscard]] bool posting() const;
  /// True if this thread is inside its handler.
  [[nodiscard]] bool inside() const;

  [[nodiscard]] EventStats stats() const;
  /// Drops not reported so far; they count as reported then.
  std::uint64_t take_unreported();
  [[nodiscard]] std::uint64_t dropped() const { return dropped_.load(std::memory_order_relaxed); }
  [[nodiscard]] std::uint64_t delivered() const { return delivered_.load(std::memory_order_relaxed); }

  /// Kept alive until readers of the tree cannot see it any more.
  void pin_for_tree();
  void unpin_for_tree();
  Garbage& tree_garbage() { return tree_garbage_; }

 private:
  enum class Job : std::uint8_t {
    none,
    posted,   ///< the pool has it, or somebody is just giving it to the pool
    parked,   ///< the pool did not take it
    running,  ///< some thread has it, a worker or one in finish_here
    done,     ///< ended
  };
  struct TreeGarbage : Garbage {
    EventSubscription* subscription = nullptr;
  };

  static void run_job(void* data) noexcept;
  static void end_job(void* data, JobEnd how) noexcept;
  void run() noexcept;
  [[nodiscard]] bool came_meanwhile() const;
  [[nodiscard]] std::size_t take(std::span<EventQueue::Entry> out);
  void gather(std::int64_t until_ns) const;
  void deliver(std::span<const EventQueue::Entry> entries, std::int64_t taken_ns);
  void finish();
  // With the lock held:
  bool claim_post_locked();
  bool begin_post();
  void discard(std::uint64_t n) const;
  void pin() {
    if (pins_++ == 0) self_ = shared_from_this();
  }
  [[nodiscard]] std::shared_ptr<EventSubscription> unpin() { return --pins_ == 0 ? std::move(self_) : nullptr; }

  const std::shared_ptr<EventAccount> account_;
  Call own_call_;
  std::int64_t renewed_ns_ = 0;  ///< when the job's timeout began; of the running job
  Call* const call_;
  TreeGarbage tree_garbage_;

  // What publishers write stands apart from what the job writes.
  alignas(64) mutable ShortMutex mutex_;
  EventQueue queue_;
  Job job_ = Job::none;
  std::atomic<std::uint32_t> pushed_{0};  ///< changes whenever something is put into the queue
  bool primed_ = false, accepts_ = true;
  bool releasing_ = false;     ///< `call_` may be gone with the handler's data
  std::uint32_t posters_ = 0;  ///< threads that are giving the job to the pool
  std::uint32_t pins_ = 0;     ///< jobs in the pool, posters, the tree: what has only a plain pointer
  std::shared_ptr<EventSubscription> self_;
  std::atomic<std::uint64_t> dropped_{0}, reported_{0};
  alignas(64) std::atomic<bool> stopped_{false};  ///< what was taken out of the queue is not delivered either
  std::atomic<bool> closed_{false};
  std::atomic<std::int64_t> deadline_cap_{no_deadline};
  std::atomic<std::uint64_t> delivered_{0}, failed_{0};
};

}  // namespace tenon::host
