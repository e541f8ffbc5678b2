#include "log_rate.hpp"

#include <algorithm>

namespace tenon::host {

void RateLimit::configure(std::uint32_t rate, std::uint32_t burst) {
  const std::int64_t interval = rate == 0 ? 0 : 1'000'000'000 / static_cast<std::int64_t>(rate);
  rate_.store(rate, std::memory_order_relaxed);
  tolerance_.store(interval * std::max<std::int64_t>(burst, 1), std::memory_order_relaxed);
  interval_.store(interval, std::memory_order_relaxed);
}

bool RateLimit::admit(std::atomic<std::int64_t>& full_at, std::int64_t now) const {
  constexpr std::int64_t set_back = 1'000'000'000;
  const std::int64_t interval = interval_.load(std::memory_order_relaxed);
  if (interval == 0) return true;
  const std::int64_t tolerance = tolerance_.load(std::memory_order_relaxed);
  std::int64_t seen = full_at.load(std::memory_order_relaxed);
  for (;;) {
    std::int64_t base = std::max(seen, now);
    // Without a step of the clock (or a smaller burst since a reload) nothing is ever further ahead than the tolerance.
    if (base - now > tolerance + set_back) base = now;
    if (base + interval - now > tolerance) return false;
    if (full_at.compare_exchange_weak(seen, base + interval, std::memory_order_relaxed)) return true;
  }
}

}  // namespace tenon::host
