// Run: one daemon from a valid plan to its end. The main thread's side of everything.
#pragma once

#include <atomic>
#include <csignal>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <unordered_map>
#include <vector>

#include "abi/host_context.hpp"
#include "audit.hpp"
#include "crash_handler.hpp"
#include "daemon/boot.hpp"
#include "daemon/daemon.hpp"
#include "daemon/directory_watch.hpp"
#include "daemon/notify.hpp"
#include "daemon/state_dir.hpp"
#include "event_loop.hpp"
#include "host_topics.hpp"
#include "kernel/kernel.hpp"
#include "lifecycle/runner.hpp"
#include "loader/loader.hpp"
#include "observer.hpp"
#include "planning.hpp"
#include "reload.hpp"

namespace tenon::host {

class Run {
 public:
  /// `kernel` outlives it. `hand`: with what came while the plan was made.
  Run(const DaemonOptions& options, std::shared_ptr<const Config> config, LogCore& log, Kernel& kernel, StateDir state, BootOptions boot,
      BootTimes times, BootHand hand);
  ~Run();

  /// Loads and runs the planned modules; returns when everything is over.
  /// `watch`: of the directories the plan was made from, begun before they were read.
  DaemonResult run(Plan plan, std::optional<ModuleStore> store, std::optional<DirectoryWatch> watch);
  /// A reload or directory check has not come back from the file system: destroying would wait for it.
  [[nodiscard]] bool is_reading() const { return worker_busy_; }
  /// The last words of the process, said by whoever called run(). Called in its place when run() cannot return.
  std::function<void(ExitCode exit)> tell_end;

 private:
  // run.cpp
  void take_over(Plan& plan, std::optional<ModuleStore> store);
  void on_signal(int signal);
  void on_woken();
  void on_tick();
  void write_audit();
  void tick_kernel(std::int64_t now);
  void set_kernel_timer(std::int64_t at_ns);
  void watch_health(std::int64_t now);
  void look();
  void became_ready();
  void began_stopping();
  // run_end.cpp
  void load_overdue(const std::string& module, bool required);
  void load_interrupted(const std::string& module);
  [[noreturn]] void end_inside_load(ExitCode exit, bool load_hangs);
  // run_status.cpp
  void write_status(bool now);
  void write_report(bool load_hangs = false);
  void tell_supervisor();
  void feed_watchdog();
  void extend_supervisor(std::int64_t deadline_ns);
  [[nodiscard]] std::string status_line() const;
  /// Planned or not.
  [[nodiscard]] std::vector<ModuleStatus> all_modules() const;
  // run_reload.cpp
  /// A stop was asked for, or has begun by itself: what still changes the running daemon is over.
  [[nodiscard]] bool is_ending() const { return stop_signals_ != 0 || observer_.is_stopping.load(); }
  /// The supervisor waits for something: that the start, or the stop, is over.
  [[nodiscard]] bool is_moving() const { return !ready_handled_ || is_ending(); }
  void request_reload();
  void begin_reload();
  /// On the worker. Where there is none, or the work throws, `failed` is called with the reason.
  void aside(std::function<void()> work, const std::function<void(const std::string& why)>& failed);
  void end_reload();
  void apply(ReloadOutcome outcome);
  void dump();
  void listen(DirectoryWatch watch);
  void files_changed();
  void end_file_check();
  void tell_withdrawn(const std::vector<std::string>& sentences);

  const DaemonOptions& options_;
  std::shared_ptr<const Config> config_;
  LogCore& log_;
  Kernel& kernel_;
  StateDir state_;
  BootOptions boot_;
  BootTimes times_;
  const UniqueFd signals_;
  EventLoop loop_;
  SupervisorNotifier supervisor_;
  HostTopics topics_;
  StateAudit states_audit_;
  DaemonObserver observer_;
  std::unique_ptr<HostContext> host_;
  std::unique_ptr<CodeRanges> ranges_;
  std::optional<CrashHandler> crash_handler_;
  std::optional<ModuleStore> store_;
  std::unique_ptr<Loader> loader_;
  std::unique_ptr<Runner> runner_;
  std::vector<RunningModule> modules_;
  std::vector<ModuleStatus> others_;  ///< refused, blocked, disabled: for the status
  std::vector<StoreRequest> stored_;
  std::unordered_map<std::string_view, const Digest*> digests_;  ///< of modules_, which stays as it is

  std::size_t tick_timer_ = 0, kernel_timer_ = 0, audit_timer_ = 0, check_timer_ = 0, watch_timer_ = 0, status_timer_ = 0, end_timer_ = 0,
              watchdog_timer_ = 0;
  std::int64_t started_realtime_ns_ = 0, status_written_ns_ = 0, extended_ns_ = 0, extended_until_ns_ = 0;
  int stop_signals_ = 0;
  std::int64_t kernel_due_ns_ = no_deadline;  ///< when kernel_timer_ is set to
  std::atomic<bool> kernel_roused_{false}, health_roused_{false};
  std::uint64_t health_changes_ = 0;  ///< what was told of health
  bool health_ready_ = false, health_degraded_ = false;
  bool health_known_ = false;  ///< every check has answered once, and it was written
  bool ready_handled_ = false, stopping_handled_ = false, finished_handled_ = false;
  bool status_line_due_ = false;  ///< states changed since the supervisor was told; the next tick tells
  bool interrupted_ = false;      ///< --migrate-only was told to stop before it was through

  std::thread worker_;  ///< one reload or directory check at a time
  bool worker_busy_ = false, reload_wanted_ = false, check_files_wanted_ = false, reload_told_ = false, status_written_ = false;
  std::mutex outcome_mutex_;
  std::optional<ReloadOutcome> reload_outcome_;
  std::optional<Result<std::vector<std::string>>> file_outcome_;
  std::optional<DirectoryWatch> watch_;
  RestartNews news_;
  const bool reload_came_;  ///< before there was a loop
};

/// Of a --migrate-only that was told to stop.
inline constexpr const char* interrupted_text = "interrupted: not everything was looked at, run it again";

/// What every startup report begins with: who, when, and the phases in which no module code runs.
StartupReport begin_startup_report(const DaemonOptions& options, const Config& config, const BootTimes& times);
/// Options for the log as the configuration says.
LogOptions log_options(const LogSettings& settings, bool colour);
/// A watch of the directories that discovery reads. What cannot be watched is logged; nothing at all = nullopt.
std::optional<DirectoryWatch> watch_directories(LogCore& log, const HostSettings& settings);
/// Tells findings: text blocks with carets on a text log to stderr, records otherwise.
void tell_diagnostics(LogCore& log, const LogSettings& settings, const Diagnostics& diagnostics, bool colour);

}  // namespace tenon::host
