// Kernel: everything modules of one host use, in one place: made together, ticked together, ended in the right order.
#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "kernel/audit.hpp"
#include "kernel/container.hpp"
#include "kernel/events.hpp"
#include "kernel/health.hpp"
#include "kernel/log.hpp"
#include "kernel/metrics.hpp"
#include "kernel/owner.hpp"
#include "kernel/services.hpp"
#include "kernel/state.hpp"
#include "kernel/storage.hpp"
#include "kernel/task_clock.hpp"
#include "kernel/tasks.hpp"
#include "kernel/workers.hpp"

namespace tenon::host {

struct KernelOptions {
  WorkerPool::Options workers;
  Services::Options services;    ///< without hooks: they are the kernel's
  Container::Options container;  ///< likewise
  EventLimits events;
  MetricLimits metrics;
  Tasks::Options tasks;
  std::unique_ptr<AuditLog> audit;  ///< null = nothing is recorded
};

/// The parts, each usable alone. Making one costs neither threads nor files but three descriptors; those come with the first use.
/// Thread-safe after construction. Outlives every owner that took part.
class Kernel {
 public:
  /// Errors: no descriptors left (os_error).
  static Result<std::unique_ptr<Kernel>> make(LogCore& log, KernelOptions options);
  ~Kernel();
  Kernel(const Kernel&) = delete;
  Kernel& operator=(const Kernel&) = delete;

  LogCore& log() { return log_; }
  /// The host as an owner: publishes below `tenon`.
  Owner& host() { return host_; }
  WorkerPool& workers() { return workers_; }
  Tasks& tasks() { return tasks_; }
  Services& services() { return services_; }
  Container& container() { return container_; }
  Events& events() { return events_; }
  Metrics& metrics() { return metrics_; }
  Health& health() { return health_; }
  AuditLog& audit() { return *audit_; }
  /// All metrics as Prometheus text, the host's own before those of modules: uptime, modules, workers, health, services, events, tasks, storage. Every name
  /// of theirs begins with `tenon_`. [any]
  std::string metrics_text(std::int64_t monotonic_now_ns);
  /// How many modules are in which state, by the name of the state; asked by metrics_text, on its thread. Empty = nobody knows any more. [any]
  using ModuleCounts = std::function<std::map<std::string, std::uint64_t>()>;
  void count_modules_by(ModuleCounts counts);
  /// Opens storage and state, once, before any module is loaded; without it there are none. Errors carry the exit code. `storage`: `state` and
  /// `executor` are the kernel's.
  Result<void> open_storage(std::unique_ptr<StorageBackend> backend, StorageOptions storage = {}, StateOptions state = {});
  /// nullptr if there is none.
  Storage* storage() { return storage_.get(); }
  State* state() { return state_.get(); }
  /// After every owner has left: what is queued is written, the store closed. DEADLINE_EXCEEDED: a disk does not answer, and nothing of the
  /// kernel may be freed.
  Result<void> close_storage(std::int64_t deadline_ns);
  /// A refusal for want of permission, for the audit and the log. Of one module at most `denials_per_second` are told each second, the tick says how many
  /// others there were: what a module tries again and again must not fill a disk. [any]
  void denied(std::string_view module, std::string_view verb, std::string_view target, const Error& error) noexcept;
  static constexpr std::uint32_t denials_per_second = 10;

  /// True once a module has asked for anything of it.
  [[nodiscard]] bool in_use() const { return in_use_.load(std::memory_order_relaxed); }
  void set_in_use() { in_use_.store(true, std::memory_order_relaxed); }
  static constexpr std::int64_t tick_ns = 100'000'000;         ///< while handlers run
  static constexpr std::int64_t idle_tick_ns = 1'000'000'000;  ///< at the latest
  /// Looks after deadlines of workers, drops of events, times to live, checks, the audit; logs what they report. On one thread; never calls a module.
  /// Returns when it wants to be called again: `tick_ns` later while handlers run or wait, when a check is due, else `idle_tick_ns` later.
  std::int64_t tick(std::int64_t monotonic_now_ns);
  /// `roused`: work has come after a tick that saw none; a tick is wanted `tick_ns` later. On any thread; it must not block, throw or call the kernel.
  void on_rouse(std::function<void()> roused) { workers_.on_rouse(std::move(roused)); }

  /// After every owner has left: ends the threads. False if some thread never came back: then nothing of the kernel may be freed.
  bool end(std::int64_t deadline_ns);

 private:
  Kernel(LogCore& log, KernelOptions options, std::unique_ptr<TaskClock> clock);
  void tick_storage(std::int64_t now);
  void tick_denials();
  [[nodiscard]] bool is_told(std::string_view module);
  LogCore& log_;
  std::unique_ptr<AuditLog> audit_;
  Owner host_;
  WorkerPool workers_;
  std::unique_ptr<TaskClock> clock_;
  Tasks tasks_;
  Services services_;
  Container container_;
  std::vector<EventDrops> drops_;  ///< of one tick
  Events events_;
  Metrics metrics_;
  std::unique_ptr<State> state_;
  std::unique_ptr<Storage> storage_;  ///< behind the state, which it keeps equal
  std::int64_t storage_ticked_ns_ = 0;
  bool storage_is_slow_ = false, storage_is_full_ = false;
  Health health_;
  const std::int64_t began_ns_;
  std::mutex modules_mutex_;
  ModuleCounts module_counts_;
  std::atomic<bool> in_use_{false};
  std::int64_t audit_ticked_ns_ = 0;
  struct Denials {
    std::uint32_t told = 0;    ///< since the last second began
    std::uint64_t others = 0;  ///< not told since then
  };
  std::mutex denials_mutex_;
  std::map<std::string, Denials, std::less<>> denials_;  ///< by module; begun anew each second
};

}  // namespace tenon::host
