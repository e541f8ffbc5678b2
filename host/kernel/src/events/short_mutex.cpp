#include "short_mutex.hpp"

#include <sched.h>
#include <time.h>

namespace tenon::host {
namespace {

constexpr int looks_per_turn = 40, max_turns = 16;
constexpr int max_pauses = 4;  // between two looks: longer ones find the next holder
constexpr long nap_ns = 50'000;

}  // namespace

void ShortMutex::wait() {
  for (int turn = 0;; ++turn) {
    for (int look = 0, pauses = 1; look < looks_per_turn; ++look) {
      for (int i = 0; i < pauses; ++i) pause_processor();
      if (pauses < max_pauses) pauses *= 2;
      // Read before it is written: a failed exchange would take the cache line from the holder.
      if (!held_.load(std::memory_order_relaxed) && !held_.exchange(true, std::memory_order_acquire)) return;
    }
    if (turn < max_turns) {
      sched_yield();
    } else {
      const timespec nap{0, nap_ns};
      nanosleep(&nap, nullptr);
    }
  }
}

}  // namespace tenon::host
