// HostTopics: what the host publishes of itself below `tenon.`; tenon/events.h documents the payloads.
#pragma once

#include <atomic>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "kernel/kernel.hpp"
#include "lifecycle/module_state.hpp"

namespace tenon::host {

/// Costs nothing until a module uses the kernel: before that nobody can have subscribed. Thread-safe; never waits for a subscriber.
class HostTopics {
 public:
  HostTopics(Kernel& kernel, LogCore& log) : kernel_(kernel), log_(log) {}

  void module_state(const ModuleStatus& status);
  struct Change {
    std::string module;
    std::vector<std::string> paths;  ///< within the module's configuration
  };
  void config_changed(const std::vector<Change>& changes);
  /// A signal asked for the stop that follows.
  void stop_signalled(int signal) { signal_.store(signal, std::memory_order_relaxed); }
  /// The walk back begins. `grace_ns`: the time all modules have together.
  void shutdown(std::int64_t grace_ns);

 private:
  void publish(std::string_view topic, const std::string& json);
  Kernel& kernel_;
  LogCore& log_;
  std::atomic<int> signal_{0};
};

}  // namespace tenon::host
