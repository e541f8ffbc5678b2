// A host without a daemon: instances whose module is the test itself, and what they logged.
#pragma once

#include <doctest/doctest.h>

#include <chrono>
#include <cstring>
#include <future>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "abi/host_context.hpp"
#include "abi/instance.hpp"
#include "abi/notifier.hpp"
#include "tenon/check.h"

namespace tenon::host::test {

/// Long enough to never come true on a slow machine; a test that reaches it has failed.
inline std::int64_t in_a_minute() { return monotonic_ns() + 60'000'000'000; }

/// Every record written since it was made: "level module phase message key=value ...".
class Records {
 public:
  explicit Records(LogCore& log) : log_(log) {
    log.end_early();
    handle_ = log.add_receiver([this](const LogRecordView& r) {
      std::string line =
          std::string(level_name(r.level)) + " " + std::string(r.module) + " " + std::string(r.phase) + " " + std::string(r.message);
      for (const LogField& f : r.fields) line += " " + std::string(f.key) + "=" + std::string(f.value);
      const std::lock_guard lock(mutex_);
      lines_.push_back(std::move(line));
    });
  }
  ~Records() { log_.remove_receiver(handle_); }
  Records(const Records&) = delete;
  Records& operator=(const Records&) = delete;
  [[nodiscard]] std::vector<std::string> lines() const {
    const std::lock_guard lock(mutex_);
    return lines_;
  }
  [[nodiscard]] std::string last() const {
    const std::lock_guard lock(mutex_);
    return lines_.empty() ? std::string() : lines_.back();
  }

 private:
  LogCore& log_;
  std::uint64_t handle_ = 0;
  mutable std::mutex mutex_;
  std::vector<std::string> lines_;
};

/// The process' log and host; no target is open, so nothing is printed.
struct World {
  LogCore log;
  HostContext host{log, "1.2.3", "00000000-0000-4000-8000-000000000001"};
};

inline InstanceOptions options_of(std::string name, bool trusted = false) {
  InstanceOptions options;
  options.name = std::move(name);
  options.trusted = trusted;
  options.may_change = [](std::string_view path) { return path.starts_with("live"); };
  return options;
}

/// Runs `module` as a callback of `phase`, without the right to defer.
template <class Module>
Outcome run_as(Instance& instance, Phase phase, Module&& module, std::int64_t deadline_ns = no_deadline) {
  return instance.enter(phase, deadline_ns, Gate::State::open, {}, [&](tenon_call* call, tenon_error* error) -> tenon_status {
    if constexpr (std::is_void_v<decltype(module(call, error))>) {
      module(call, error);
      return TENON_OK;
    } else {
      return module(call, error);
    }
  });
}

template <class Table>
const Table& table_of(Instance& instance, const char* id) {
  const void* table = instance.ctx()->host->query(instance.ctx(), {id, std::strlen(id)});
  REQUIRE(table != nullptr);
  return *static_cast<const Table*>(table);
}

inline tenon_str str(std::string_view s) { return {s.data(), s.size()}; }

/// Views that cannot be: what a module with a bug passes.
inline constexpr tenon_str impossible[] = {{nullptr, 1}, {"x", SIZE_MAX}, {"x", static_cast<std::size_t>(PTRDIFF_MAX)}};

inline tenon_error fresh_error() {
  tenon_error error{};
  error.struct_size = sizeof error;
  return error;
}

/// Counts, and can be waited for.
class Counter {
 public:
  void add() {
    const std::lock_guard lock(mutex_);
    ++count_;
    changed_.notify_all();
  }
  [[nodiscard]] int value() const {
    const std::lock_guard lock(mutex_);
    return count_;
  }
  bool wait_for(int count) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, std::chrono::seconds(60), [&] { return count_ >= count; });
  }

 private:
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  int count_ = 0;
};

inline void count_release(void* counter) noexcept { static_cast<Counter*>(counter)->add(); }

}  // namespace tenon::host::test
