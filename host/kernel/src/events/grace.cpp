#include "grace.hpp"

#include <algorithm>

namespace tenon::host {

GracePeriods::Reader::Reader(GracePeriods& periods) : own_(gates_use_membarrier() && this_thread_frames().index < shards - 1) {
  const std::size_t shard = std::min<std::size_t>(this_thread_frames().index, shards - 1);
  for (;;) {
    const std::size_t set = periods.present_.load(std::memory_order_relaxed);
    counter_ = &periods.counters_[set][shard].readers;
    count(1);
    // If the set is still the present one, a writer that changes sets later looks at this counter later, too: the count is there before this look, by
    // the locked operation, or by the barrier of the writer between its change and its look.
    std::atomic_signal_fence(std::memory_order_seq_cst);
    if (periods.present_.load(std::memory_order_seq_cst) == set) return;
    count(-1);
  }
}

GracePeriods::~GracePeriods() {
  dispose(waiting_);
  dispose(fresh_);
}

bool GracePeriods::left(std::size_t set) const {
  return std::all_of(counters_[set].begin(), counters_[set].end(),
                     [](const Counter& c) { return c.readers.load(std::memory_order_seq_cst) == 0; });
}

void GracePeriods::dispose(Garbage*& list) {
  while (list != nullptr) {
    Garbage* const first = list;
    list = first->next;
    first->dispose(first);
  }
}

void GracePeriods::retire(Garbage& garbage) {
  garbage.next = fresh_;
  fresh_ = &garbage;
}

bool GracePeriods::collect() {
  // Twice: what waited, and, if nobody reads, also what has just come.
  for (int round = 0; round < 2; ++round) {
    const std::size_t present = present_.load(std::memory_order_relaxed);
    if (waiting_ != nullptr) {
      if (!left(1 - present)) return false;
      dispose(waiting_);
    }
    if (fresh_ == nullptr) return true;
    // The other set is empty of readers that count: sets only change when it was.
    waiting_ = fresh_;
    fresh_ = nullptr;
    present_.store(1 - present, std::memory_order_seq_cst);
    frames_barrier();
  }
  if (left(1 - present_.load(std::memory_order_relaxed))) dispose(waiting_);
  return waiting_ == nullptr;
}

}  // namespace tenon::host
