// ModuleInstance: one life of a module as the lifecycle sees it. A dlopened .so is one implementation, a test's fake another.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "base/result.hpp"
#include "base/value.hpp"
#include "kernel/phase.hpp"

namespace tenon::host {

/// How a callback ended.
struct Outcome {
  enum class Kind : std::uint8_t {
    done,
    deferred,  ///< PENDING, start and stop only: on_completed follows, exactly once
    failed,
  };
  Kind kind = Kind::done;
  Error error;  ///< of failed
  static Outcome ok() { return {}; }
  static Outcome pending() { return {Kind::deferred, {}}; }
  static Outcome failure(Error e) { return {Kind::failed, std::move(e)}; }
};

/// A live configuration change for one module.
struct ConfigChange {
  Value next;
  std::vector<std::string> paths;  ///< changed ones, within the module's configuration
};

/// Called by one control thread at a time, unless said otherwise. A callback that is abandoned (its deadline passed) may still be running on its
/// thread: from then on only `abandon`, `holders` and destruction are called, and nothing of it is freed that the callback could reach.
class ModuleInstance {
 public:
  virtual ~ModuleInstance() = default;

  /// True if the module has something to do in this phase; load and destroy always. Valid after load.
  [[nodiscard]] virtual bool has(Phase phase) const = 0;
  /// Runs the callback of a phase on the calling thread and returns when it has. `deadline_ns` (monotonic) is what the module is told; enforcing it
  /// is the caller's business. `stop` is the whole leaving: nothing new, in-flight calls cancelled, wait until nobody is inside (at
  /// most half of the deadline), stop callback, pending answered, closed, registrations revoked. `destroy` revokes too, for instances that never started, and
  /// fails with FAILED_PRECONDITION naming the holders if something still pins the module.
  virtual Outcome run(Phase phase, std::int64_t deadline_ns) = 0;
  /// The module's turn in a phase it has nothing to do in is over: it counts as passed. Calls nothing of the module. [any thread]
  virtual void skipped(Phase phase) { static_cast<void>(phase); }
  /// Delivers a live configuration change; failures are for the log only. Runs as Phase::configure.
  virtual Outcome configure(const ConfigChange& change, std::int64_t deadline_ns) = 0;
  /// Who is told when a PENDING start or stop ends; set once, before load; called on any thread, never from inside run().
  virtual void on_completed(std::function<void(Phase, Outcome)> fn) = 0;
  /// Cancels what runs or is pending now and shortens its deadline. [any thread]
  virtual void cancel(std::int64_t deadline_ns) = 0;
  /// The callback of `phase` is given up: its late answer is ignored, every later host call of the module's threads answers CANCELLED. [any thread]
  virtual void abandon(Phase phase) = 0;
  /// Of an abandoned load: whether it had reached the dynamic loader, whose lock it then holds. Before that nothing of the module has run.
  [[nodiscard]] virtual bool is_in_dynamic_loader() const { return true; }
  /// Who is still inside or pins the instance, in words ("thread 4711 in call ..."), for messages. [any thread]
  [[nodiscard]] virtual std::vector<std::string> holders() const = 0;
};

}  // namespace tenon::host
