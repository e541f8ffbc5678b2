// The supervisor's notify protocol (sd_notify(3)), spoken directly: one datagram per message, no library needed.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "base/result.hpp"

namespace tenon::host {

/// What a supervisor put into the environment of the process it started.
struct SupervisorEnvironment {
  std::string socket;                 ///< "/path" or "@abstract name"; empty = nobody listens
  Nanos watchdog{0};                  ///< a sign of life is expected at least this often; 0 = no watchdog
  std::vector<std::string> problems;  ///< one sentence per variable that was set but cannot be used
};

/// Reads the three variables; a null pointer is an unset one. `self`: a watchdog meant for another process does not count.
SupervisorEnvironment parse_supervisor_environment(const char* notify_socket, const char* watchdog_usec, const char* watchdog_pid,
                                                   pid_t self);

/// Reads NOTIFY_SOCKET, WATCHDOG_USEC and WATCHDOG_PID and removes them, so that no child answers in the daemon's name.
/// Changes the environment: call it before there is a second thread.
SupervisorEnvironment take_supervisor_environment();

/// Delivers one datagram without ever blocking; UNAVAILABLE = the receiver's queue is full, or nobody is
/// there now: trying again later makes sense.
using NotifySender = std::function<Result<void>(std::string_view datagram)>;

/// A sender to the socket of that name ("/path" or "@abstract name"). The receiver need not exist yet.
Result<NotifySender> make_notify_sender(const std::string& socket);

/// Tells the supervisor how the daemon is. Without a supervisor every call succeeds and does nothing.
/// A state (ready, reloading, stopping) that could not be delivered for a reason that can pass goes out with the next message;
/// of several, the last one. Not thread-safe: it belongs to the main loop.
class SupervisorNotifier {
 public:
  SupervisorNotifier() = default;
  explicit SupervisorNotifier(NotifySender sender, Nanos watchdog = Nanos{0}) : send_(std::move(sender)), watchdog_(watchdog) {}
  /// From take_supervisor_environment(); what cannot be used is added to `environment.problems`.
  static SupervisorNotifier connect(SupervisorEnvironment& environment);

  /// Called with what went wrong, once for each thing that can.
  std::function<void(const Error& why)> on_problem;

  [[nodiscard]] bool active() const { return static_cast<bool>(send_); }
  /// The supervisor gives up after this long without watchdog(); send one at least every half of it. 0 = none expected.
  [[nodiscard]] Nanos watchdog_interval() const { return active() ? watchdog_ : Nanos{0}; }
  /// A state waits for the next message.
  [[nodiscard]] bool pending() const { return !unsent_.empty(); }

  /// The start, or a reload, is complete. `status`: see status(); empty = unchanged.
  Result<void> ready(std::string_view status = {});
  /// A reload begins at `monotonic_ns`; ready() ends it.
  Result<void> reloading(std::int64_t monotonic_ns, std::string_view status = {});
  Result<void> stopping(std::string_view status = {});
  /// One line for people; control characters are escaped, cut after 512 bytes.
  Result<void> status(std::string_view text);
  Result<void> watchdog();
  /// The current start, reload or stop needs at least `longer` from now on, whatever the supervisor's own limit says.
  Result<void> extend_timeout(Nanos longer);
  /// Sends what is pending, if anything.
  Result<void> flush();

 private:
  Result<void> send_state(std::string lines, std::string_view status);
  Result<void> send(const std::string& lines);

  NotifySender send_;
  Nanos watchdog_{0};
  std::string unsent_;
  std::vector<std::string> told_;  ///< to on_problem: one for each error of the system at most
};

}  // namespace tenon::host
