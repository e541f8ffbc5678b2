// Breaker: stops calling a provider that keeps failing, and tries it again later.
#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <mutex>

#include "base/result.hpp"
#include "kernel/services.hpp"

namespace tenon::host {

/// What of a call's outcome says that the provider is broken, not that it was asked wrongly.
bool is_provider_failure(Code code);

/// Thread-safe. Closed, with calls that succeed, it costs one load.
class Breaker {
 public:
  Breaker(const BreakerOptions& options, std::int64_t (*now)()) : options_(options), now_(now) {}

  enum class Admission : std::uint8_t { yes, probe, no };
  /// `probe`: one of the calls that decide whether it closes again; it must be ended with `ended`.
  Admission admit();
  /// Exactly once per call admitted. Calls that were cancelled, or never reached the provider, say neither good nor bad.
  enum class Outcome : std::uint8_t { success, failure, nothing };
  void ended(Admission admission, Outcome outcome) noexcept;

 private:
  void open(std::int64_t now);
  const BreakerOptions options_;
  std::int64_t (*const now_)();
  std::atomic<bool> closed_{true};
  std::mutex mutex_;
  std::deque<std::int64_t> failures_;  ///< when, of the window; at most options_.failures
  std::int64_t opened_at_ = 0;
  bool probing_ = false;
  std::uint32_t successes_ = 0;
};

}  // namespace tenon::host
