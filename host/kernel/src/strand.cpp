#include "kernel/strand.hpp"

#include <algorithm>

#include "kernel/gate.hpp"

namespace tenon::host {

bool Strand::try_enter() {
  std::uint32_t expected = vacant;
  if (!state_.compare_exchange_strong(expected, held, std::memory_order_acq_rel)) return false;
  holder_.store(&this_thread_frames(), std::memory_order_release);
  return true;
}

bool Strand::enter(std::int64_t until_ns) {
  if (try_enter()) return true;
  std::unique_lock lock(mutex_);
  // Says that somebody sleeps before sleeping, under the mutex that `leave` takes to wake: no wake-up is lost.
  while (state_.exchange(wanted, std::memory_order_acq_rel) != vacant) {
    const std::int64_t left = until_ns - monotonic_ns();
    if (left <= 0) return false;
    freed_.wait_for(lock, Nanos(std::min<std::int64_t>(left, 3'600'000'000'000)));
  }
  holder_.store(&this_thread_frames(), std::memory_order_release);
  return true;
}

void Strand::leave() {
  holder_.store(nullptr, std::memory_order_release);
  if (state_.exchange(vacant, std::memory_order_acq_rel) != wanted) return;
  // One wakes and marks it wanted again, for the others.
  const std::lock_guard lock(mutex_);
  freed_.notify_one();
}

}  // namespace tenon::host
