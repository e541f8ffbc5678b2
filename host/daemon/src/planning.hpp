// Planning: the phases in which no module is loaded yet, and the thread that serves signals and the supervisor meanwhile. The work itself stays on
// the main thread: what it allocates is what the daemon goes on with, and a second heap for it would stay resident.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <string>

#include "base/clock.hpp"
#include "base/file.hpp"
#include "daemon/notify.hpp"
#include "kernel/log.hpp"

namespace tenon::host {

/// The signals of block_handled_signals as a descriptor that does not block; those that wait already are in it.
UniqueFd open_handled_signals();

/// What the main thread has before there is a loop, and goes on with in the loop.
struct BootHand {
  UniqueFd signals;
  SupervisorNotifier supervisor;
  bool reload_wanted = false;  ///< SIGHUP came
};

/// One span of work that may wait for a file system that never answers.
class Planning {
 public:
  struct Limits {
    std::int64_t first_word_ns = 100'000'000;  ///< who is quicker tells the supervisor nothing
    std::int64_t slow_ns = 5'000'000'000;      ///< then the log says what is waited for
    std::int64_t total_ns = 600 * 1'000'000'000ll;
  };
  enum class End {
    done,     ///< the work is over
    stopped,  ///< SIGTERM or SIGINT came first: signal()
    overdue,  ///< it has not ended in time
  };

  /// `signals`: a signalfd of the signals the daemon handles, read without blocking; -1 = none come. All three outlive it.
  Planning(LogCore& log, SupervisorNotifier& supervisor, int signals, Limits limits);
  Planning(LogCore& log, SupervisorNotifier& supervisor, int signals) : Planning(log, supervisor, signals, Limits{}) {}

  /// Called on the thread that serves signals when the work is not to be waited for any more, while it goes on: it has to end the process without
  /// freeing anything the work uses.
  using GiveUp = std::function<void(End)>;

  /// Does `work` here. What it throws is thrown, and then what the serving threw. Where the system gives no other thread, nothing is served
  /// meanwhile. A signal that was not read when the work is over is still in `signals`. If `give_up` comes back, its End is returned when the
  /// work is over. Called once.
  End run(const std::function<void()>& work, const GiveUp& give_up);
  /// Called by the work: discovery is over, planning begins.
  void discovered() { discovered_ns_ = monotonic_ns(); }

  // For `give_up`, and for whoever has come back from run().

  /// What ended it; 0 = no signal.
  [[nodiscard]] int signal() const { return signal_; }
  /// SIGHUP came: for the daemon to serve when it is ready.
  [[nodiscard]] bool reload_wanted() const { return reload_wanted_; }
  [[nodiscard]] std::int64_t began_ns() const { return began_ns_; }
  /// 0 = not yet.
  [[nodiscard]] std::int64_t discovered_ns() const { return discovered_ns_; }

 private:
  /// Until `over` can be read.
  End serve(int over);
  [[nodiscard]] std::string phase() const { return discovered_ns_ == 0 ? "discover" : "plan"; }
  /// False: one that ends it.
  bool serve_signals();
  /// What is due by now; the time of the next look.
  std::int64_t tell(std::int64_t now);

  LogCore& log_;
  SupervisorNotifier& supervisor_;
  const int signals_;
  const Limits limits_;
  std::atomic<std::int64_t> discovered_ns_{0};
  std::int64_t began_ns_ = 0, told_ns_ = 0, extended_ns_ = 0, fed_ns_ = 0;
  int signal_ = 0;
  bool reload_wanted_ = false, slow_told_ = false;
};

}  // namespace tenon::host
