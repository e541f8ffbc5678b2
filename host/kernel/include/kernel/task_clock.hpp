// TaskClock: the two clocks tasks are due by, and the wait for them; a seam, so that tests set the time by hand.
#pragma once

#include <cstdint>
#include <memory>

#include "base/clock.hpp"
#include "base/result.hpp"

namespace tenon::host {

class TaskClock {
 public:
  TaskClock() = default;
  virtual ~TaskClock() = default;
  TaskClock(const TaskClock&) = delete;
  TaskClock& operator=(const TaskClock&) = delete;

  [[nodiscard]] virtual std::int64_t monotonic() = 0;
  [[nodiscard]] virtual std::int64_t realtime() = 0;
  /// Waits until one of the times has come (`no_deadline` = never), or until `wake` was called or the realtime clock was set since the last wait
  /// began. True if it was set: no setting is missed, also between waits. One thread at a time.
  virtual bool wait(std::int64_t monotonic_until_ns, std::int64_t realtime_until_ns) = 0;
  /// [any]
  virtual void wake() = 0;
};

/// The clocks of the system: two timerfds and an eventfd. An error if there are no descriptors left.
Result<std::unique_ptr<TaskClock>> system_task_clock();

}  // namespace tenon::host
