// The rules of tasks, seen by one module: driven on the kernel, through the C table of a real module, and on the fake host.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "three_ways.hpp"

namespace tenon::test {

enum class Kind { post, after, every, cron, loop };
enum class State { not_started, waiting, queued, running, ended };
enum class Health { ok, degraded, failed };
enum class Policy { fail, restart, ignore };

struct TaskView {
  Kind kind{};
  State state{};
  Health health{};
  int last = 0;
  std::uint64_t runs = 0, failures = 0, missed = 0, restarts = 0;
  std::int64_t next_ns = 0;
};

/// What a run can ask of its call.
struct Run {
  std::function<bool()> cancelled;
  std::function<std::int64_t()> deadline_ns;
  /// Sleeps for so long, or until cancelled: true.
  std::function<bool(std::int64_t ns)> sleep;
};

/// One task's work; lives until the end of the test.
class Work {
 public:
  std::function<int(const Run&)> then;
  int on(const Run& run) {
    ++running_;
    if (running_ > 1) ++overlaps_;
    const int out = then ? then(run) : 0;
    --running_;
    ++runs_;
    return out;
  }
  void release() { ++released_; }
  [[nodiscard]] int runs() const { return runs_; }
  [[nodiscard]] int released() const { return released_; }
  [[nodiscard]] int overlaps() const { return overlaps_; }
  [[nodiscard]] bool running() const { return running_ != 0; }

 private:
  std::atomic<int> runs_{0}, running_{0}, overlaps_{0}, released_{0};
};

struct TaskSpec {
  Kind kind = Kind::post;
  std::int64_t number = 0;  ///< delay, interval, or zone (1 = local)
  std::string schedule = {}, name = {};
  Policy policy = Policy::fail;
  std::int64_t backoff_ns = 1'000'000, max_backoff_ns = 8'000'000;
  std::int64_t timeout_ns = 0;
};

/// The module under test, past its init.
class TaskDriver {
 public:
  virtual ~TaskDriver() = default;
  virtual Answer add(const TaskSpec& spec, Work& work) = 0;
  virtual Answer cancel(std::uint64_t id) = 0;
  virtual Answer cancel_wait(std::uint64_t id) = 0;
  virtual Answer status(std::uint64_t id, TaskView& out) = 0;
  virtual void start() = 0;
  virtual void leave(std::function<void()> in_stop = {}) = 0;
  /// Lets time pass until it is true, at most for 20 s.
  virtual bool until(const std::function<bool()>& done) = 0;
};

std::unique_ptr<TaskDriver> make_task_driver(Way way, std::function<bool(TaskDriver&)> init = {});

}  // namespace tenon::test
