// Rate limit of a module's lines: a token bucket in one atomic word.
#pragma once

#include <atomic>
#include <cstdint>

namespace tenon::host {

/// What the operator allows each module.
class RateLimit {
 public:
  /// `rate` lines per second after a burst; 0 = no limit. A burst of 0 counts as 1. Thread-safe.
  void configure(std::uint32_t rate, std::uint32_t burst);
  [[nodiscard]] std::uint32_t rate() const { return rate_.load(std::memory_order_relaxed); }

  /// Takes one line out of the bucket at `now` (ns, of any clock that mostly goes forward). `full_at` is the bucket: the time at which it
  /// would be full again. A clock set back by more than a second fills the bucket rather than silence the module until then. No lock.
  bool admit(std::atomic<std::int64_t>& full_at, std::int64_t now) const;

 private:
  std::atomic<std::uint32_t> rate_{0};
  std::atomic<std::int64_t> interval_{0};   ///< ns per line; 0 = no limit
  std::atomic<std::int64_t> tolerance_{0};  ///< ns that a full bucket is ahead
};

}  // namespace tenon::host
