// A clock set by hand. A step returns when the thread that waits for it has dealt with everything due and waits again.
#pragma once

#include <condition_variable>
#include <mutex>

#include "kernel/task_clock.hpp"
#include "workers_support.hpp"

namespace tenon::host::test {

/// Where the wall clock begins: 2023-11-15 00:00 UTC.
inline constexpr std::int64_t a_midnight = 1'700'006'400'000'000'000;

class HandClock final : public TaskClock {
 public:
  std::int64_t monotonic() override {
    const std::lock_guard lock(mutex_);
    return monotonic_;
  }
  std::int64_t realtime() override {
    const std::lock_guard lock(mutex_);
    return realtime_;
  }
  bool wait(std::int64_t monotonic_until_ns, std::int64_t realtime_until_ns) override {
    std::unique_lock lock(mutex_);
    until_ = monotonic_until_ns;
    realtime_until_ = realtime_until_ns;
    waiting_ = true;
    changed_.notify_all();
    changed_.wait(lock, [this] { return !idle(); });
    waiting_ = woken_ = false;
    const bool was_set = was_set_;
    was_set_ = false;
    return was_set;
  }
  void wake() override {
    const std::lock_guard lock(mutex_);
    woken_ = true;
    changed_.notify_all();
  }

  /// Time goes by.
  void advance(std::int64_t ns) {
    step([&] {
      monotonic_ += ns;
      realtime_ += ns;
    });
  }
  /// Somebody sets the clock on the wall.
  void set_realtime(std::int64_t ns) {
    step([&] {
      realtime_ = ns;
      was_set_ = true;
    });
  }
  /// Waits until nothing is due.
  void settle() {
    step([] {});
  }

 private:
  [[nodiscard]] bool idle() const { return !woken_ && !was_set_ && monotonic_ < until_ && realtime_ < realtime_until_; }
  template <class F>
  void step(F&& change) {
    std::unique_lock lock(mutex_);
    change();
    changed_.notify_all();
    CHECK(changed_.wait_for(lock, long_enough, [this] { return waiting_ && idle(); }));
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  /// Far ahead of the system's clock, by which a call would else have missed its deadline.
  std::int64_t monotonic_ = monotonic_ns() + 86'400'000'000'000;
  std::int64_t realtime_ = a_midnight;
  std::int64_t until_ = no_deadline, realtime_until_ = no_deadline;
  bool waiting_ = false, woken_ = false, was_set_ = false;
};

}  // namespace tenon::host::test
