// GracePeriods: readers walk a shared structure without a lock; whoever changes it frees what it took out only after they are gone.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>

#include "kernel/gate.hpp"

namespace tenon::host {

/// Something taken out of the structure, to be disposed of once no reader can see it. Lies inside the thing, so that taking out allocates nothing.
struct Garbage {
  Garbage* next = nullptr;
  void (*dispose)(Garbage*) noexcept = nullptr;
};

/// Two sets of counters: readers count themselves into the present one, and changing to the other set tells when all earlier readers have left.
/// Readers never wait, and pay with plain stores into a counter of their thread: the writer pays with a membarrier (kernel/gate.hpp).
/// Writers never wait either: what cannot be disposed of yet waits for the next change, at the latest for the destructor.
///
/// Why that suffices. A reader counts itself in and then looks whether its set is still the present one; a writer changes sets, then has the barrier, and
/// only then looks at counters. The barrier falls somewhere in the reader's program order. Before its count: then its look sees the change, and it
/// goes to the other set. After its count: then the writer sees the count, and takes it for a reader, also if its look has seen the change, until it has
/// taken the count back. What a reader of the new set follows is what the writer left before the change. Leaving is a release store, read with acquire:
/// who sees it may free what the reader has read. A counter is written by one thread at a time: an index belongs to one living thread, and its next owner
/// has taken over the record with acquire.
class GracePeriods {
 public:
  GracePeriods() = default;
  ~GracePeriods();  ///< nobody reads any more
  GracePeriods(const GracePeriods&) = delete;
  GracePeriods& operator=(const GracePeriods&) = delete;

  /// A reader's stay. Short, and without calling module code.
  class Reader {
   public:
    explicit Reader(GracePeriods& periods);
    ~Reader() { count(-1); }
    Reader(const Reader&) = delete;
    Reader& operator=(const Reader&) = delete;

   private:
    void count(std::int64_t n) {
      if (own_)
        counter_->store(counter_->load(std::memory_order_relaxed) + n, std::memory_order_release);
      else
        counter_->fetch_add(n, std::memory_order_seq_cst);
    }
    std::atomic<std::int64_t>* counter_;
    const bool own_;  ///< no other thread writes the counter, and membarrier orders it
  };

  /// For writers, one at a time: `garbage` cannot be reached by new readers any more.
  void retire(Garbage& garbage);
  /// For writers, one at a time: disposes of what no reader can see any more. True if nothing is left.
  bool collect();

 private:
  static constexpr std::size_t shards = 65;  ///< of the first threads one each; the last is that of all others
  struct alignas(64) Counter {
    std::atomic<std::int64_t> readers{0};
  };
  [[nodiscard]] bool left(std::size_t set) const;
  static void dispose(Garbage*& list);

  std::atomic<std::size_t> present_{0};
  std::array<std::array<Counter, shards>, 2> counters_;
  Garbage* fresh_ = nullptr;    ///< since the last change of sets
  Garbage* waiting_ = nullptr;  ///< for the readers of the other set
};

}  // namespace tenon::host
