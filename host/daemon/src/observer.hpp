// DaemonObserver: turns what the runner tells into log lines, the startup record and flags for the main loop.
#pragma once

#include <atomic>
#include <functional>
#include <mutex>
#include <string>
#include <unordered_map>
#include <vector>

#include "daemon/startup_report.hpp"
#include "kernel/log.hpp"
#include "lifecycle/runner.hpp"

namespace tenon::host {

/// A phase as it was walked, for the table of phases.
struct PhaseTime {
  std::string phase;
  std::uint32_t modules = 0;
  std::int64_t begin_ns = 0, end_ns = 0;
};

/// Called on control threads; what the main loop reads is behind a mutex or atomic.
class DaemonObserver final : public RunnerObserver {
 public:
  DaemonObserver(LogCore& log, std::function<void()> wake) : log_(log), wake_(std::move(wake)) {}
  std::function<void(const ModuleStatus& status)> on_state;
  std::function<void(const std::string& module, bool required)> on_load_overdue;
  std::function<void(const std::string& module)> on_load_interrupted;
  std::function<void()> on_stopping;

  void phase_began(Phase phase, std::int64_t at_ns) override;
  void phase_ended(Phase phase, std::int64_t at_ns, std::uint32_t modules) override;
  void state_changed(const ModuleStatus& status) override;
  void is_slow(const std::string& module, Phase phase, std::int64_t elapsed_ns, std::int64_t limit_ns) override;
  void failed(const ModuleFailure& failure, bool wedged, const std::vector<std::string>& holders) override;
  void timed(const std::string& module, Phase phase, std::int64_t begin_ns, std::int64_t end_ns, bool ok) override;
  void ready() override;
  void stopping() override;
  void finished() override;
  void wake(std::int64_t at_ns) override;
  void load_overdue(const std::string& module, bool required) override;
  void load_interrupted(const std::string& module) override;
  void no_thread() override;

  std::atomic<bool> is_ready{false}, is_stopping{false}, is_finished{false}, states_changed{false}, check_wanted{false};
  std::atomic<std::int64_t> ready_at_ns{0};
  [[nodiscard]] std::string current_phase() const;
  [[nodiscard]] std::vector<PhaseTime> phases() const;
  /// Spans per module, in the order they were first seen.
  [[nodiscard]] std::vector<ModuleSpans> spans() const;

 private:
  LogCore& log_;
  std::function<void()> wake_;
  std::atomic<bool> running_{false};
  mutable std::mutex mutex_;
  std::vector<PhaseTime> phases_;
  std::vector<ModuleSpans> spans_;
  std::unordered_map<std::string, std::size_t> span_index_;
};

}  // namespace tenon::host
