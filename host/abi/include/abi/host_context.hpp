// HostContext: what all instances of one host share.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "kernel/log.hpp"
#include "tenon/core.h"

namespace tenon::host {

class Kernel;
class Notifier;
class Strict;

/// An interface as query() knows it.
struct InterfaceInfo {
  std::string_view id;
  std::uint32_t size = 0;     ///< of this host's table
  bool runtime_only = false;  ///< NULL for plugins
};
/// Everything this host offers, sorted by id.
const std::vector<InterfaceInfo>& offered_interfaces();

/// Shared by all instances; outlives them. Thread-safe after construction.
class HostContext {
 public:
  /// Without a kernel, interfaces that need one are not offered.
  HostContext(LogCore& log, std::string version, std::string instance_id, Kernel* kernel = nullptr);
  ~HostContext();
  HostContext(const HostContext&) = delete;
  HostContext& operator=(const HostContext&) = delete;

  [[nodiscard]] const tenon_host* c_host() const { return &host_; }
  LogCore& log() { return log_; }
  /// nullptr if there is none.
  [[nodiscard]] Kernel* kernel() const { return kernel_; }
  /// The checking proxies' memory; nullptr unless `check_strictly` was called.
  [[nodiscard]] Strict* strict() const { return strict_.get(); }
  /// Modules get proxies of all tables (abi/strict.hpp). Before the first instance.
  void check_strictly();
  Notifier& notifier() { return *notifier_; }
  /// Of making parts for instances, and of moving their reach: rare, and never held while code of a module runs.
  std::mutex& parts_mutex() { return parts_mutex_; }

 private:
  LogCore& log_;
  Kernel* const kernel_;
  std::string version_, instance_id_;
  tenon_host host_{};
  std::unique_ptr<Notifier> notifier_;
  std::mutex parts_mutex_;
  std::unique_ptr<Strict> strict_;
};

/// A random UUIDv4 in text.
std::string make_uuid();

}  // namespace tenon::host
