// Waiting for what the tick of a worker pool sees to: nobody is woken for a release.
#pragma once

#include "base/clock.hpp"
#include "kernel/workers.hpp"
#include "waiting.hpp"

namespace tenon::test {

/// As `becomes`, and ticks a hundred times per second meanwhile.
template <class F>
bool becomes_ticking(host::WorkerPool& pool, F&& condition) {
  std::int64_t due = 0;
  return becomes([&] {
    if (const std::int64_t now = host::monotonic_ns(); now >= due) {
      static_cast<void>(pool.tick(now));
      due = now + 10'000'000;
    }
    return condition();
  });
}

}  // namespace tenon::test
