// Delivery of records to receivers, which are code of modules: in order, one at a time, and with no lock held.
#pragma once

#include <atomic>
#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <vector>

#include "log_record.hpp"

namespace tenon::host {

/// Delivery is a baton. A thread that logs takes the baton of every receiver nobody is delivering to, and delivers its own record after
/// it has left the lock; threads that come meanwhile leave their records in the receiver's queue, and the holder of the baton delivers
/// them too. So nobody ever waits for a receiver to return (it may be waiting for a lock the logging thread holds), and order is kept.
/// Two bounds: a holder delivers at most `share` records of others and leaves the rest to the next thread that logs, or to the tick; a
/// thread that finds the queue full waits at most 500 ms, then its record is missed by that receiver and counted.
/// All functions use the mutex of the log; each says whether the caller holds it.
class Receivers {
 public:
  explicit Receivers(std::mutex& mutex);
  ~Receivers();
  Receivers(const Receivers&) = delete;
  Receivers& operator=(const Receivers&) = delete;

  struct Slot;
  /// Slots whose baton the caller took, chained.
  using Claimed = Slot*;

  /// Held. True if anybody has to be told of records.
  [[nodiscard]] bool any() const { return !slots_.empty(); }
  /// Held; released while it waits. Before a sequence number is taken: waits for room in queues.
  void wait_for_room(std::unique_lock<std::mutex>& lock);
  /// Held. `record` has its number: queues it where somebody delivers already, takes the baton elsewhere. Never throws.
  Claimed announce(const LogRecordView& record) noexcept;
  /// Held. Batons of receivers with queued records nobody is delivering.
  Claimed claim_waiting() noexcept;
  /// Not held. Delivers `record` (if not null) to the claimed, then what is queued, and gives the batons back.
  void deliver(Claimed claimed, const LogRecordView* record) noexcept;

  /// Held. The baton of the new receiver is the caller's, to be given back by deliver.
  Slot* add(std::uint64_t handle, LogCore::Receiver receiver, const std::deque<SharedRecord>& early);
  /// Not held.
  bool remove(std::uint64_t handle, std::int64_t deadline_ns);

  /// Not held. Nobody is delivering: drops all receivers.
  void forget();

  /// Held. What went wrong since the last report.
  struct Faults {
    std::uint64_t missed = 0;  ///< records a receiver did not get because it was stuck
    std::uint64_t threw = 0;   ///< calls that ended in an exception
  };
  /// What a stuck receiver misses is told once, and the rest when it has returned: the report is one of the records it misses.
  Faults take_faults();

  /// True while this thread runs a receiver of this log.
  [[nodiscard]] bool inside() const { return running_ == this; }

 private:
  std::unique_ptr<Slot> take(std::uint64_t handle);
  void deliver_one(Slot& slot, const LogRecordView* record) noexcept;
  bool call(Slot& slot, const LogRecordView& record) noexcept;

  /// The log whose receiver this thread is running. Trivial, so that it can be read from destructors of other thread-local objects.
  static constinit thread_local const Receivers* running_;

  std::mutex& mutex_;
  std::condition_variable changed_;  ///< a baton came back, or a full queue has room
  unsigned waiting_ = 0;             ///< threads that wait for that
  std::vector<std::unique_ptr<Slot>> slots_;
  Faults faults_;
  bool missed_told_ = false;
};

}  // namespace tenon::host
