// Health: checks that owners offer, asked on workers and kept, and what follows from them for the host: live, started, ready, degraded.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "kernel/owner.hpp"

namespace tenon::host {

class Tasks;
class WorkerPool;

/// One check, as plain functions.
struct HealthCheck {
  std::string name;       ///< one word, at most 63 bytes, the owner's only one of that name
  bool required = false;  ///< unhealthy: the host is not ready; else only degraded
  std::int64_t timeout_ns = 5'000'000'000;
  std::int64_t interval_ns = 10'000'000'000;  ///< from an answer to the next question
  /// Runs inside the owner's gate (Phase::run, worker), without any lock; never overlaps with itself. `why` is read if the code is not ok.
  Code (*run)(void* data, Call& call, Error& why) noexcept = nullptr;
  void* data = nullptr;
  Call* call = nullptr;  ///< what `run` is given, alive as long as data; null = one of the check
};

/// Names, functions and times of all checks of one owner. INVALID_ARGUMENT `BAD_CHECK` naming the check.
Result<void> examine_checks(const std::vector<HealthCheck>& checks);

enum class CheckState : std::uint8_t {
  unknown,  ///< not answered yet
  healthy,
  unhealthy,
};
std::string_view check_state_name(CheckState state);

struct CheckStatus {
  std::string module, name;
  bool required = false;
  CheckState state = CheckState::unknown;
  std::string why;            ///< of unhealthy
  std::int64_t since_ns = 0;  ///< monotonic, of the state
  std::uint64_t runs = 0, failures = 0;
};

/// Three different questions, and one remark.
struct HealthReport {
  bool live = true;                 ///< the host moves: `tick` came in time. No check has a say in it
  bool started = false;             ///< the host was started, and since then every required check was healthy once; stays true
  bool ready = false;               ///< started, not stopping, and no required check is unhealthy
  bool degraded = false;            ///< something is unhealthy, required or not
  std::vector<CheckStatus> checks;  ///< by module, then as offered; behind a module's own its background loops that ended by themselves
};

/// Asks with `tick`; whoever reads a report waits for nobody. Background loops count by their policy (Tasks): failed like a required check, in a pause before
/// they begin again like an optional one. Owners that are wedged are left out: their state says it. Thread-safe.
class Health {
 public:
  struct Options {
    std::int64_t live_ns = 10'000'000'000;  ///< without a tick for this long the host is not live
    /// A check changed its state; on a worker or in `tick`, without any lock. Must not throw.
    std::function<void(const CheckStatus&)> changed;
  };
  static constexpr std::size_t max_checks = 64;  ///< per owner
  static constexpr std::int64_t min_timeout_ns = 1'000'000, max_timeout_ns = 60'000'000'000;
  static constexpr std::int64_t min_interval_ns = 100'000'000, max_interval_ns = 3'600'000'000'000;

  Health(WorkerPool& pool, const Tasks& tasks, Options options);
  Health(WorkerPool& pool, const Tasks& tasks);
  ~Health();
  Health(const Health&) = delete;
  Health& operator=(const Health&) = delete;

  /// All of an owner's checks, once. Errors: as of examine_checks; then none is taken.
  Result<void> join(Owner& owner, std::vector<HealthCheck> checks);
  /// The owner has become callable: its checks are asked from now on.
  void started(Owner& owner);
  /// The owner's gate is draining: what runs is cancelled, nothing more is asked. [any]
  void drain(Owner& owner);
  /// The owner's gate is closed: nothing of it is reported any more. What still runs ends with WorkerPool::leave.
  void leave(Owner& owner);

  /// `roused`: a tick is wanted at once, as checks are due, or have answered something new. On any thread; it must not block, throw or call the kernel.
  void on_rouse(std::function<void()> roused);

  /// Every required module runs.
  void host_started();
  void host_stopping();

  /// Asks what is due, and gives up what is over its deadline; never calls a check. Returns when the next of them wants it, no_deadline if none does; a
  /// check that has started or answered since may want it earlier.
  std::int64_t tick(std::int64_t monotonic_now_ns);
  [[nodiscard]] HealthReport report(std::int64_t monotonic_now_ns) const;
  /// Grows with every change of a state, so that readers know when to look.
  [[nodiscard]] std::uint64_t changes() const;

 private:
  struct Core;
  std::shared_ptr<Core> core_;
};

}  // namespace tenon::host
