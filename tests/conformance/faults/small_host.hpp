// A host in the test's process, without modules' files: kernel and tables, and modules that are nothing but their instance.
#pragma once

#include <doctest/doctest.h>

#include <atomic>
#include <memory>
#include <string>
#include <string_view>
#include <thread>

#include "abi/host_context.hpp"
#include "abi/instance.hpp"
#include "base/clock.hpp"
#include "kernel/kernel.hpp"

namespace tenon::test {

inline std::int64_t soon() { return host::monotonic_ns() + 20'000'000'000; }
inline tenon_str str(std::string_view s) { return {s.data(), s.size()}; }
inline tenon_bytes bytes(std::string_view s) { return {reinterpret_cast<const std::uint8_t*>(s.data()), s.size()}; }
/// Waits for what another thread does.
template <class Done>
bool settles(Done&& done) {
  for (const std::int64_t end = soon(); !done();) {
    if (host::monotonic_ns() > end) return false;
    std::this_thread::yield();
  }
  return true;
}
/// What may come of a call that has to have memory.
inline bool is_clean(tenon_status status) { return status == TENON_OK || status == TENON_RESOURCE_EXHAUSTED; }

/// Kernel with a store, looked after as a daemon does.
class SmallHost {
 public:
  /// `backend`: null = a store in memory.
  explicit SmallHost(host::KernelOptions options = {}, std::unique_ptr<host::StorageBackend> backend = {});
  ~SmallHost();
  host::Kernel& kernel() { return *kernel_; }
  host::HostContext& context() { return *context_; }
  host::LogCore& log() { return log_; }

 private:
  host::LogCore log_;
  std::unique_ptr<host::Kernel> kernel_;
  std::unique_ptr<host::HostContext> context_;
  std::atomic<bool> ending_{false};
  std::thread ticker_;
};

/// A module that has started. Leaves in the destructor.
class SmallModule {
 public:
  SmallModule(SmallHost& host, const std::string& name, host::InstanceOptions options = {});
  ~SmallModule() { leave(); }
  /// Each step of it has so long.
  void leave(std::int64_t within_ns = 20'000'000'000);
  tenon_ctx* ctx() { return instance_->ctx(); }
  host::Instance& instance() { return *instance_; }
  template <class Table>
  const Table* table(const char* id) {
    const auto* found = static_cast<const Table*>(instance_->query(id));
    REQUIRE(found != nullptr);
    return found;
  }

 private:
  SmallHost& host_;
  std::unique_ptr<host::Instance> instance_;
};

/// How often it was released, and how often it was used.
struct Registered {
  std::atomic<int> released{0}, used{0};
  static void release(void* data) noexcept { ++static_cast<Registered*>(data)->released; }
};

}  // namespace tenon::test
