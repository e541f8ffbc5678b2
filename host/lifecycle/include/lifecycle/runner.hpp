// Runner: drives modules through their life. Knows nothing of files, signals or sockets: a Plan of ModuleInstances in, a result out.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "abi/module_instance.hpp"
#include "base/exit_code.hpp"
#include "lifecycle/module_state.hpp"
#include "lifecycle/phases.hpp"

namespace tenon::host {

/// Limits in nanoseconds, indexed by Phase.
using PhaseLimits = std::array<std::int64_t, 11>;

/// One planned module, in lifecycle order. Indices point into the vector given to the runner.
struct RunnerModule {
  std::string name, version;
  std::unique_ptr<ModuleInstance> instance;
  bool trusted = false, required = false;
  std::vector<std::uint32_t> requirements, after;
  PhaseLimits limits{};
};

/// A failed module, for the final report.
struct ModuleFailure {
  std::string module;
  Phase phase = Phase::none;
  Error error;
  bool required = false;
};

/// What the runner tells. Called without locks, in order, from control threads and from whoever calls the runner; must not block for long.
class RunnerObserver {
 public:
  virtual ~RunnerObserver() = default;
  virtual void phase_began(Phase, std::int64_t /*at_ns*/) {}
  virtual void phase_ended(Phase, std::int64_t /*at_ns*/, std::uint32_t /*modules called*/) {}
  virtual void state_changed(const ModuleStatus&) {}
  /// A third of the time is over.
  virtual void is_slow(const std::string& /*module*/, Phase, std::int64_t /*elapsed_ns*/, std::int64_t /*limit_ns*/) {}
  /// A module failed, in any phase (stop, destroy and configure too). `holders` says who pins a wedged one.
  virtual void failed(const ModuleFailure&, bool /*wedged*/, const std::vector<std::string>& /*holders*/) {}
  /// A callback ended; only if RunnerOptions::record_timings.
  virtual void timed(const std::string& /*module*/, Phase, std::int64_t /*begin_ns*/, std::int64_t /*end_ns*/, bool /*ok*/) {}
  /// All required modules are ready and every other start was called; once.
  virtual void ready() {}
  /// The walk back begins.
  virtual void stopping() {}
  /// Everything is destroyed or given up; nothing is called after it.
  virtual void finished() {}
  /// `check` should be called again no later than `at_ns`, because something new has an early deadline. May be called under the runner's lock: only wake.
  virtual void wake(std::int64_t /*at_ns*/) {}
  /// A load missed its deadline: the dynamic loader's lock is held, and the process cannot go on. Expected not to return; if it does (tests), the
  /// module is treated as wedged.
  virtual void load_overdue(const std::string& /*module*/, bool /*required*/) {}
  /// The same, but it was a request to stop that cut its time: nothing is known against the module.
  virtual void load_interrupted(const std::string& /*module*/) {}
  /// The system gives no thread to begin with; the result says os_error, and `finished` follows.
  virtual void no_thread() {}
};

struct RunnerOptions {
  std::vector<std::uint32_t> load_order;  ///< empty = lifecycle order
  unsigned parallelism = 1;               ///< of start
  bool migrate_only = false;
  bool record_timings = false;
  std::int64_t stop_total_ns = 15'000'000'000;
  std::int64_t shutdown_ns = 30'000'000'000;  ///< stop and destroy together
  std::function<std::int64_t()> now;          ///< monotonic; default: the real clock
  std::function<void()> thread_begins;        ///< first thing on each control thread
};

struct RunnerResult {
  ExitCode exit = ExitCode::ok;
  bool became_ready = false;
  bool wedged = false;    ///< a callback never came back: end the process by _exit
  bool degraded = false;  ///< an optional module failed
  std::vector<ModuleFailure> failures;
};

/// Thread-safe. Usage: start(); then call check() whenever its last answer, or the observer's wake(), says so; until finished().
class Runner {
 public:
  Runner(std::vector<RunnerModule> modules, RunnerOptions options, RunnerObserver& observer);
  ~Runner();  ///< must be finished, or never started
  Runner(const Runner&) = delete;
  Runner& operator=(const Runner&) = delete;

  void start();
  /// Begins the walk back: cancels what runs, cuts its deadline to 5 s. A second call hurries: 1 s per module, 5 s in total. Further ones do nothing.
  void request_stop();
  /// Looks after deadlines: warns after a third, gives up what is overdue. Returns when to call it again (monotonic), no_deadline if nothing is under way.
  std::int64_t check();
  /// Queues a live configuration change for a running module, delivered on a control thread.
  void configure(std::uint32_t module, ConfigChange change);
  /// A module failed outside its callbacks (its delivery hangs): treated like a failed callback.
  void module_wedged(std::uint32_t module, Error why);

  [[nodiscard]] bool finished() const;
  void wait_finished();  ///< for tests and tools; someone else must call check()
  [[nodiscard]] RunnerResult result() const;
  [[nodiscard]] std::vector<ModuleStatus> status() const;
  [[nodiscard]] ModuleStatus status(std::uint32_t module) const;
  /// The latest deadline of what is under way now, no_deadline if nothing is: what a supervisor must be asked to wait for.
  [[nodiscard]] std::int64_t latest_deadline() const;

 private:
  class Core;
  std::shared_ptr<Core> core_;
};

}  // namespace tenon::host
