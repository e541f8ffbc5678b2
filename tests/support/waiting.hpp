// Waiting in tests: bounded, so that what never comes is a failure and no hang.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <thread>

namespace tenon::test {

inline constexpr std::chrono::seconds long_enough{30};

/// Deadlines as the kernel has them: CLOCK_MONOTONIC in nanoseconds.
inline std::int64_t from_now(std::chrono::nanoseconds time) {
  return std::chrono::nanoseconds(std::chrono::steady_clock::now().time_since_epoch() + time).count();
}
inline std::int64_t soon() { return from_now(long_enough); }
inline std::int64_t in_ms(std::int64_t ms) { return from_now(std::chrono::milliseconds(ms)); }

/// True once `condition` holds; looks again and again, for things nobody announces. False after a long time.
template <class F>
bool becomes(F&& condition) {
  const auto until = std::chrono::steady_clock::now() + long_enough;
  while (!condition()) {
    if (std::chrono::steady_clock::now() > until) return false;
    std::this_thread::sleep_for(std::chrono::microseconds(100));
  }
  return true;
}

/// A counter one can wait for.
class Counter {
 public:
  void add(int n = 1) {
    const std::lock_guard lock(mutex_);
    value_ += n;
    changed_.notify_all();
  }
  /// Waits until the counter has reached n; false after a long time.
  [[nodiscard]] bool reaches(int n) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, long_enough, [&] { return value_ >= n; });
  }
  [[nodiscard]] int value() {
    const std::lock_guard lock(mutex_);
    return value_;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  int value_ = 0;
};

}  // namespace tenon::test
