// A host without files in the test's process, modules in it that are nothing but their instance, and cases run with every shortage of memory.
#pragma once

#include <doctest/doctest.h>

#include <atomic>
#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "abi/host_context.hpp"
#include "abi/instance.hpp"
#include "base/clock.hpp"
#include "kernel/kernel.hpp"
#include "memory.hpp"
#include "memory_backend.hpp"

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

/// Kernel with a store in memory, looked after as a daemon does.
class SmallHost {
 public:
  explicit SmallHost(host::KernelOptions options = {});
  ~SmallHost();
  host::Kernel& kernel() { return *kernel_; }
  host::HostContext& context() { return *context_; }

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
  void leave();
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

/// How often it was released, and how often it may be used.
struct Registered {
  std::atomic<int> released{0}, used{0};
  static void release(void* data) noexcept { ++static_cast<Registered*>(data)->released; }
};

/// `run(Starving&)` with the first, the second … allocation failing, alone and with all after it, until one run asks for no more. Each run makes
/// and ends its own host; afterwards nothing of what was allocated in a shortage may be left.
template <class Run>
void with_every_shortage(Run&& run) {
  host::this_thread_frames();  // kept for ever, however often it is asked for
  for (const bool lasts : {false, true}) {
    bool struck = true;
    for (unsigned number = 1; struck; ++number) {
      REQUIRE(number < 500);
      Starving starving({number, lasts});
      CAPTURE(starving.text());
      run(starving);
      CHECK(blocks_left() == 0);
      struck = starving.struck();
    }
  }
}

}  // namespace tenon::test
