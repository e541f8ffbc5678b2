// The state of a runner. All members are guarded by `mutex_`; module code and the observer are called without it.
#pragma once

#include <condition_variable>
#include <deque>
#include <mutex>
#include <optional>
#include <set>

#include "lifecycle/runner.hpp"

namespace tenon::host {

/// A callback that honours its deadline exactly gets this much longer to come back before it is given up.
inline constexpr std::int64_t grace_ns = 10'000'000;
/// Each remaining stop or destroy still gets this much when the total is spent.
inline constexpr std::int64_t minimum_stop_ns = 50'000'000;
inline constexpr std::int64_t cancelled_limit_ns = 5'000'000'000;
/// How often a callback that was told to give up is told again.
inline constexpr std::int64_t cancel_again_ns = 20'000'000;
/// How often deadlines are looked at while modules come up or go down one after the other: else each step would ask for a look of its own.
inline constexpr std::int64_t walking_check_ns = 50'000'000;
/// How often a control thread that the system did not give is asked for again.
inline constexpr std::int64_t thread_again_ns = 100'000'000;
inline constexpr std::int64_t hurried_module_ns = 1'000'000'000;
inline constexpr std::int64_t hurried_total_ns = 5'000'000'000;

class Runner::Core : public std::enable_shared_from_this<Runner::Core> {
 public:
  Core(std::vector<RunnerModule> modules, RunnerOptions options, RunnerObserver& observer);

  void start();
  void request_stop();
  std::int64_t check();
  void configure(std::uint32_t module, ConfigChange change);
  void module_wedged(std::uint32_t module, Error why);
  bool finished() const;
  void wait_finished();
  RunnerResult result() const;
  std::vector<ModuleStatus> status() const;
  ModuleStatus status(std::uint32_t module) const;
  std::int64_t latest_deadline() const;
  void free_instances();

 private:
  using Lock = std::unique_lock<std::mutex>;
  enum class Stage : std::uint8_t { boot, run, stop, destroy, finished };

  struct Step {
    std::uint32_t module;
    Phase phase;
    ConfigChange change;  ///< of configure
  };
  struct Row {
    RunnerModule module;
    ModuleState state = ModuleState::planned;
    std::int64_t since_ns = 0;
    std::string reason;
    bool alive = true;          ///< takes part in further boot phases
    bool created = false;       ///< destroy is owed
    bool start_called = false;  ///< stop is owed
    bool settled = false;       ///< nobody need wait for its start any more
    bool wedged = false;
    std::int64_t pending_until_ns = 0;  ///< deadline of a PENDING start; 0 = none
    std::int64_t pending_since_ns = 0;
    bool pending_warned = false;
    bool pending_cut = false;               ///< its deadline was shortened by a request to stop
    std::unique_ptr<Outcome> early;         ///< of a PENDING start that completed before its function returned
    std::optional<ModuleState> after_undo;  ///< what it is once stopped and destroyed; default stopped
    bool blocked = false;                   ///< something it requires failed
    std::uint32_t waits_for = 0;            ///< unsettled requirements, in the start phase
    std::vector<std::uint32_t> dependents;  ///< who requires it
    std::vector<std::uint32_t> followers;   ///< who comes after it
  };
  /// One control thread and what it is doing. An abandoned thread belongs to an older epoch.
  struct Slot {
    std::uint64_t epoch = 0;
    bool active = false;
    bool has_thread = false;
    bool warned = false;
    bool cancelled = false;  ///< told to give up
    Step step{};
    std::int64_t since_ns = 0, limit_ns = 0, deadline_ns = 0;
    std::int64_t cut_ns = 0;  ///< what a request to stop left of it; 0 = all
  };

  // walk.cpp: what comes next
  void control(std::size_t slot, std::uint64_t epoch);
  bool launch(std::size_t slot);
  std::optional<Step> next();
  std::optional<Step> next_boot();
  std::optional<Step> next_start();
  void begin_row();
  void end_row();
  void skip(std::uint32_t module, Phase phase);
  void settle(std::uint32_t module);
  Outcome perform(const Step& step, std::int64_t deadline_ns);
  void begin(Slot& slot, Step step);
  void finish(const Step& step, Outcome outcome, std::int64_t begin_ns);
  void completed(std::uint32_t module, Phase phase, Outcome outcome);

  // failure.cpp: what a failure undoes
  void fail(std::uint32_t module, Phase phase, Error error, bool wedged);
  void drop(Row& row);
  void undo(std::uint32_t module);
  bool is_owed(const Step& step) const;
  void undo_one(std::uint32_t module);
  void end_boot(const Error& error);

  // stop.cpp: the way back, and deadlines
  void begin_stop();
  void abandon(std::size_t slot);
  void look_at(std::int64_t at_ns);
  void set_pending(Row& row, std::int64_t until_ns);
  std::optional<Step> next_stop();
  std::int64_t limit_of(const Step& step) const;
  void end_all();

  // report.cpp: what is told
  void set_state(Row& row, ModuleState state, std::string reason = {});
  void tell(std::function<void()> event);
  void emit(Lock& lock);
  ModuleStatus status_of(const Row& row) const;

  std::int64_t now() const { return options_.now(); }

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  RunnerOptions options_;
  RunnerObserver& observer_;
  std::vector<Row> rows_;
  std::vector<Slot> slots_;
  std::uint32_t pending_ = 0;  ///< rows whose start is PENDING
  std::uint32_t active_ = 0;   ///< steps under way

  Stage stage_ = Stage::boot;
  std::size_t phase_row_ = 0, cursor_ = 0;  ///< where the boot walk is
  bool row_begun_ = false;
  std::uint32_t row_calls_ = 0;
  std::set<std::uint32_t> startable_;  ///< in the start phase: what nothing is waited for
  std::uint32_t starts_left_ = 0;
  std::deque<Step> undo_;  ///< goes before everything else
  std::deque<Step> configure_;
  std::vector<std::uint32_t> start_order_, create_order_;
  std::size_t stops_left_ = 0, destroys_left_ = 0;

  bool stop_requested_ = false, hurried_ = false, boot_failed_ = false;
  std::int64_t stop_total_until_ns_ = 0, shutdown_until_ns_ = 0;
  std::int64_t next_check_ns_ = no_deadline;
  RunnerResult result_;
  std::deque<std::function<void()>> events_;
  bool emitting_ = false;
  bool told_end_ = false;  ///< the observer has heard everything it will
};

}  // namespace tenon::host
